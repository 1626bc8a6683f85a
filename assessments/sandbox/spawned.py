"""A run that is a Python started afresh. Its group is killed before it is reaped: until then its number is its own."""

import contextlib
import marshal
import os
import select
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from assessments.sandbox import bootstrap, presence

if TYPE_CHECKING:
    from assessments.sandbox.launch import Job


class Spawned:
    """As launch.Process."""

    shared = 0
    lost = False

    def __init__(self, job: "Job", out: int, err: int, status: int) -> None:
        asked = {"parent": os.getpid(), "status": status, "root": str(presence.ROOT), "walls": dict(job.walls)}
        self._process = subprocess.Popen(  # noqa: S603 - no shell; the arguments are ours
            [sys.executable, "-P", "-s", "-B", bootstrap.__file__, marshal.dumps(asked).hex(), *job.arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=job.environment,
            cwd=job.folder,
            start_new_session=True,
            pass_fds=[status, *job.pass_fds],
        )
        self.pid = self._process.pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._code(os.WNOHANG)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if timeout is not None and self.poll() is None:
            self._wait_for_end(timeout)
            if self.poll() is None:
                raise subprocess.TimeoutExpired("a run", timeout)
        if self.returncode is None:
            self.returncode = self._code(0)
        assert self.returncode is not None  # noqa: S101 - it was waited for
        return self.returncode

    def kill_all(self) -> None:
        """It, and what is left of its group; only then may another process get its number."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.returncode = self._process.wait()

    def _code(self, how: int) -> int | None:
        if not hasattr(os, "waitid"):  # macOS before Python 3.13
            return self._process.wait() if how == 0 else self._process.poll()
        told = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | how)
        if told is None:
            return None
        return told.si_status if told.si_code == os.CLD_EXITED else -told.si_status

    def _wait_for_end(self, timeout: float) -> None:
        if not hasattr(os, "pidfd_open"):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout)
            return
        # subprocess would sleep and look again, up to 50 ms too long.
        pidfd = os.pidfd_open(self.pid)
        try:
            select.select([pidfd], [], [], timeout)
        finally:
            os.close(pidfd)
