"""Take a file out of a folder that a child could write to: a stranger's code may have left anything there."""

import os
import stat
from pathlib import Path

CHUNK = 1 << 20


class NotTaken(OSError):
    """There is no such file, or it is not the plain one of bounded size that was expected; the message says what."""


def take(source: Path, target: Path, *, most: int) -> int:
    """Copy `source` to the new file `target`; its size. Raises NotTaken. The child must have ended.

    No link is followed, no pipe or device opened for good, nothing read that has another name elsewhere, and never more
    than `most` bytes.
    """
    try:
        handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise NotTaken("it was not written, or is a link") from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(handle)
        raise NotTaken("it is not a plain file of its own")
    with os.fdopen(handle, "rb") as found:
        if status.st_size > most:
            raise NotTaken(f"it has {status.st_size:,} bytes; at most {most:,} are taken")
        size = 0
        with target.open("xb") as out:
            while chunk := found.read(min(CHUNK, most + 1 - size)):
                size += len(chunk)
                if size > most:
                    raise NotTaken(f"it has more than {most:,} bytes")
                out.write(chunk)
    return size
