"""Start a confined child, follow what it says, and be sure that it ends.

One thread, one loop over its pipes: no deadline, cancel or flood can make the caller hang. What the child leaves behind
is killed with it: it leads its own process group and cannot make processes.
"""

import codecs
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from assessments.sandbox import bootstrap, confine
from assessments.sandbox.plain_text import plain

ROOT = Path(__file__).resolve().parents[2]
MB = 1 << 20
TICK = 0.05  # seconds between two looks at the clock and at should_stop
LOG_BYTES = 64 * 1024  # the end of stderr that is kept
LINE_BYTES = 5 * MB
OUTPUT_BYTES = 100 * MB
FILE_BYTES = 256 * MB
FOLDER_BYTES = 1024 * MB
FOLDER_FILES = 5_000
# Libraries insist on these; the child itself may not make folders.
FOLDERS = (".art", ".cache", ".mpl", ".numba")

Reason = Literal["exited", "out_of_time", "stopped", "out_of_memory", "too_much_output"]


@dataclass(frozen=True)
class Ended:
    """How a child ended. code: its exit code, or None where signal killed it; log: the end of its stderr, cleaned."""

    code: int | None
    signal: int | None
    reason: Reason
    log: str
    layers: tuple[str, ...]  # those that held; empty where the child did not get that far
    seconds: float

    @property
    def started(self) -> bool:
        """False where the sandbox itself could not be set up: nothing of the child's work ran."""
        return bool(self.layers)


def layers() -> tuple[str, ...]:
    """The layers that a child gets on this machine."""
    return confine.available()


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
) -> Ended:
    """Run `python *arguments` (-m module … or -c code …) confined; call on_line for each line of its stdout.

    It can read `read`, this package's folder and Python itself, change files in `write` (its working folder), use
    `memory_mb` of address space and `threads` threads in each numerical library; it has no environment of ours and no
    network. After `seconds`, or when should_stop() is true, it is killed. What on_line raises kills it and is raised.
    """
    write = write.resolve()
    for name in FOLDERS:
        (write / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    told, tell = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell; the arguments are ours
            [sys.executable, "-P", "-s", "-B", bootstrap.__file__]
            + [_spec(read, write, tell, seconds, memory_mb, threads), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(write, threads),
            cwd=write,
            start_new_session=True,
            pass_fds=[tell],
        )
    except BaseException:
        os.close(told)
        raise
    finally:
        os.close(tell)
    child = _Child(process, told, on_line)
    try:
        child.follow(write, seconds, should_stop)
    finally:
        child.end()
    return child.ended()


def _spec(read: Iterable[Path], write: Path, status: int, seconds: float, memory_mb: int, threads: int) -> str:
    return json.dumps(
        {
            "parent": os.getpid(),
            "status": status,
            "root": str(ROOT),
            "read": [str(ROOT / "assessments"), *(str(path.resolve()) for path in read)],
            "write": str(write),
            "rlimits": {
                "RLIMIT_AS": memory_mb * MB,
                "RLIMIT_CPU": int(seconds * max(threads, os.cpu_count() or 1)) + 5,
                "RLIMIT_FSIZE": FILE_BYTES,
                "RLIMIT_NOFILE": 256,
                "RLIMIT_CORE": 0,
            },
        }
    )


def _environment(write: Path, threads: int) -> dict[str, str]:
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
        "NUMBA_CACHE_DIR": str(write / ".numba"),
        "XDG_CACHE_HOME": str(write / ".cache"),
        "JOBLIB_TEMP_FOLDER": str(write),
        "JOBLIB_MULTIPROCESSING": "0",
        "LOKY_MAX_CPU_COUNT": str(threads),
        "ORT_DISABLE_TELEMETRY": "1",
        # A thread that waits must not spin: beside another run it would burn the core that the other one needs.
        "OMP_WAIT_POLICY": "PASSIVE",
        **{f"{pool}_NUM_THREADS": str(threads) for pool in pools},
    }


@dataclass
class _Child:
    process: subprocess.Popen
    status: int
    on_line: Callable[[str], None]
    began: float = field(default_factory=time.monotonic)
    reason: Reason = "exited"
    killed: bool = False
    told: bytes = b""
    log: bytes = b""
    line: bytearray = field(default_factory=bytearray)
    heard: int = 0

    def follow(self, write: Path, seconds: float, should_stop: Callable[[], bool]) -> None:
        """Until the child has ended and its pipes are empty, or it has to be killed."""
        deadline, look_again = self.began + seconds, self.began
        with selectors.DefaultSelector() as selector:
            for pipe in (self.process.stdout, self.process.stderr, self.status):
                os.set_blocking(pipe if isinstance(pipe, int) else pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map() or self.process.poll() is None:
                over = self.process.poll() is not None
                ready = selector.select(0 if over else TICK) if selector.get_map() else self._wait()
                for key, _ in ready:
                    self._take(selector, key.fileobj)
                if over and not ready:
                    return  # a pipe that something else still holds is not waited for
                now = time.monotonic()
                if now > look_again:
                    look_again = now + 0.5
                    if _overfull(write):
                        self.reason = "too_much_output"
                if self.reason == "exited" and not over:
                    self.reason = "out_of_time" if now > deadline else "stopped" if should_stop() else "exited"
                if self.reason != "exited":
                    return

    def _wait(self) -> list:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(TICK)
        return []

    def _take(self, selector: selectors.BaseSelector, pipe) -> None:
        try:
            got = os.read(pipe if isinstance(pipe, int) else pipe.fileno(), 65536)
        except BlockingIOError:
            return
        if not got:
            selector.unregister(pipe)
        elif pipe is self.process.stdout:
            self._hear(got)
        elif pipe is self.process.stderr:
            self.log = (self.log + got)[-LOG_BYTES:]
        else:
            self.told = (self.told + got)[:1000]

    def _hear(self, got: bytes) -> None:
        self.heard += len(got)
        *complete, rest = got.split(b"\n")
        for part in complete:
            self.line += part
            line, self.line = self.line, bytearray()
            if len(line) > LINE_BYTES:
                self.reason = "too_much_output"
                return
            self.on_line(codecs.decode(bytes(line), "utf-8", "replace"))
        self.line += rest
        if len(self.line) > LINE_BYTES or self.heard > OUTPUT_BYTES:
            self.reason = "too_much_output"

    def end(self) -> None:
        """Kill whatever is left of the group, close the pipes."""
        self.killed = self.process.poll() is None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
        os.close(self.status)

    def ended(self) -> Ended:
        code = self.process.returncode
        if not self.killed and (code == -signal.SIGKILL or code == bootstrap.OUT_OF_MEMORY):
            self.reason = "out_of_memory"  # nobody but the kernel kills it
        elif code == -signal.SIGXCPU:
            self.reason = "out_of_time"
        try:
            held = tuple(json.loads(self.told))
        except ValueError:
            held = ()
        return Ended(
            code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            reason=self.reason,
            log=plain(self.log.decode("utf-8", "replace"), LOG_BYTES),
            layers=held,
            seconds=time.monotonic() - self.began,
        )


def _overfull(folder: Path) -> bool:
    """Whether the child wrote too much; bounded, since the child controls what is counted."""
    size = files = 0
    pending = [str(folder)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                files += 1
                if files > FOLDER_FILES:
                    return True
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    try:
                        size += entry.stat(follow_symlinks=False).st_size
                    except FileNotFoundError:
                        continue
    return size > FOLDER_BYTES
