"""Another user for each run, where this process is root: what it may reach is lent to it by its group, and no more.

Each run gets a number nobody has, out of a range kept for it (MODELRISK_SANDBOX_UIDS), so that no file, signal or limit
of one run is another one's. Our own files beside its output folder and in the place for temporary files get that number
as their group; nothing elsewhere is changed.
"""

import os
import secrets
import stat
import sys
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

UIDS = "1900000000-1901048575"  # used by nobody: above the ranges of people, services and containers' users
# What it takes: to give files away, to become someone, to end what is no longer ours.
CAPABILITIES = {"CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_FOWNER": 3, "CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7}


_lock = threading.Lock()  # two runs of one process may share a folder on the way


class CannotLend(Exception):
    """The run's user cannot reach an input, and it is not ours to change."""


@dataclass
class Identity:
    """The user of one run. groups: further ones, of files that were lent to an earlier run and are shared now."""

    uid: int
    groups: set[int] = field(default_factory=set)

    @classmethod
    def new(cls) -> "Identity":
        first, last = uids()
        return cls(first + secrets.randbelow(last - first + 1))


def uids() -> tuple[int, int]:
    """The first and the last number of the range. Raises ValueError."""
    first, _, last = os.environ.get("MODELRISK_SANDBOX_UIDS", UIDS).partition("-")
    found = int(first), int(last or first)
    if not 0 < found[0] <= found[1] < 2**32 - 1:
        raise ValueError("MODELRISK_SANDBOX_UIDS must be a range such as " + UIDS)
    return found


@cache
def absent(needed: tuple[str, ...]) -> str:
    """Why runs cannot have a user of their own here; empty where they can. needed: what every run must reach."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "not started as root: the run has the worker's user"
    held = int(_status("CapEff"), 16)
    if missing := [name for name, bit in CAPABILITIES.items() if not held >> bit & 1]:
        return f"root here lacks {', '.join(missing)}"
    try:
        first, last = uids()
    except ValueError as error:
        return str(error)
    if not _mapped(first, last):
        return f"the users {first} to {last} do not exist in this container; set MODELRISK_SANDBOX_UIDS"
    for path in needed:
        if os.path.exists(path) and (barrier := barred(path, Identity(first))):
            return f"no other user can reach {path}: {barrier} is closed to others"
    return ""


def _status(name: str) -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


def _mapped(first: int, last: int) -> bool:
    lines = (line.split() for line in Path("/proc/self/uid_map").read_text().splitlines())
    return any(int(start) <= first and last < int(start) + int(count) for start, _, count in lines)


def barred(path: str, who: Identity) -> str:
    """The first folder or file on the way that `who` cannot pass or read; empty where there is none."""
    real = os.path.realpath(path)
    for folder in [str(each) for each in reversed(Path(real).parents)]:
        if not _may(folder, who, 1):
            return folder
    wanted = 5 if os.path.isdir(real) else 4
    return "" if _may(real, who, wanted) else real


def _may(path: str, who: Identity, wanted: int) -> bool:
    found = os.stat(path)
    if found.st_uid == who.uid:
        return found.st_mode >> 6 & wanted == wanted
    if found.st_gid == who.uid or found.st_gid in who.groups:
        return found.st_mode >> 3 & wanted == wanted
    return found.st_mode & wanted == wanted


def lend(read: Iterable[Path], write: Path) -> Identity:
    """A user who can read the one and owns the other. Raises CannotLend, with nothing done that matters."""
    with _lock:
        return _lend(read, write)


def _lend(read: Iterable[Path], write: Path) -> Identity:
    who = Identity.new()
    ours = {write.parent, Path(tempfile.gettempdir()).resolve()}
    for path in read:
        real = Path(os.path.realpath(path))
        _open_way(real, who, ours)
        for each in [real, *real.rglob("*")] if real.is_dir() else [real]:
            if not each.is_symlink():
                _open(each, who, ours, 5 if each.is_dir() else 4)
    _open_way(write, who, ours)
    for each in [write, *write.rglob("*")]:
        os.chown(each, who.uid, who.uid, follow_symlinks=False)
    return who


def _open_way(path: Path, who: Identity, ours: set[Path]) -> None:
    for folder in reversed(path.parents):
        _open(folder, who, ours, 1)


def _open(path: Path, who: Identity, ours: set[Path], wanted: int) -> None:
    if _may(str(path), who, wanted):
        return
    found = path.stat()
    mode = stat.S_IMODE(found.st_mode)
    first, last = uids()
    if first <= found.st_gid <= last and mode >> 3 & wanted == wanted:
        who.groups.add(found.st_gid)
        return
    if found.st_uid != os.geteuid() or not any(parent in ours for parent in path.parents):
        raise CannotLend(f"{path} is closed to the user of the run")
    os.chown(path, -1, who.uid)
    path.chmod(mode | wanted << 3)
