"""The file store keeps its word, on a folder and on S3."""

import hashlib
import os

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from registry import storage
from registry.models import Artifact
from registry.refusals import Unavailable

MB = 1024 * 1024


@pytest.fixture
def folder(settings, tmp_path):
    location = tmp_path / "files"
    backend = {"BACKEND": "registry.storage.LocalFiles", "OPTIONS": {"location": str(location)}}
    settings.STORAGES = {**settings.STORAGES, "default": backend}
    return Folder(location)


@pytest.fixture(params=["folder", pytest.param("s3", marks=[pytest.mark.s3, pytest.mark.processes])])
def files(request, settings):
    """The file store, empty."""
    if request.param == "s3":
        peer = request.getfixturevalue("s3_peer")
        peer.empty()
        settings.STORAGES = peer.storages()
        return peer
    return request.getfixturevalue("folder")


class Folder:
    def __init__(self, path):
        self.path = path

    def stored_keys(self):
        return sorted(str(p.relative_to(self.path)) for p in self.path.rglob("*") if p.is_file())

    def damage(self, key):
        path = self.path / key
        os.chmod(path, 0o600)
        path.write_bytes(b"something else")


def kept(content: bytes) -> Artifact:
    sha256, size = storage.put(ContentFile(content))
    return Artifact(sha256=sha256, size=size)


def test_a_file_is_named_by_its_digest(files):
    sha256, size = storage.put(ContentFile(b"the model"))
    assert (sha256, size) == (hashlib.sha256(b"the model").hexdigest(), 9)
    assert files.stored_keys() == [f"sha256/{sha256[:2]}/{sha256}"]


def test_what_goes_in_comes_out(files, tmp_path):
    content = os.urandom(20 * MB + 7)  # two parts on S3
    artifact = kept(content)
    assert b"".join(storage.open_stream(artifact)) == content
    storage.download(artifact, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content


def test_an_empty_file_comes_back_empty(files):
    assert b"".join(storage.open_stream(kept(b""))) == b""


def test_the_same_bytes_are_stored_once(files, monkeypatch):
    kept(b"the model")
    monkeypatch.setattr(type(default_storage._wrapped), "store", None)  # a second write would fail
    kept(b"the model")
    assert len(files.stored_keys()) == 1


def test_bytes_that_are_not_what_was_announced_are_not_stored(files):
    with pytest.raises(Unavailable, match="changed while"):
        storage.put(ContentFile(b"the model"), sha256="0" * 64)
    assert files.stored_keys() == []


def test_a_missing_file_says_so(files, tmp_path):
    with pytest.raises(Unavailable) as told:
        storage.download(Artifact(sha256="ab" * 32), tmp_path / "copy")
    assert told.value.code == "missing_file"
    assert list(tmp_path.glob("*copy*")) == []


def test_a_damaged_file_is_noticed_and_not_kept(files, tmp_path):
    artifact = kept(b"the model")
    files.damage(artifact.key)
    with pytest.raises(Unavailable) as told:
        storage.download(artifact, tmp_path / "copy")
    assert told.value.code == "corrupt"
    assert list(tmp_path.glob("*copy*")) == []


def test_a_removed_file_is_gone(files):
    artifact = kept(b"the model")
    assert storage.is_stored(artifact.sha256)
    storage.remove(artifact.sha256)
    assert not storage.is_stored(artifact.sha256)
    assert files.stored_keys() == []


def test_a_folder_gives_no_links(folder):
    assert storage.signed_url(kept(b"the model"), "model.joblib") is None


def test_a_write_that_breaks_leaves_no_partial_file(folder, monkeypatch):

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("registry.storage.os.fsync", full)
    with pytest.raises(Unavailable, match="No space left on device"):
        kept(b"the model")
    assert folder.stored_keys() == []
