"""Take an uploaded file in before any row is written: measure it, have it read in the sandbox, store it."""

import logging
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from django.conf import settings
from django.core.files.base import File

from registry import storage
from registry.models import Artifact
from registry.refusals import BadInput, Unavailable

logger = logging.getLogger(__name__)
# Unicode's categories of controls, of marks of direction and no width, of separators of lines, of broken characters.
UNSEEN = {"Cc", "Cf", "Zl", "Zp", "Cs"}


@dataclass(frozen=True)
class Received:
    """A file that was read in the sandbox and stored; the rows that name it are still to be written."""

    sha256: str
    size: int  # bytes
    name: str
    format: str
    content: dict[str, Any]  # what the sandbox read
    converted_from: dict[str, Any] | None = None  # {file, format, sha256, bytes} of the upload that this was made of

    def artifact(self) -> Artifact:
        artifact, _new = Artifact.objects.get_or_create(sha256=self.sha256, defaults={"size": self.size})
        # Uploaded again after a purge. Waits for one that is going on, which then finds it in use.
        if Artifact.objects.filter(pk=artifact.pk, purged_at__isnull=False).update(purged_at=None):
            artifact.purged_at = None
        return artifact


@contextmanager
def receive(
    file: File,
    *,
    find_format: Callable[[Path, str], str],
    read: Callable[[Path, str, str], dict],
    refuse: Callable[[str], None],
    kept_as: Callable[[Path, str], AbstractContextManager[tuple[Path, str]]] | None = None,
) -> Iterator[Received]:
    """Yield the received file; when what follows fails, the stored bytes go again unless another row has them.

    `refuse(sha256)` raises where these bytes are not wanted, before the costly part: `read(path, format, sha256)`.
    `kept_as(path, format)` gives the file that is kept instead of the one that was uploaded, and its format.
    """
    name, origin = name_of(file), None
    with ExitStack() as open_files:
        path = open_files.enter_context(_on_disk(file))
        digest, size = _measured(path, name)
        refuse(digest)
        format = find_format(path, name)
        kept, kept_format = open_files.enter_context(kept_as(path, format)) if kept_as else (path, format)
        if kept != path:
            origin = {"file": name, "format": format, "sha256": digest, "bytes": size}
            path, format, name = kept, kept_format, f"{PurePath(name).stem}.{kept_format}"
            digest, size = _measured(path, name)
            refuse(digest)
        content = read(path, format, digest)
        source = File(open_files.enter_context(open(path, "rb")))
        storage.put(source, sha256=digest)
        try:
            yield Received(digest, size, name, format, content, origin)
        except BaseException:
            _take_back(source, digest)
            raise
        _see_it_kept(source, digest)


def name_of(file: File) -> str:
    """The name that it was uploaded under, without folders, and without what nobody sees or what turns it round."""
    shown = "".join(each for each in file.name or "" if unicodedata.category(each) not in UNSEEN)
    return PurePath(shown.replace("\\", "/")).name[:255]


def _measured(path: Path, name: str) -> tuple[str, int]:
    """Digest and size. Raises BadInput for an empty file or one over the limit."""
    with open(path, "rb") as handle:
        digest, size = storage.digest_of(File(handle))
    _check_size(name, size)
    return digest, size


def _check_size(name: str, size: int) -> None:
    if size == 0:
        raise BadInput(f"{name} is empty.", hint="Choose the file again.", code="empty_file", field="file")
    limit = settings.MODELRISK_MAX_UPLOAD_BYTES
    if size > limit:
        raise BadInput(f"{name} has {size:,} bytes; the limit is {limit:,}.", code="too_big", field="file")


def _see_it_kept(source: File, digest: str) -> None:
    """A failing upload of the same bytes may have taken them back meanwhile; the row that names them is written."""
    try:
        if not storage.is_stored(digest):
            storage.put(source, sha256=digest)
    except Unavailable:  # to say now that nothing was changed would be untrue
        logger.exception("the file store did not answer whether it still has %s", digest)


def _take_back(source: File, digest: str) -> None:
    """Look again after removing: another upload of the same bytes may have written its row in between."""
    kept = Artifact.objects.filter(sha256=digest, purged_at=None)
    if kept.exists():
        return
    storage.remove(digest)
    if kept.exists():
        storage.put(source, sha256=digest)


@contextmanager
def _on_disk(file: File) -> Iterator[Path]:
    """Uploads are on disk already; anything else is copied there in chunks."""
    if hasattr(file, "temporary_file_path"):
        yield Path(file.temporary_file_path())
        return
    with tempfile.NamedTemporaryFile(prefix="modelrisk-", dir=settings.FILE_UPLOAD_TEMP_DIR) as copy:
        for chunk in file.chunks():
            copy.write(chunk)
        copy.flush()
        yield Path(copy.name)
