"""The ZIP archive of a skops file, opened within bounds: one schema.json, arrays as .npy or .npz, bytes as .bin.

Sizes in a ZIP's directory bound what its members give; the directory itself is looked at before Python reads it.
"""

import io
import json
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from assessments.battery.errors import short
from assessments.battery.formats._scan import Refused
from assessments.battery.gate import values

SCHEMA = "schema.json"
MOST_MEMBERS = 60_000
MOST_DIRECTORY = 16 << 20
MOST_SCHEMA = 64 << 20
MOST_BYTES = 2 << 30
RATIO = 1_000  # of uncompressed bytes to those of the file; at least SMALL are allowed
SMALL = 64 << 20
END = struct.Struct("<4s4H2LH")  # the end of central directory record


class Archive:
    """The members of the file. taken: uncompressed bytes so far."""

    def __init__(self, path: Path) -> None:
        """Raises Refused where it is no archive that skops writes."""
        size = path.stat().st_size
        _check_directory(path, size)
        self._most = min(MOST_BYTES, max(SMALL, RATIO * size))
        self.taken = 0
        try:
            self._zip = zipfile.ZipFile(path)
        except Exception as error:  # a directory may be wrong in many ways
            raise Refused("unparseable", f"The archive cannot be opened: {short(error)}") from error
        self._members = {member.filename: member for member in self._zip.infolist()}
        try:
            self._check_members(size)
        except Refused:
            self.close()
            raise

    def _check_members(self, size: int) -> None:
        members = self._zip.infolist()
        if len(members) != len(self._members):
            raise Refused("corrupt_structure", "The archive has two members of one name.")
        if SCHEMA not in self._members:
            raise Refused("unparseable", f"The archive is not a skops file: it has no {SCHEMA}.")
        if self._members[SCHEMA].file_size > MOST_SCHEMA:
            raise Refused("bomb", f"{SCHEMA} has {self._members[SCHEMA].file_size:,} bytes when it is unpacked.")
        if any(each.flag_bits & 1 or each.compress_type not in (0, 8) for each in members):
            raise Refused("unparseable", "A member of the archive is encrypted, or packed in an unknown way.")
        if sum(each.compress_size for each in members) > size:
            raise Refused("bomb", "The members of the archive lie over one another.")
        if sum(each.file_size for each in members) > self._most:
            raise Refused("bomb", "The archive grows beyond all measure when it is unpacked.")

    def close(self) -> None:
        self._zip.close()

    def read(self, name: Any) -> bytes:
        """The bytes of a member, each time it is asked for counted anew."""
        member = self._members.get(name) if isinstance(name, str) else None
        if member is None:
            raise Refused("corrupt_structure", "The file names a part of itself that is not there.")
        self.taken += member.file_size
        if self.taken > self._most:
            raise Refused("bomb", "The file uses its parts over and over, beyond all measure.")
        try:
            return self._zip.read(member)
        except Exception as error:  # zlib has its own, and a damaged member raises what it likes
            raise Refused("corrupt_structure", f"A part of the archive cannot be unpacked: {short(error)}") from error

    def schema(self) -> dict[str, Any]:
        try:
            found = json.loads(self.read(SCHEMA), object_pairs_hook=_no_key_twice)
        except (ValueError, RecursionError) as error:
            code = "bomb" if isinstance(error, RecursionError) else "unparseable"
            raise Refused(code, f"{SCHEMA} is not JSON: {short(error)}") from error
        if not isinstance(found, dict):
            raise Refused("unparseable", f"{SCHEMA} does not describe an object.")
        return found

    def array(self, name: Any) -> np.ndarray[Any, Any]:
        return array(self.read(name))

    def sparse(self, name: Any) -> tuple[str, dict[str, np.ndarray[Any, Any]]]:
        """(form, its arrays) of a sparse matrix in scipy's .npz."""
        content = self.read(name)
        parts: dict[str, np.ndarray[Any, Any]] = {}
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as inner:
                for member in inner.infolist():
                    self.taken += member.file_size
                    if self.taken > self._most or len(parts) > 10 or member.compress_type not in (0, 8):
                        raise Refused("bomb", "A sparse matrix in the file grows beyond all measure.")
                    parts[member.filename.removesuffix(".npy")] = array(inner.read(member))
        except Refused:
            raise
        except Exception as error:
            raise Refused("corrupt_structure", f"A sparse matrix in the file cannot be read: {short(error)}") from error
        form = parts.pop("format", None)
        if form is None or form.shape != () or form.dtype.kind not in "SU":
            raise Refused("corrupt_structure", "A sparse matrix in the file has no form.")
        text = form.item()
        return text.decode(errors="replace") if isinstance(text, bytes) else str(text), parts


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("corrupt_structure", "A key occurs twice in one object.")
    return found


def _check_directory(path: Path, size: int) -> None:
    """One plain archive from the first byte to the last, with a directory that may be read."""
    with path.open("rb") as stream:
        if stream.read(4) != b"PK\x03\x04":
            raise Refused("unparseable", "The file is not a skops file: it does not start like one.")
        if size < END.size:
            raise Refused("truncated", "The file ends in the middle.")
        stream.seek(-END.size, os.SEEK_END)
        record = END.unpack(stream.read(END.size))
    signature, _, _, _, count, length, start, comment = record
    if signature != b"PK\x05\x06":
        raise Refused("truncated", "The file ends in the middle, or goes on after its end.")
    if count > MOST_MEMBERS or length > MOST_DIRECTORY or start == 0xFFFF_FFFF:
        raise Refused("bomb", "The archive has too many members, or is too large.")
    if comment or start + length + END.size != size:
        raise Refused("trailing_data", "The file holds more than its archive.")


def array(content: bytes) -> np.ndarray[Any, Any]:
    """The array of a .npy file, of plain items. Raises Refused."""
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, fortran, kind = np.lib.format.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, fortran, kind = np.lib.format.read_array_header_2_0(stream)
        else:
            raise ValueError(f"version {version}")
    except Exception as error:  # the heading is a Python literal: its tokenizer and parser have errors of their own
        raise Refused("corrupt_structure", f"An array in the file has no proper heading: {short(error)}") from error
    if kind.hasobject or kind.subdtype or kind.itemsize == 0:
        raise Refused("corrupt_structure", "An array in the file is not of plain items.")
    values.check_shape(tuple(shape))
    return values.shaped(content[stream.tell() :], tuple(shape), "F" if fortran else "C", kind)
