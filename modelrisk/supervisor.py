"""Keeps the web server and the worker alive, and leaves nothing behind: what `manage.py serve` does.

Each child leads its own session. When its first process ends, whatever is left of the group is killed before a new one
is started: gunicorn's and django-q2's own children live on after their parent, and would work on unsupervised.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

TICK = 0.2  # seconds
HEALTHY_SECONDS = 30.0  # a child that lived so long is no failure to start
FAST_DEATHS = 4  # in a row, then the supervisor gives up
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0  # seconds, doubled with each fast death

Say = Callable[[str], None]


@dataclass
class Child:
    """One supervised program and its process group."""

    name: str
    arguments: list[str]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    before_start: Callable[["Child"], None] = lambda child: None
    while_stopping: Callable[["Child"], None] = lambda child: None  # called again and again
    id: str = ""  # of this start; new each time
    process: subprocess.Popen | None = None
    lifeline: int = -1
    started_at: float = 0.0
    start_at: float = 0.0
    fast_deaths: int = 0

    def start(self) -> None:
        self.before_start(self)
        self.id = secrets.token_hex(4)
        theirs, ours = os.pipe()
        command = [sys.executable, "-m", "modelrisk.lifeline", str(theirs), *self.arguments]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        try:
            self.process = subprocess.Popen(  # noqa: S603 - no shell; the arguments are ours
                command,
                cwd=self.folder,
                env={**environment, **self.environment, "MODELRISK_CLUSTER_ID": self.id},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=[theirs],
            )
        finally:
            os.close(theirs)
        self.lifeline, self.started_at = ours, time.monotonic()

    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def stop(self) -> None:
        """Ask its first process to end the others and itself."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)  # does nothing to one that has ended

    def sweep(self) -> None:
        """Kill what is left of the group, and see it gone."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            while True:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.poll()
                reap_strangers({self.process.pid})
                time.sleep(0.02)
        self.process.wait()
        if self.lifeline >= 0:
            os.close(self.lifeline)
            self.lifeline = -1


class Supervisor:
    """Runs the children until it is told to stop, or one of them cannot be kept alive."""

    def __init__(self, children: list[Child], *, say: Say, grace: float, each_tick: Callable[[], None]) -> None:
        self.children = children
        self.say = say
        self.grace = grace
        self.each_tick = each_tick
        self.told_to_stop = False

    def run(self) -> int:
        """0 when it was told to stop, 1 when it gave up."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            for child in self.children:
                child.start()
            while not self.told_to_stop:
                time.sleep(TICK)
                reap_strangers({child.process.pid for child in self.children if child.process})
                if not all(self._keep(child) for child in self.children):
                    return 1
                self.each_tick()
            return 0
        finally:
            self._stop_all()

    def restart(self, child: Child, why: str) -> None:
        self.say(f"{child.name}: {why}; restarting it")
        child.sweep()
        child.start_at = 0.0  # it may have been waiting for its next start: once is enough
        child.start()

    def _on_signal(self, *_) -> None:
        self.told_to_stop = True

    def _keep(self, child: Child) -> bool:
        """Start it again where it ended, after a pause that grows; False when that was in vain too often."""
        now = time.monotonic()
        if child.start_at:
            if now >= child.start_at:
                child.start_at = 0.0
                child.start()
            return True
        if not child.ended():
            return True
        code = child.process.returncode
        child.sweep()
        child.fast_deaths = child.fast_deaths + 1 if now - child.started_at < HEALTHY_SECONDS else 0
        if child.fast_deaths > FAST_DEATHS:
            self.say(f"{child.name}: ended {child.fast_deaths} times in a row soon after its start ({code}); giving up")
            return False
        pause = min(FIRST_PAUSE * 2**child.fast_deaths, LONGEST_PAUSE)
        self.say(f"{child.name}: ended ({code}); starting it again in {pause:g} s")
        child.start_at = now + pause
        return True

    def _stop_all(self) -> None:
        for child in self.children:
            child.stop()
        deadline = time.monotonic() + self.grace
        remaining = [child for child in self.children if child.process is not None]
        while remaining and time.monotonic() < deadline:
            for child in remaining:
                child.while_stopping(child)
            time.sleep(TICK)
            remaining = [child for child in remaining if not child.ended()]
        for child in remaining:
            self.say(f"{child.name}: still there after {self.grace:g} s; killed")
        for child in self.children:
            child.sweep()


def reap_strangers(ours: set[int]) -> None:
    """As process 1 of a container: bury what others left, but not our own children, whose exit codes we want."""
    if not hasattr(os, "waitid"):
        return
    with contextlib.suppress(ChildProcessError):
        while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if found.si_pid in ours:
                return
            os.waitpid(found.si_pid, os.WNOHANG)


@dataclass
class Watchdog:
    """Notices a worker that takes no work though it looks alive: an idle process of django-q2, killed while it waits
    for work, takes the queue's lock with it.

    waiting(): the ids of work that nobody has taken; working(): whether a worker of this host is busy.
    """

    waiting: Callable[[], set[int]]
    working: Callable[[], bool]
    seconds: float
    seen: dict[int, float] = field(default_factory=dict)  # id -> since when it waits

    def stalled(self, now: float) -> bool:
        """Whether something has waited for `seconds` while nobody here was busy. True once, then it starts afresh."""
        waiting = self.waiting()
        self.seen = {pk: self.seen.get(pk, now) for pk in waiting}
        if not self.seen or self.working() or now - min(self.seen.values()) < self.seconds:
            return False
        self.seen = {}
        return True
