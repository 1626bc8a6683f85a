"""The file store: content-addressed, streamed both ways.

A file is stored once under `sha256/aa/<digest>`. The digest is ours, computed while the bytes pass; it is checked again
each time they come back, because the store's own checksums are of parts and are not kept everywhere.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
)
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, default_storage
from django.utils.http import content_disposition_header
from storages.backends.s3 import S3Storage

from registry.models import Artifact
from registry.refusals import Unavailable

CHUNK = 1024 * 1024  # bytes
PART = 16 * 1024 * 1024  # bytes; one part is in memory at a time
RESUMES = 2  # times that a download that broke off is taken up again
BROKEN_BODY = (HTTPClientError, IncompleteReadError)


class LocalFiles(FileSystemStorage):
    """A local folder."""

    def store(self, name: str, source: File) -> None:
        """Write under a temporary name, then rename: a file is either wholly there or not at all."""
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(prefix=".partial-", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as out:
                for chunk in source.chunks(CHUNK):
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
            os.chmod(partial, 0o440)
            os.replace(partial, target)
            _sync_folder(target.parent)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise

    def stream(self, name: str) -> Iterator[bytes]:
        with open(self.path(name), "rb") as source:
            while chunk := source.read(CHUNK):
                yield chunk

    def link(self, name: str, filename: str, seconds: int) -> str | None:
        """A folder has no links of its own: the web process streams the file."""
        return None


class S3Files(S3Storage):
    """A bucket, with time-outs that notice a frozen server, and one part in memory at a time."""

    def get_default_settings(self) -> dict:
        return super().get_default_settings() | {
            "default_acl": None,
            "object_parameters": {"ContentType": "application/octet-stream"},
            "transfer_config": TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, use_threads=False),
            "connect_timeout": 3,  # seconds
            "read_timeout": 10,  # seconds, for each answer and each piece of a body
        }

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.client_config = Config(
            signature_version="s3v4",
            # Most S3-compatible servers know the bucket in the path only.
            s3={"addressing_style": "path" if self.endpoint_url else "auto"},
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            retries={"max_attempts": 2, "mode": "standard"},
            proxies=self.proxies,
        )

    @property
    def _client(self):
        return self.connection.meta.client

    def store(self, name: str, source: File) -> None:
        """`save` only: django-storages' write-mode `open` breaks with checksums."""
        self.save(name, source)

    def stream(self, name: str) -> Iterator[bytes]:
        """The body as it comes, taken up where it broke off: django-storages' `open` would hold it all in memory."""
        got, breaks = 0, 0
        while True:
            rest = {"Range": f"bytes={got}-"} if got else {}
            body = self._client.get_object(Bucket=self.bucket_name, Key=name, **rest)["Body"]
            try:
                with body:
                    for chunk in body.iter_chunks(CHUNK):
                        got += len(chunk)
                        yield chunk
                return
            except BROKEN_BODY:
                breaks += 1
                if breaks > RESUMES:
                    raise

    def link(self, name: str, filename: str, seconds: int) -> str | None:
        disposition = content_disposition_header(as_attachment=True, filename=filename)
        return self.url(name, parameters={"ResponseContentDisposition": disposition}, expire=seconds)


class LockedS3Files(S3Files):
    """A bucket with Object Lock: for `lock_days` nobody removes or replaces what was put there, its owner included."""

    lock_days: int

    def get_default_settings(self) -> dict:
        return super().get_default_settings() | {"lock_days": 0, "file_overwrite": False}

    def get_object_parameters(self, name: str) -> dict:
        given = super().get_object_parameters(name)
        if not self.lock_days:
            return given
        until = datetime.now(UTC) + timedelta(days=self.lock_days)
        return given | {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}


def put(file: File, *, sha256: str | None = None) -> tuple[str, int]:
    """Store the file once; returns its digest and its size in bytes.

    With `sha256` given, the bytes must have it. Raises Unavailable where the store does not answer; nothing is kept.
    """
    digest, size = digest_of(file)
    if sha256 is not None and digest != sha256:
        raise Unavailable("The file changed while it was being stored. Upload it again.", code="corrupt")
    key = Artifact(sha256=digest, size=size).key
    with answering():
        if not default_storage.exists(key):
            file.seek(0)
            default_storage.store(key, file)
    return digest, size


def remove(sha256: str) -> None:
    with answering():
        default_storage.delete(Artifact(sha256=sha256).key)


def is_stored(sha256: str) -> bool:
    with answering():
        return default_storage.exists(Artifact(sha256=sha256).key)


def open_stream(artifact: Artifact) -> Iterator[bytes]:
    """The bytes in chunks. Asks the store at once, so that an error comes before the first byte is sent on."""
    _check_kept(artifact)
    chunks = default_storage.stream(artifact.key)
    with answering():
        first = next(chunks, b"")
    return _checked_chunks(first, chunks, artifact)


def download(artifact: Artifact, to: Path) -> None:
    """Write the bytes to `to`; the file appears only when its digest is right."""
    partial = to.with_name(f".{to.name}.partial")
    try:
        with open(partial, "wb") as out:
            for chunk in open_stream(artifact):
                out.write(chunk)
        partial.replace(to)
    finally:
        partial.unlink(missing_ok=True)


def signed_url(artifact: Artifact, filename: str, *, seconds: int = 60) -> str | None:
    """A link straight to the store, for a minute; None where the store has no links."""
    _check_kept(artifact)
    with answering():
        return default_storage.link(artifact.key, filename, seconds)


def digest_of(file: File) -> tuple[str, int]:
    """SHA-256 and size in bytes, read in chunks."""
    hashed, size = hashlib.sha256(), 0
    for chunk in file.chunks(CHUNK):
        hashed.update(chunk)
        size += len(chunk)
    return hashed.hexdigest(), size


def gone(artifact: Artifact) -> str | None:
    """That its bytes were purged, as a sentence; None where they were not."""
    if artifact.purged_at is None:
        return None
    day = f"{artifact.purged_at:%-d %b %Y}"
    return f"The file {artifact} was purged on {day} under a retention rule; its digest is kept."


def _check_kept(artifact: Artifact) -> None:
    if said := gone(artifact):
        raise Unavailable(said, code="purged")


def _checked_chunks(first: bytes, rest: Iterable[bytes], artifact: Artifact) -> Iterator[bytes]:
    hashed = hashlib.sha256(first)
    if first:
        yield first
    with answering():
        for chunk in rest:
            hashed.update(chunk)
            yield chunk
    if hashed.hexdigest() != artifact.sha256:
        raise Unavailable(
            f"The stored file {artifact} is not what was uploaded: its SHA-256 differs. Restore it from a backup.",
            code="corrupt",
        )


@contextmanager
def answering() -> Iterator[None]:
    """Say in plain words what is wrong with the store."""
    try:
        yield
    except FileNotFoundError as error:
        raise _missing() from error
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "404"}:
            raise _missing() from error
        raise _refusing(error) from error
    except (ReadTimeoutError, ConnectTimeoutError) as error:
        raise _silent("the connection fell silent") from error
    except OSError as error:
        raise _silent(error.strerror or error) from error
    except (BotoCoreError, Boto3Error) as error:
        raise _silent(error) from error


def _missing() -> Unavailable:
    return Unavailable("A stored file is missing from the file store. Restore it from a backup.", code="missing_file")


def _refusing(why: object) -> Unavailable:
    told = f"The file store refuses: {str(why).rstrip('.')}."
    return Unavailable(f"{told} Nothing was changed; have the administrator check its bucket and keys.")


def _silent(why: object) -> Unavailable:
    return Unavailable(f"The file store does not answer: {str(why).rstrip('.')}. Nothing was changed; try again later.")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
