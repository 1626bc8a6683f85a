"""When the worker counts as hanging."""

import sys
from pathlib import Path

from modelrisk.supervisor import Child, Supervisor, Watchdog


def stalls(looks: list[tuple[float, set[int], bool]]) -> list[bool]:
    """Each look: the time, what waits, whether a worker here is busy."""
    now = iter(looks)
    state: dict = {}
    watchdog = Watchdog(waiting=lambda: state["waiting"], working=lambda: state["working"], seconds=100)
    answers = []
    for time, waiting, working in now:
        state.update(waiting=waiting, working=working)
        answers.append(watchdog.stalled(time))
    return answers


def test_work_that_nobody_takes_is_a_stall():
    assert stalls([(0, {1}, False), (60, {1}, False), (100, {1}, False)]) == [False, False, True]


def test_work_that_is_taken_is_none():
    assert stalls([(0, {1}, False), (60, {2}, False), (120, {3}, False)]) == [False, False, False]


def test_a_busy_worker_may_let_others_wait():
    assert stalls([(0, {1}, True), (500, {1}, True)]) == [False, False]


def test_after_a_restart_the_new_worker_has_its_time():
    assert stalls([(0, {1}, False), (100, {1}, False), (115, {1}, False)]) == [False, True, False]


def test_one_that_waits_for_its_next_start_and_is_restarted_starts_once(monkeypatch):
    """A second start would leave the first to work on unsupervised."""
    started = []
    monkeypatch.setattr(Child, "start", lambda child: started.append(child))
    child = Child("worker", [sys.executable], Path.cwd(), start_at=1.0)
    supervisor = Supervisor([child], say=lambda _: None, grace=1, each_tick=lambda: None)
    supervisor.restart(child, "hangs")
    child.ended = lambda: False
    assert supervisor._keep(child)
    assert started == [child]
