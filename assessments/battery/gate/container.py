"""The bytes of a joblib file: found out what compressed them, decompressed within bounds, one stream and no more.

joblib's own readers are not used: its zlib reader doubles its memory for ever on bytes after the end of the stream, and
its others read a second stream silently.
"""

import bz2
import io
import lzma
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from assessments.battery.gate.refusal import Refused

CHUNK = 1 << 18
MOST_BYTES = 2 << 30
MOST_RATIO = 1000
FREE_BYTES = 64 << 20  # what even a tiny file may grow to
LZMA_MEMORY = 256 << 20  # a dictionary of preset 9 takes 65 MB
LINE = 1 << 12  # the longest module or class name in a text opcode

# In the order of joblib's own detection, with its prefixes.
PREFIXES = (
    ("zlib", b"\x78"),
    ("gzip", b"\x1f\x8b"),
    ("bz2", b"BZ"),
    ("lzma", b"\x5d\x00"),
    ("xz", b"\xfd7zXZ"),
    ("lz4", b"\x04\x22\x4d\x18"),
)


def detect(head: bytes) -> str:
    """The container by its first bytes: raw, zlib, gzip, bz2, lzma, xz, lz4. Refuses what joblib before 0.10 wrote."""
    if head.startswith(b"ZF"):
        raise Refused("legacy_container", "It is the container of joblib before 0.10, which opens other files.")
    return next((name for name, prefix in PREFIXES if head.startswith(prefix)), "raw")


def open_model(path: Path) -> "Stream":
    """The bytes of a file for the reader; close it. Raises Refused."""
    file = path.open("rb")
    try:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(8)
        file.seek(0)
        if not head:
            raise Refused("truncated", "The file is empty.")
        container = detect(head)
        if container == "raw":
            return Stream(file, file.read, container, size, size)
        budget = min(MOST_BYTES, max(FREE_BYTES, size * MOST_RATIO))
        return Stream(file, _Decompressed(file, container).read, container, budget, size)
    except BaseException:
        file.close()
        raise


class Stream:
    """A bounded stream: read and readline as a pickle machine wants them, and what is left of the budget.

    A read gives the bytes asked for or raises Refused: bomb beyond the budget, truncated where the file ends before.
    """

    def __init__(self, file: BinaryIO, source: Any, container: str, budget: int, size: int) -> None:
        self.file = file
        self.container = container
        self.budget = budget
        self.size = size
        self.taken = 0
        self._source = source
        self._ahead = b""  # bytes in hand, from self._at on
        self._at = 0

    def close(self) -> None:
        self.file.close()

    @property
    def left(self) -> int:
        return self.budget - self.taken

    def read(self, count: int) -> bytes:
        end = self._at + count
        if count >= 0 and end <= len(self._ahead):
            start, self._at = self._at, end
            self.taken += count
            return self._ahead[start:end]
        return bytes(self._gather(count))

    def readinto(self, target: Any) -> int:
        view = memoryview(target).cast("B")
        view[:] = self._gather(len(view))
        return len(view)

    def _gather(self, count: int) -> bytes | bytearray:
        self._check(count)
        parts = bytearray(self._ahead[self._at :])
        self._ahead, self._at = b"", 0
        while len(parts) < count:
            more = self._source(min(max(count - len(parts), CHUNK), 16 * CHUNK))
            if not more:
                raise Refused("truncated", "The file ends in the middle.")
            parts += more
        if len(parts) > count:
            self._ahead = bytes(parts[count:])
            del parts[count:]
        self.taken += count
        return parts

    def _check(self, count: int) -> None:
        if count < 0:
            raise Refused("unparseable", "It names a negative length.")
        if count > self.left:
            if self.container == "raw":
                raise Refused("truncated", "It names a length that is beyond the end of the file.")
            raise Refused("bomb", f"It unpacks to more than {self.budget:,} bytes from {self.size:,}.")

    def readline(self) -> bytes:
        """Up to and with the next newline; Refused where none comes soon."""
        line = bytearray()
        while not line.endswith(b"\n"):
            line += self.read(1)
            if len(line) > LINE:
                raise Refused("unparseable", "A name in it does not end.")
        return bytes(line)

    def check_end(self) -> None:
        """Refuse what comes after the model: in the stream, or in the file after the stream."""
        if self._at < len(self._ahead) or self._source(1) or self.file.read(1):
            raise Refused("trailing_data", "There are more bytes after the end of the model.")


class _Decompressed:
    """read(n): at most n bytes of one compressed stream; b"" at its end. Nothing may follow the stream."""

    def __init__(self, file: BinaryIO, container: str) -> None:
        self._file = file
        self._container = container
        self._machine = _machine(container)
        self._pending = b""
        self._over = False

    def read(self, most: int) -> bytes:
        while not self._over:
            try:
                got = self._step(most)
            except MemoryError as error:
                raise Refused("out_of_memory", "Unpacking it takes more memory than a scan may use.") from error
            except lzma.LZMAError as error:
                code = "bomb" if "emory" in str(error) else "unparseable"
                raise Refused(code, f"Its {self._container} compression is damaged.") from error
            except (zlib.error, OSError, ValueError, RuntimeError, EOFError) as error:
                raise Refused("unparseable", f"Its {self._container} compression is damaged.") from error
            if self._machine.eof:
                self._finish()
            if got:
                return got
        return b""

    def _step(self, most: int) -> bytes:
        if isinstance(self._machine, _ZLIB):
            given = self._machine.unconsumed_tail or self._more()
            return self._machine.decompress(given, most)
        given = self._more() if self._machine.needs_input else b""
        got: bytes = self._machine.decompress(given, max_length=most)
        return got

    def _more(self) -> bytes:
        got = self._file.read(CHUNK)
        if not got:
            raise Refused("truncated", "The file ends in the middle.")
        return got

    def _finish(self) -> None:
        self._over = True
        if self._machine.unused_data or self._file.read(1):
            raise Refused("trailing_data", "There are more bytes after the end of the compressed model.")


_ZLIB = type(zlib.decompressobj())


def _machine(container: str) -> Any:
    if container == "zlib":
        return zlib.decompressobj()
    if container == "gzip":
        return zlib.decompressobj(zlib.MAX_WBITS | 16)
    if container == "bz2":
        return bz2.BZ2Decompressor()
    if container in {"lzma", "xz"}:
        form = lzma.FORMAT_XZ if container == "xz" else lzma.FORMAT_ALONE
        return lzma.LZMADecompressor(form, memlimit=LZMA_MEMORY)
    try:
        import lz4.frame
    except ImportError as error:
        raise Refused("unparseable", "It is compressed with lz4, a library that is not installed here.") from error
    return lz4.frame.LZ4FrameDecompressor()
