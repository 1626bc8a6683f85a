"""Start runs in tens of milliseconds: forked from a process that has loaded all libraries (forked.py), not from ours.

One such process belongs to each process that asks for it and each number of threads. It is made at the first use, ends
with its owner and after a time without work, and is made anew when it is gone. Where there is none, for whatever
reason, the caller starts a run the slow way: start() gives None and never raises.

Turned off with MODELRISK_FORKSERVER=0. Runs get the same walls, the same environment and the same results either way;
what differs is that runs of one server share the layout of their memory.
"""

import atexit
import contextlib
import logging
import marshal
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from assessments.sandbox import forked, presence, watching

logger = logging.getLogger(__name__)
READY_SECONDS = 180.0  # loading takes 8 seconds of a core, and the machine may be busy
ANSWER_SECONDS = 10.0
REST_SECONDS = 300.0  # after a failure to start, before another attempt


class Lost(OSError):
    """The server is gone, or does not answer."""


class Declined(Exception):
    """The server cannot fork now; what it has forked goes on."""


class Forked:
    """A run that was forked; as launch.Process."""

    def __init__(self, pid: int, pidfd: int, reply: socket.socket, shared: int) -> None:
        self.pid = pid
        self.shared = shared
        self.returncode: int | None = None
        self.lost = False  # the server ended before the run did
        self._pidfd, self._reply = pidfd, reply

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._reply], [], [], 0)[0]:
            self._hear()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.poll() is None:
            if not select.select([self._reply], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a forked run", timeout or 0)
            self._hear()
        return self.returncode if self.returncode is not None else -signal.SIGKILL

    def kill_all(self) -> None:
        if self._pidfd < 0:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(ANSWER_SECONDS)
        if self.returncode is None:
            self.lost, self.returncode = True, -signal.SIGKILL
        select.select([self._pidfd], [], [], ANSWER_SECONDS)  # readable once it has ended
        self._reply.close()
        os.close(self._pidfd)
        self._pidfd = -1

    def _hear(self) -> None:
        with contextlib.suppress(OSError):
            if told := self._reply.recv(64):
                self.returncode = int(told)
                return
        # The kernel kills the runs of a server that ends; no word of how this one would have.
        self.lost, self.returncode = True, -signal.SIGKILL


class Forkserver:
    """The other process, as its owner sees it."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._lock = threading.Lock()
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self.process = subprocess.Popen(  # noqa: S603 - no shell; the arguments are ours
                [sys.executable, "-P", "-s", "-B", forked.__file__, str(theirs.fileno()), str(presence.ROOT)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # One thread while libraries load; see forked.settle.
                env={**environment, "OPENBLAS_NUM_THREADS": "1"},
                cwd=folder,
                start_new_session=True,
                pass_fds=[theirs.fileno()],
            )
        finally:
            theirs.close()
        self.control.settimeout(READY_SECONDS)
        try:
            said = self.control.recv(1000)
        except TimeoutError:
            said = b"it did not become ready"
        if said != b"ready":
            self.close()
            raise Lost(said.decode("utf-8", "replace") or "it ended while it loaded the libraries")
        # Its runs begin with its memory; what they change of it is theirs, and counted twice at most.
        self.shared = 1024 * watching.status(self.process.pid).get("RssAnon", 0)

    def start(self, message: bytes, descriptors: list[int]) -> Forked:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs, self._lock:
                socket.send_fds(self.control, [message], [theirs.fileno(), *descriptors])
            ours.settimeout(ANSWER_SECONDS)
            told, given, *_ = socket.recv_fds(ours, 64, 1)
            if not told:
                raise Lost("it did not fork")
            if told == forked.DECLINED:
                raise Declined
            return Forked(int(told), given[0], ours, self.shared)
        except BaseException:
            ours.close()
            raise

    def close(self) -> None:
        """Its end of the socket closes, and it ends with all its children."""
        self.control.close()
        try:
            self.process.wait(ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def forget(self) -> None:
        """In a process that was forked from the owner: it is not ours."""
        self.control.close()
        self.process.returncode = 0  # nobody waits for it here


_lock = threading.RLock()
_servers: dict[int, Forkserver] = {}  # threads -> server
_rest_until = 0.0


def enabled() -> bool:
    wanted = os.environ.get("MODELRISK_FORKSERVER", "1").strip().lower() not in {"0", "false", "no", "off"}
    return wanted and sys.platform == "linux" and hasattr(os, "pidfd_open")


def start(job, threads: int, out: int, err: int, status: int) -> Forked | None:
    """The run, or None where it has to be started the slow way. job: launch.Job."""
    if not enabled():
        return None
    message = marshal.dumps(
        {
            "arguments": list(job.arguments),
            "walls": dict(job.walls),
            "environment": job.environment,
            "folder": str(job.folder),
            "pass_fds": list(job.pass_fds),
        }
    )
    for _ in range(2):  # one that was idle may have gone meanwhile
        server = _server(threads)
        if server is None:
            return None
        try:
            return server.start(message, [out, err, status, *job.pass_fds])
        except Declined:
            logger.warning("the forkserver cannot fork now; the run starts slowly")
            return None
        except OSError as error:
            logger.warning("the forkserver is gone (%s)", error)
            _drop(threads, server)
    return None


def _server(threads: int) -> Forkserver | None:
    from assessments.sandbox import launch

    global _rest_until
    with _lock:
        if threads in _servers:
            return _servers[threads]
        if time.monotonic() < _rest_until:
            return None
        folder = Path(tempfile.mkdtemp(prefix="modelrisk-fork-"))  # it removes it once it has loaded
        try:
            launch.furnish(folder)
            _servers[threads] = Forkserver(launch.environment(folder, threads), folder)
            return _servers[threads]
        except OSError as error:
            logger.warning("the forkserver cannot be used, runs start slowly: %s", error)
            _rest_until = time.monotonic() + REST_SECONDS
            shutil.rmtree(folder, ignore_errors=True)
            return None


def _drop(threads: int, server: Forkserver) -> None:
    with _lock:
        if _servers.get(threads) is server:
            del _servers[threads]
    server.close()


def stop() -> None:
    """End all servers of this process; the next run makes a new one."""
    with _lock:
        for threads, server in list(_servers.items()):
            _drop(threads, server)


atexit.register(stop)


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()
    for server in _servers.values():
        server.forget()
    _servers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
