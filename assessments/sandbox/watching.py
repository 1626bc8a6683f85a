"""How much a child uses, looked at from outside: memory, threads, disk. Bounded: the child controls what is counted.

RLIMIT_AS is no limit of memory: libraries reserve gigabytes that they never touch. What counts is what is resident.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MB = 1 << 20
FOLDER_BYTES = 1024 * MB
FOLDER_FILES = 5_000
THREADS = 512
DESCRIPTORS = 1_024  # more than a child may have
MAPS_BYTES = 4 * MB
DISK_SECONDS = 0.5  # between two looks at the output folder; at the rest at every look

Excess = Literal["out_of_memory", "too_many_threads", "too_much_output"]


@dataclass
class Watch:
    """Of one child. pid: as this process sees it; memory: bytes that may be resident, its libraries not counted."""

    pid: int
    folder: Path
    memory: int
    look_again: float = 0.0

    def excess(self, now: float) -> Excess | None:
        """What the child has too much of, if anything."""
        used = status(self.pid)
        if sum(used.get(name, 0) for name in ("RssAnon", "RssShmem", "VmSwap")) * 1024 > self.memory:
            return "out_of_memory"
        if used.get("Threads", 0) > THREADS:
            return "too_many_threads"
        if now >= self.look_again:
            self.look_again = now + DISK_SECONDS
            if overfull(self.folder, unnamed_bytes(self.pid)):
                return "too_much_output"
        return None


def status(pid: int) -> dict[str, int]:
    """The numbers of /proc/PID/status (memory in kB); empty where there is none."""
    try:
        with open(f"/proc/{pid}/status") as lines:
            pairs = (line.split(":", 1) for line in lines)
            return {name: int(value.split()[0]) for name, value in pairs if value.split()[:1] and _whole(value)}
    except (OSError, ValueError):
        return {}


def _whole(value: str) -> bool:
    return value.split()[0].isdecimal()


def unnamed_bytes(pid: int) -> int:
    """Disk taken by files that it holds open, or mapped, and has removed: no folder shows them any more."""
    found: dict[tuple[int, int], int] = {}
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            for _, entry in zip(range(DESCRIPTORS), entries, strict=False):
                held = os.stat(entry.path)
                if held.st_nlink == 0:
                    found[held.st_dev, held.st_ino] = held.st_blocks * 512
    except OSError:
        pass  # ended meanwhile, or not ours to look into
    return sum(found.values()) + _mapped_bytes(pid)


def _mapped_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/maps") as maps:
            lines = maps.read(MAPS_BYTES).splitlines()
    except OSError:
        return 0
    size = 0
    for line in lines:
        # Files only: shared memory without a name counts as memory.
        if line.endswith(" (deleted)") and " rw-s " in line and "/dev/zero" not in line:
            low, _, high = line.split(" ", 1)[0].partition("-")
            size += int(high, 16) - int(low, 16)
    return size


def overfull(folder: Path, beside: int = 0) -> bool:
    """Whether the child wrote too much, `beside` bytes included."""
    size, files = beside, 0
    pending = [str(folder)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                files += 1
                if files > FOLDER_FILES:
                    return True
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                    continue
                try:
                    size += entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:
                    continue
    return size > FOLDER_BYTES
