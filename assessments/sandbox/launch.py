"""Start a confined child, follow what it says, and be sure that it ends.

One thread, one loop over its pipes: no deadline, cancel or flood can make the caller hang. What the child leaves behind
is killed with it: it leads its own process group and cannot make processes.
"""

import codecs
import contextlib
import hashlib
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal, Protocol

from assessments.sandbox import bootstrap, forkserver, lending, presence
from assessments.sandbox.plain_text import plain
from assessments.sandbox.spawned import Spawned
from assessments.sandbox.walls import Walls
from assessments.sandbox.watching import Watch

ROOT = presence.ROOT
MB = 1 << 20
TICK = 0.05  # seconds between two looks at the clock, at what the child uses, and at should_stop
LOG_BYTES = 64 * 1024  # the end of stderr that is kept
LINE_BYTES = 5 * MB
LINES = 100_000
OUTPUT_BYTES = 100 * MB
FILE_BYTES = 256 * MB
FILES = 256  # open at a time
THREADS = 512  # where the run has a user of its own; watching.py counts them everywhere
# Address space beside what may be resident: libraries reserve 2 GB at a start and 64 MB for each thread.
RESERVED_MB = 4096
BATTERY = ["-m", "assessments.battery"]
KERNELS = Path(sys.prefix) / "share" / "modelrisk" / "kernels"  # kept by assessments/battery/kernels.py
NUMBA_CACHE = ".numba"  # of the working folder, so that a forked run keeps what it compiles in its own

# lost: the process that it was forked from ended, and it with that one: no fault of its own.
Reason = Literal["exited", "out_of_time", "stopped", "out_of_memory", "too_many_threads", "too_much_output", "lost"]


@dataclass(frozen=True)
class Ended:
    """How a child ended. code: its exit code, or None where signal killed it; log: the end of its stderr, cleaned."""

    code: int | None
    signal: int | None
    reason: Reason
    log: str
    layers: tuple[str, ...]  # those that held; empty where the child did not get that far
    seconds: float
    refused: str = ""  # why this machine's sandbox runs nothing of the kind, and what to do

    @property
    def started(self) -> bool:
        """False where the sandbox itself could not be set up: nothing of the child's work ran."""
        return bool(self.layers)


@dataclass(frozen=True)
class Job:
    """What is to be run and within which walls."""

    arguments: Sequence[str]
    walls: Walls
    environment: dict[str, str]
    folder: Path
    pass_fds: Sequence[int]


class Process(Protocol):
    """A child, however it was started. returncode as in subprocess: -N where signal N ended it."""

    pid: int
    returncode: int | None
    shared: int  # bytes of its memory that are another one's as well
    lost: bool  # the server that it was forked from ended before it did

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def kill_all(self) -> None: ...


def layers() -> tuple[str, ...]:
    """The layers that a child gets on this machine."""
    return presence.present()


def run(
    arguments: Sequence[str],
    *,
    read: Iterable[Path],
    write: Path,
    seconds: float,
    on_line: Callable[[str], None],
    memory_mb: int = 8192,
    threads: int = 2,
    should_stop: Callable[[], bool] = lambda: False,
    pass_fds: Sequence[int] = (),
    trust: str = "restricted",
    fork: bool = False,
) -> Ended:
    """Run `python *arguments` (-m module … or -c code …) confined; call on_line for each line of its stdout.

    It can read `read`, this package's folder and Python itself, change files in `write` (its working folder), use
    `memory_mb` of memory and `threads` threads in each numerical library; it has no environment of ours and no
    network. After `seconds`, or when should_stop() is true, it is killed. What on_line raises kills it and is raised.
    It inherits the descriptors `pass_fds` under their numbers. Nothing runs where the self-test failed, and in a
    degraded sandbox no model of another trust than "restricted": see Ended.refused. fork: from a process that has the
    libraries loaded already, where that can be; this process then keeps one (forkserver.py).
    """
    from assessments.sandbox import selftest

    if refusal := selftest.refusal(trust):
        why = " ".join(refusal)
        return Ended(None, None, "exited", why, (), 0.0, refused=why)
    return confined(
        arguments,
        read=read,
        write=write,
        seconds=seconds,
        on_line=on_line,
        memory_mb=memory_mb,
        threads=threads,
        should_stop=should_stop,
        pass_fds=pass_fds,
        fork=fork,
    )


def confined(
    arguments: Sequence[str],
    *,
    read: Iterable[Path],
    write: Path,
    seconds: float,
    on_line: Callable[[str], None],
    memory_mb: int = 8192,
    threads: int = 2,
    should_stop: Callable[[], bool] = lambda: False,
    pass_fds: Sequence[int] = (),
    fork: bool = False,
    only: Collection[str] | None = None,
) -> Ended:
    """What run does, whatever the self-test found: for the self-test. only: no other layers than these."""
    job = _job(arguments, read, write.resolve(), seconds, memory_mb, threads, pass_fds, only, fork)
    ended = _followed(job, threads if fork else 0, seconds, on_line, memory_mb, should_stop)
    if ended is None:  # the forkserver was lost under it, and it had said nothing yet
        ended = _followed(job, 0, seconds, on_line, memory_mb, should_stop)
    assert ended is not None  # noqa: S101 - only a forked run is lost
    return ended


def _followed(
    job: Job,
    fork: int,
    seconds: float,
    on_line: Callable[[str], None],
    memory_mb: int,
    should_stop: Callable[[], bool],
) -> Ended | None:
    """How it ended. fork: of how many threads the forkserver is that it comes from; 0 for a fresh Python."""
    ours, theirs = zip(*(os.pipe() for _ in range(3)), strict=True)
    try:
        try:
            process: Process = (forkserver.start(job, fork, *theirs) if fork else None) or Spawned(job, *theirs)
        finally:
            for end in theirs:
                os.close(end)
        child = _Child(process, *ours, on_line, Watch(process.pid, job.folder, memory_mb * MB + process.shared))
        try:
            child.follow(seconds, should_stop)
        finally:
            child.end()
        ended = child.ended()
        return None if ended.reason == "lost" and not child.heard else ended
    finally:
        for end in ours:
            os.close(end)


def _job(
    arguments: Sequence[str],
    read: Iterable[Path],
    write: Path,
    seconds: float,
    memory_mb: int,
    threads: int,
    pass_fds: Sequence[int],
    only: Collection[str] | None,
    fork: bool,
) -> Job:
    furnish(write, loops=list(arguments[:2]) == BATTERY and not fork)
    read = [path.resolve() for path in read]
    held = [layer for layer in presence.present() if only is None or layer in only]
    who = lending.Identity(0)
    if "uid" in held:
        try:
            who = lending.lend([*read, ROOT / "assessments"], write)
        except lending.CannotLend:
            held.remove("uid")
    limits = {
        "RLIMIT_AS": (memory_mb + RESERVED_MB) * MB,
        "RLIMIT_CPU": int(seconds * max(threads, os.cpu_count() or 1)) + 5,
        "RLIMIT_FSIZE": FILE_BYTES,
        "RLIMIT_NOFILE": FILES,
        # Not 0: that lets the kernel give the child's memory to a program that collects crashes; 1 does not.
        "RLIMIT_CORE": 1,
        **({"RLIMIT_NPROC": THREADS} if "uid" in held else {}),
    }
    walls = Walls(
        layers=held,
        read=[str(ROOT / "assessments"), *map(str, read)],
        write=str(write),
        rlimits=limits,
        uid=who.uid,
        gid=who.uid,
        groups=sorted(who.groups),
    )
    return Job(arguments, walls, environment(write, threads), write, pass_fds)


def furnish(write: Path, *, loops: bool = True) -> None:
    """The folders that libraries insist on, since the child may make none; and a copy of the compiled loops."""
    for name in (".art/data", ".cache", ".mpl", *numba_folders()):
        (write / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    if loops and KERNELS.is_dir():
        shutil.copytree(KERNELS, write / NUMBA_CACHE, dirs_exist_ok=True, copy_function=shutil.copyfile)


@cache
def numba_folders() -> tuple[str, ...]:
    """Where Numba keeps what it compiled of each of the battery's packages, by its own naming (numba.core.caching)."""
    battery = ROOT / "assessments" / "battery"
    packages = [battery, *(path for path in battery.iterdir() if path.is_dir() and path.name != "__pycache__")]
    digests = {path.name: hashlib.sha1(str(path).encode(), usedforsecurity=False).hexdigest() for path in packages}
    return tuple(f"{NUMBA_CACHE}/{name}_{digest}" for name, digest in digests.items())


def environment(write: Path, threads: int) -> dict[str, str]:
    """All that the child knows of its surroundings. PYTHONHASHSEED: the same inputs give the same bytes."""
    pools = ("OMP", "OPENBLAS", "MKL", "NUMBA", "NUMEXPR", "VECLIB_MAXIMUM")
    return {
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "HOME": str(write),
        "TMPDIR": str(write),
        "ART_DATA_PATH": str(write / ".art"),
        "MPLCONFIGDIR": str(write / ".mpl"),
        "MPLBACKEND": "Agg",
        "NUMBA_CACHE_DIR": NUMBA_CACHE,
        "XDG_CACHE_HOME": str(write / ".cache"),
        "JOBLIB_TEMP_FOLDER": str(write),
        "JOBLIB_MULTIPROCESSING": "0",
        "LOKY_MAX_CPU_COUNT": str(threads),
        "ORT_DISABLE_TELEMETRY": "1",
        # A thread that Arrow's allocator would start as soon as it is loaded; forked.py wants none.
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
        # A thread that waits must not spin: beside another run it would burn the core that the other one needs.
        "OMP_WAIT_POLICY": "PASSIVE",
        **{f"{pool}_NUM_THREADS": str(threads) for pool in pools},
    }


@dataclass
class _Child:
    process: Process
    out: int
    err: int
    status: int
    on_line: Callable[[str], None]
    watch: Watch
    began: float = field(default_factory=time.monotonic)
    reason: Reason = "exited"
    killed: bool = False
    told: bytes = b""
    log: bytes = b""
    line: bytearray = field(default_factory=bytearray)
    heard: int = 0
    lines: int = 0

    def follow(self, seconds: float, should_stop: Callable[[], bool]) -> None:
        """Until the child has ended and its pipes are empty, or it has to be killed."""
        deadline, look_again = self.began + seconds, self.began
        with selectors.DefaultSelector() as selector:
            for pipe in (self.out, self.err, self.status):
                os.set_blocking(pipe, False)
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map() or self.process.poll() is None:
                over = self.process.poll() is not None
                ready = selector.select(0 if over else TICK) if selector.get_map() else self._wait()
                for key, _ in ready:
                    self._take(selector, key.fd)
                if over and not ready:
                    return  # a pipe that something else still holds is not waited for
                now = time.monotonic()
                if self.reason == "exited" and not over:
                    self.reason = "out_of_time" if now > deadline else "stopped" if should_stop() else "exited"
                    if self.reason == "exited" and now >= look_again:
                        look_again = now + TICK
                        self.reason = self.watch.excess(now) or "exited"
                if self.reason != "exited":
                    return self._last_words()

    def _last_words(self) -> None:
        """It is to be killed; what it had said by then counts, unless that is why."""
        self.killed = self.process.poll() is None
        self.process.kill_all()
        for pipe, keep in ((self.status, 1), (self.err, LOG_BYTES), (self.out, LINE_BYTES)):
            while keep > 0 and self.reason in {"out_of_time", "out_of_memory", "too_many_threads", "too_much_output"}:
                got = _read(pipe)
                if not got:
                    break
                keep -= len(got)
                self._sort(pipe, got)

    def _wait(self) -> list:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(TICK)
        return []

    def _take(self, selector: selectors.BaseSelector, pipe: int) -> None:
        got = _read(pipe)
        if got:
            self._sort(pipe, got)
        elif got is not None:
            selector.unregister(pipe)

    def _sort(self, pipe: int, got: bytes) -> None:
        if pipe == self.out:
            self._hear(got)
        elif pipe == self.err:
            self.log = (self.log + got)[-LOG_BYTES:]
        else:
            self.told = (self.told + got)[:1000]

    def _hear(self, got: bytes) -> None:
        self.heard += len(got)
        *complete, rest = got.split(b"\n")
        for part in complete:
            self.line += part
            line, self.line = self.line, bytearray()
            self.lines += 1
            if len(line) > LINE_BYTES or self.lines > LINES:
                self.reason = "too_much_output"
                return
            self.on_line(codecs.decode(bytes(line), "utf-8", "replace"))
        self.line += rest
        if len(self.line) > LINE_BYTES or self.heard > OUTPUT_BYTES:
            self.reason = "too_much_output"

    def end(self) -> None:
        """Kill whatever is left of the group."""
        if self.process.poll() is None:
            self.killed = True
        self.process.kill_all()

    def ended(self) -> Ended:
        code = self.process.returncode
        if self.process.lost and self.reason == "exited":
            self.reason = "lost"
        elif not self.killed and (code == -signal.SIGKILL or code == bootstrap.OUT_OF_MEMORY):
            self.reason = "out_of_memory"  # nobody but the kernel kills it
        elif code == -signal.SIGXCPU:
            self.reason = "out_of_time"
        return Ended(
            code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            reason=self.reason,
            log=plain(self.log.decode("utf-8", "replace"), LOG_BYTES),
            layers=tuple(self.told.decode("ascii", "replace").split()),
            seconds=time.monotonic() - self.began,
        )


def _read(pipe: int) -> bytes | None:
    """What is in it; nothing at its end, None where there is nothing yet."""
    try:
        return os.read(pipe, 65536)
    except BlockingIOError:
        return None
