"""The demo's two child processes: training, and the server. Neither outlives the demo."""

import os
import subprocess
import sys
import time
from pathlib import Path

from django.conf import settings

from modelrisk.demo.visit import answers

READY_SECONDS = 90
GRACE_SECONDS = 30


class ChildFailed(Exception):
    """A child ended that should not have; the message holds the end of what it said."""


class Training:
    """`modelrisk.demo.training` into a folder, unless it was done there before. Begins at once, beside other work."""

    def __init__(self, folder: Path, table: Path | None) -> None:
        self.process = None
        if all((folder / name).exists() for name in ("scorecard.joblib", "training.json")):
            return
        folder.mkdir(parents=True, exist_ok=True)
        arguments = [str(folder), *([str(table)] if table else [])]
        self.process = _start(
            ["-m", "modelrisk.demo.training", *arguments],
            # On a busy machine OpenMP's waiting threads take the time from those that work.
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait(self) -> None:
        """Raises ChildFailed where it failed."""
        if self.process is None:
            return
        _, said = self.process.communicate()
        if self.process.returncode:
            raise ChildFailed(f"Training failed: {said.strip()[-1500:]}")

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


class Server:
    """`manage.py serve` on 127.0.0.1, its output in a log file. Leaves no process behind."""

    def __init__(self, port: int, log: Path) -> None:
        self.url = f"http://localhost:{port}"
        self._log = log
        # The server ends by itself when this end of the pipe closes, whatever killed the demo.
        theirs, self._lifeline = os.pipe()
        command = ["-m", "modelrisk.lifeline", str(theirs), "django", "serve", "--bind", f"127.0.0.1:{port}"]
        try:
            with open(log, "ab") as out:
                # Its own session: Ctrl-C in the terminal reaches the demo alone, which then stops it once, in order.
                self.process = _start(command, stdout=out, stderr=out, start_new_session=True, pass_fds=[theirs])
        finally:
            os.close(theirs)

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
        os.close(self._lifeline)

    def _end_of_log(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]


def _start(arguments: list[str], **options) -> subprocess.Popen:
    return subprocess.Popen(  # noqa: S603
        [sys.executable, *arguments], cwd=settings.BASE_DIR, stdin=subprocess.DEVNULL, **options
    )
