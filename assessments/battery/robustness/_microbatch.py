"""Attacks of ART as they are, one greenlet a row, their questions served together.

ART attacks one row after the other and asks the model for a few rows each time, where nearly all the time goes: one
row of a forest costs 9 ms, one of ten thousand 17 µs. Here each row's attack runs until it asks, waits, and is given
its answer when all the others have asked too.

ART draws from numpy's global generator, and some attacks from generators they build without a seed. Each row has
generators of its own, seeded from the run's seed and the row's place, so that its result does not depend on how many
rows are attacked with it.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from greenlet import GreenletExit, getcurrent, greenlet
from numpy.typing import NDArray

from assessments.battery.robustness._lockstep import Rows

Answer = Callable[[NDArray[Any], Rows], NDArray[Any]]
Ask = Callable[[str, NDArray[Any]], NDArray[Any]]
Job = Callable[[int, Ask], NDArray[Any]]
Unseeded = np.random.RandomState
NUMBERS_AT_ONCE = 4_000_000  # of one question: bounds memory where there are many columns


class _Seeded(Unseeded):
    """numpy's RandomState, which without a seed takes one from the global generator instead of from the system."""

    def __init__(self, seed: Any = None) -> None:
        super().__init__(np.random.randint(2**32, dtype=np.uint64) if seed is None else seed)


@dataclass
class Served:
    """results: what each job gave, None where it did not end. calls and rows: what the model was asked."""

    results: list[NDArray[Any] | None]
    errors: dict[int, Exception] = field(default_factory=dict)
    calls: int = 0
    rows: int = 0
    out_of_time: bool = False

    @property
    def finished(self) -> NDArray[np.bool_]:
        return np.array([result is not None for result in self.results], dtype=bool)


@dataclass(eq=False)
class _Waiting:
    thread: greenlet
    kind: str
    row: int
    points: NDArray[Any]
    state: Any


def run_together(
    count: int,
    job: Job,
    answers: Mapping[str, Answer],
    *,
    seed: int,
    seconds: float,
    at_once: int = 256,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Served:
    """Run job(row, ask) for rows 0…count-1, at_once of them side by side.

    ask(kind, points) gives answers[kind](points, rows), where rows (m,) says whose points they are; answers must treat
    each point alike whatever comes with it. A job that raises ends alone; after `seconds` the jobs that have not ended
    are dropped, so that what has is kept.
    """
    served = Served([None] * count)
    ends = time.monotonic() + seconds
    before = np.random.get_state()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for start in range(0, count, at_once):
                _Round(served, job, answers, seed, ends).run(range(start, min(start + at_once, count)), progress)
                if served.out_of_time:
                    break
    finally:
        np.random.RandomState = Unseeded  # type: ignore[misc]
        np.random.set_state(before)
    return served


class _Round:
    """Some rows side by side, from their first question to their last."""

    def __init__(self, served: Served, job: Job, answers: Mapping[str, Answer], seed: int, ends: float) -> None:
        self.served, self.job, self.answers, self.seed, self.ends = served, job, answers, seed, ends
        self.hub = getcurrent()
        self.parked: list[_Waiting] = []

    def run(self, rows: range, progress: Callable[[int, int], None]) -> None:
        try:
            for row in rows:
                state = Unseeded(np.random.SeedSequence([self.seed, row]).generate_state(8)).get_state(legacy=False)
                self._resume(greenlet(self._attack, parent=self.hub), state, row)
            while self.parked and not self.served.out_of_time:
                self._serve()
                progress(rows.start + len(rows) - len(self.parked), len(self.served.results))
                self.served.out_of_time = bool(self.parked) and time.monotonic() > self.ends
        finally:
            for waiting in self.parked:
                waiting.thread.throw(GreenletExit)

    def _attack(self, row: int) -> None:
        def ask(kind: str, points: NDArray[Any]) -> NDArray[Any]:
            state = np.random.get_state(legacy=False)
            self.parked.append(_Waiting(getcurrent(), kind, row, points, state))
            answer: NDArray[Any] = self.hub.switch()
            return answer

        try:
            self.served.results[row] = self.job(row, ask)
        except GreenletExit:
            return
        except Exception as error:
            self.served.errors[row] = error

    def _resume(self, thread: greenlet, state: Any, given: Any) -> None:
        """Let the row go on with its own generators, until it asks or ends."""
        np.random.set_state(state)
        np.random.RandomState = _Seeded  # type: ignore[misc]
        try:
            thread.switch(given)
        finally:
            np.random.RandomState = Unseeded  # type: ignore[misc]

    def _serve(self) -> None:
        waiting, left = self.parked, list(self.parked)
        try:
            given = self._answered(waiting)
            self.parked = []
            while left:
                each = left.pop(0)
                self._resume(each.thread, each.state, given[id(each)])
        finally:
            self.parked = [*left, *(new for new in self.parked if new not in left)]  # interrupted: all are ended

    def _answered(self, waiting: list[_Waiting]) -> dict[int, NDArray[Any]]:
        given: dict[int, NDArray[Any]] = {}
        for kind in sorted({each.kind for each in waiting}):
            for asked in _lots([each for each in waiting if each.kind == kind]):
                sizes = [len(each.points) for each in asked]
                rows = np.repeat([each.row for each in asked], sizes)
                found = self.answers[kind](np.concatenate([each.points for each in asked]), rows)
                self.served.calls += 1
                self.served.rows += len(rows)
                for each, part in zip(asked, np.split(found, np.cumsum(sizes)[:-1]), strict=True):
                    given[id(each)] = part
        return given


def _lots(waiting: list[_Waiting]) -> Iterator[list[_Waiting]]:
    """Those that are asked in one question: as many as keep it within NUMBERS_AT_ONCE, at least one."""
    lot: list[_Waiting] = []
    numbers = 0
    for each in waiting:
        if lot and numbers + each.points.size > NUMBERS_AT_ONCE:
            yield lot
            lot, numbers = [], 0
        lot.append(each)
        numbers += each.points.size
    if lot:
        yield lot
