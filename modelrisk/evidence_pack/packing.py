"""The zip itself: the same bytes for the same state, one file in memory at a time, no larger than allowed.

Made whole before the first byte is sent: where the file store does not answer, or the pack grows too large, the person
is told so instead of getting half a file.
"""

import hashlib
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import IO

from django.conf import settings

from assessments.results import canonical
from registry.refusals import BadInput

SCHEMA = "modelrisk.evidencepack/1"
MANIFEST = "manifest.json"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a zip knows: nothing of the day that it was made
IN_MEMORY = 8 * 1024 * 1024  # bytes; what is larger is spooled to disk

Content = bytes | Iterable[bytes]


@dataclass(frozen=True)
class File:
    """One file of a pack. make: its bytes, asked for once, when its turn comes."""

    name: str
    make: Callable[[], Content]
    signed: str = ""  # the digest that was signed or sealed, where there is one


def pack(about: dict, files: Iterable[File]) -> tuple[IO[bytes], str]:
    """(the zip, open at its beginning; the SHA-256 of its manifest). about: what the manifest says of the whole."""
    out = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - whoever sends it closes it
    told: dict[str, dict] = {}
    signed: dict[str, str] = {}
    try:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for file in sorted(files, key=lambda file: file.name):
                told[file.name] = _put(archive, file.name, file.make())
                if file.signed:
                    signed[file.name] = file.signed
                _check(out)
            manifest = {"schema": SCHEMA, **about, "files": told, "signed": signed}
            digest = hashlib.sha256(canonical(manifest)).hexdigest()
            _put(archive, MANIFEST, canonical({**manifest, "manifest_sha256": digest}))
    except BaseException:
        out.close()
        raise
    out.seek(0)
    return out, digest


def _put(archive: zipfile.ZipFile, name: str, content: Content) -> dict:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
    hashed, size = hashlib.sha256(), 0
    with archive.open(entry, "w") as written:
        for piece in _pieces(content):
            written.write(piece)
            hashed.update(piece)
            size += len(piece)
    return {"sha256": hashed.hexdigest(), "bytes": size}


def _pieces(content: Content) -> Iterable[bytes]:
    return [content] if isinstance(content, bytes) else content


def _check(out: IO[bytes]) -> None:
    if out.tell() > settings.MODELRISK_MAX_PACK_BYTES:
        raise BadInput(
            f"This evidence pack is larger than {settings.MODELRISK_MAX_PACK_BYTES:,} bytes.",
            hint="Take the pack of one decision, or have MODELRISK_MAX_PACK_BYTES raised.",
            code="pack_too_large",
        )
