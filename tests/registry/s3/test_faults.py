"""What people are told, and what is left behind, when the S3 server is down, frozen, wrong or slow."""

import io
import os
import urllib.error
import urllib.request
from contextlib import nullcontext

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody
from django.core.files.base import ContentFile, File

from registry import actions, storage
from registry.models import Artifact, ModelVersion
from registry.refusals import Unavailable
from tests import small
from tests.s3peer import BUCKET, S3Peer, python_of_peer

pytestmark = [pytest.mark.s3, pytest.mark.processes]

MB = 1024 * 1024
IMPATIENT = {"connect_timeout": 1, "read_timeout": 1}  # seconds


@pytest.fixture
def own_peer(tmp_path):
    """A server of this test's own, to kill or freeze."""
    peer = S3Peer(python_of_peer(), tmp_path / "s3.log")
    yield peer
    peer.stop()


class Interrupted(File):
    """A file during whose second reading, when it is sent, `act` happens halfway; the first is for its digest."""

    def __init__(self, size, act):
        super().__init__(io.BytesIO(b"m" * size))
        self.left, self.act = 1.5 * size, act

    def read(self, *args):
        piece = self.file.read(*args)
        self.left -= len(piece)
        if self.left < 0 and self.act:
            act, self.act = self.act, None
            act()
        return piece


def test_a_link_serves_the_file_under_its_own_name(s3_peer, settings):
    settings.STORAGES = s3_peer.storages()
    sha256, size = storage.put(ContentFile(b"the model"))
    link = storage.signed_url(Artifact(sha256=sha256, size=size), "Ertragsmodell für 2026.joblib")
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == b"the model"
        assert answer.headers["Content-Disposition"].startswith("attachment; filename*=utf-8''Ertragsmodell%20f")
        assert answer.headers["Content-Type"] == "application/octet-stream"


def tampered(link):
    return link[:-1] + ("0" if link[-1] != "0" else "1")


def unsigned(link):
    return link.partition("?")[0]


@pytest.mark.parametrize("change", [tampered, unsigned])
def test_a_tampered_or_unsigned_link_is_refused(s3_peer, settings, change):
    settings.STORAGES = s3_peer.storages()
    sha256, size = storage.put(ContentFile(b"the model"))
    link = storage.signed_url(Artifact(sha256=sha256, size=size), "model.joblib")
    with pytest.raises(urllib.error.HTTPError) as told:
        urllib.request.urlopen(change(link))
    assert told.value.code == 403
    told.value.close()


@pytest.mark.parametrize("wrong", [{"bucket_name": "no-such-bucket"}, {"access_key": "nobody"}])
def test_a_wrong_bucket_or_key_is_refused_in_plain_words(s3_peer, settings, wrong):
    settings.STORAGES = s3_peer.storages(**wrong)
    with pytest.raises(Unavailable, match="The file store refuses: .*check its bucket and keys"):
        storage.put(ContentFile(b"the model"))


def test_a_server_that_is_down_is_reported(own_peer, settings):
    settings.STORAGES = own_peer.storages(**IMPATIENT)
    own_peer.stop()
    with pytest.raises(Unavailable, match="The file store does not answer"):
        storage.put(ContentFile(b"the model"))


def test_a_frozen_server_is_reported_and_an_upload_works_once_it_thaws(own_peer, settings):
    settings.STORAGES = own_peer.storages(**IMPATIENT)
    own_peer.freeze()
    with pytest.raises(Unavailable, match="The file store does not answer"):
        storage.put(ContentFile(b"the model"))
    own_peer.thaw()
    sha256, _size = storage.put(ContentFile(b"the model"))
    assert own_peer.stored_keys() == [f"sha256/{sha256[:2]}/{sha256}"]


def test_a_server_killed_in_the_middle_of_an_upload_is_reported(own_peer, settings):
    settings.STORAGES = own_peer.storages(**IMPATIENT)
    source = Interrupted(40 * MB, own_peer.stop)
    with pytest.raises(Unavailable, match="The file store does not answer"):
        storage.put(source)
    assert source.act is None  # it was killed in the middle, not before


def test_a_server_frozen_in_the_middle_of_an_upload_keeps_no_object(own_peer, settings):
    settings.STORAGES = own_peer.storages(**IMPATIENT)
    source = Interrupted(40 * MB, own_peer.freeze)
    with pytest.raises(Unavailable, match="The file store does not answer"):
        storage.put(source)
    assert source.act is None
    own_peer.thaw()
    assert own_peer.stored_keys() == []


def test_a_server_lost_in_the_middle_of_a_download_leaves_no_file(own_peer, settings, tmp_path):
    settings.STORAGES = own_peer.storages(**IMPATIENT)
    sha256, size = storage.put(ContentFile(b"m" * 40 * MB))
    chunks = storage.open_stream(Artifact(sha256=sha256, size=size))
    next(chunks)
    own_peer.freeze()
    with pytest.raises(Unavailable, match="The file store does not answer"):
        list(chunks)
    with pytest.raises(Unavailable):
        storage.download(Artifact(sha256=sha256, size=size), tmp_path / "copy")
    assert list(tmp_path.glob("*copy*")) == []


def breaking(times):
    """StreamingBody.iter_chunks that breaks off after its first chunk, so many times."""
    whole, left = StreamingBody.iter_chunks, [times]

    def iter_chunks(self, size):
        for chunk in whole(self, size):
            yield chunk
            if left[0]:
                left[0] -= 1
                raise ReadTimeoutError(endpoint_url="the server")

    return iter_chunks


@pytest.mark.parametrize(("breaks", "arrives"), [(2, True), (3, False)])
def test_a_download_that_breaks_off_is_taken_up_again_twice(s3_peer, settings, monkeypatch, breaks, arrives):
    settings.STORAGES = s3_peer.storages()
    content = os.urandom(5 * MB + 3)
    sha256, size = storage.put(ContentFile(content))
    monkeypatch.setattr(StreamingBody, "iter_chunks", breaking(breaks))
    with nullcontext() if arrives else pytest.raises(Unavailable, match="does not answer"):
        assert b"".join(storage.open_stream(Artifact(sha256=sha256, size=size))) == content


def test_an_upload_while_the_server_is_down_leaves_no_rows(
    own_peer, settings, registered_model, developer, small_model
):
    settings.STORAGES = own_peer.storages(**IMPATIENT)
    own_peer.stop()
    with pytest.raises(Unavailable):
        actions.upload_version(registered_model, actor=developer, file=small.upload(small_model))
    assert (ModelVersion.objects.count(), Artifact.objects.count()) == (0, 0)


def test_a_version_is_uploaded_to_the_server_and_read_back(s3_peer, settings, registered_model, developer, small_model):
    settings.STORAGES = s3_peer.storages()
    version = actions.upload_version(registered_model, actor=developer, file=small.upload(small_model))
    assert version.artifact.key in s3_peer.stored_keys()
    assert b"".join(storage.open_stream(version.artifact)) == small_model.read_bytes()


def test_the_bucket_is_addressed_in_the_path(s3_peer, settings):
    settings.STORAGES = s3_peer.storages()
    sha256, size = storage.put(ContentFile(b"the model"))
    link = storage.signed_url(Artifact(sha256=sha256, size=size), "model.joblib")
    assert link.startswith(f"{s3_peer.endpoint}/{BUCKET}/sha256/")
