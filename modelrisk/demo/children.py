"""The demo's two child processes: training, and the server. Neither outlives the demo."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from modelrisk.demo.visit import answers

READY_SECONDS = 90
GRACE_SECONDS = 30
PR_SET_PDEATHSIG = 1


class ChildFailed(Exception):
    """A child ended that should not have; the message holds the end of what it said."""


def train(folder: Path, table: Path | None) -> Callable[[], None]:
    """Begin training into the folder, unless it was done; returns what waits for it. Raises ChildFailed there."""
    if (folder / "training.json").exists():
        return lambda: None
    folder.mkdir(parents=True, exist_ok=True)
    arguments = [str(folder), *([str(table)] if table else [])]
    child = _start(["-m", "modelrisk.demo.training", *arguments], stderr=subprocess.PIPE, text=True)

    def wait() -> None:
        _, said = child.communicate()
        if child.returncode:
            raise ChildFailed(f"Training failed: {said.strip()[-1500:]}")

    return wait


class Server:
    """`manage.py serve` on 127.0.0.1, its output in a log file. Leaves no process behind."""

    def __init__(self, port: int, log: Path) -> None:
        self.url = f"http://localhost:{port}"
        self._log = log
        with open(log, "ab") as out:
            # Its own session: Ctrl-C in the terminal reaches the demo alone, which then stops it once, in order.
            self.process = _start(
                ["manage.py", "serve", "--port", str(port)], stdout=out, stderr=out, start_new_session=True
            )

    def wait_until_ready(self) -> None:
        until = time.monotonic() + READY_SECONDS
        while not answers(self.url):
            self.check()
            if time.monotonic() > until:
                raise ChildFailed(f"The server does not answer after {READY_SECONDS} s:\n{self._end_of_log()}")
            time.sleep(0.1)

    def check(self) -> None:
        if self.process.poll() is not None:
            raise ChildFailed(f"The server ended with code {self.process.returncode}:\n{self._end_of_log()}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _end_of_log(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]


def _start(arguments: list[str], **options) -> subprocess.Popen:
    return subprocess.Popen(  # noqa: S603
        [sys.executable, *arguments],
        cwd=settings.BASE_DIR,
        stdin=subprocess.DEVNULL,
        preexec_fn=_die_with_parent,
        **options,
    )


def _die_with_parent() -> None:
    """Where the demo is killed without a chance to clean up, the kernel tells its children (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == 1:
            os._exit(1)
