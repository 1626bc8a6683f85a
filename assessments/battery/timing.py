"""A limit on the time of a block, by an alarm; and steps that the alarm must not cut in two."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

RING_AGAIN = 5.0  # seconds after which a swallowed time-out is raised anew
HELD_BACK = 0.01  # seconds after which an alarm that met an undisturbed step rings again


class OutOfTime(BaseException):
    """The time is over. Not an Exception, so that a test's own `except Exception` does not swallow it."""


class _Undisturbed:
    """`with undisturbed:` no alarm is raised in the block. For a few short steps: what they leave half done would stay.

    Not by blocking the signal: where libraries have threads, it is one of those that gets it, and Python raises in the
    main thread all the same.
    """

    def __init__(self) -> None:
        self.depth = 0

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self.depth += 1

    def __exit__(self, *_: object) -> None:
        if threading.current_thread() is threading.main_thread():
            self.depth -= 1


undisturbed = _Undisturbed()


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the block after that many seconds. Only in the main thread; elsewhere there is no limit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(signum: int, frame: Any) -> None:
        if undisturbed.depth:
            signal.setitimer(signal.ITIMER_REAL, HELD_BACK, RING_AGAIN)
            return
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, RING_AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
