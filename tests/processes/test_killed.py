"""kill -9, of each kind of process, in the middle of an assessment: nothing is lost, doubled or left behind."""

import signal

import pytest

from tests.processes.conftest import Process, children_of, family_of, process, wait_for

FIRST, SECOND, THIRD = "performance.calibration", "performance.discrimination", "performance.threshold_metrics"


def the_battery(worker: int) -> list[Process]:
    """The runs of a worker: forked from the process that it keeps for that."""
    return [run for server in children_of(worker) for run in children_of(server.pid)]


@pytest.mark.long
def test_a_killed_forkserver_loses_nothing_and_leaves_no_orphan(installation):
    serving = installation.serve("--no-web")
    worker = process(installation.wait_for_the_middle())
    (server,) = children_of(worker.pid)
    runs = wait_for(lambda: the_battery(worker.pid), "the battery runs")
    server.kill()
    wait_for(lambda: not any(one.alive() for one in [server, *runs]), "its processes are gone")
    installation.wait_until_done()
    assert [(test, status) for test, status, _ in installation.recorded()] == [
        (FIRST, "done"),
        (SECOND, "done"),
        (THIRD, "done"),
    ]
    assert serving.supervisor.poll() is None


def test_a_killed_worker_loses_and_doubles_nothing(any_installation):
    serving = any_installation.serve("--no-web")
    worker = process(any_installation.wait_for_the_middle())
    sandboxed = wait_for(lambda: the_battery(worker.pid) and family_of(worker.pid), "the battery runs")
    worker.kill()
    any_installation.wait_until_done()
    assert any_installation.recorded() == [(FIRST, "done", 1), (SECOND, "done", 2), (THIRD, "done", 2)]
    assert not any(one.alive() for one in sandboxed)
    assert serving.supervisor.poll() is None


@pytest.mark.long
def test_a_killed_queue_leaves_no_orphan_and_resumes(installation):
    serving = installation.serve("--no-web")
    installation.wait_for_the_middle()
    top = serving.child("qcluster")
    before = [top, *family_of(top.pid)]
    top.kill()
    wait_for(lambda: not any(one.alive() for one in before), "all its processes are gone")
    installation.wait_until_done()
    assert installation.recorded() == [(FIRST, "done", 1), (SECOND, "done", 2), (THIRD, "done", 2)]


@pytest.mark.long
def test_a_killed_sentinel_leaves_no_orphan_and_resumes(installation):
    serving = installation.serve("--no-web")
    installation.wait_for_the_middle()
    top = serving.child("qcluster")
    before = [top, *family_of(top.pid)]
    children_of(top.pid)[0].kill()
    wait_for(lambda: not any(one.alive() for one in before), "all its processes are gone")
    installation.wait_until_done()
    assert [test for test, _, _ in installation.recorded()] == [FIRST, SECOND, THIRD]


def test_a_killed_supervisor_takes_everything_with_it(installation):
    serving = installation.serve()
    installation.wait_for_the_middle()
    serving.child("gunicorn")
    serving.look()
    serving.supervisor.kill()
    serving.supervisor.wait()
    wait_for(lambda: not serving.left(), "everything it started is gone")
    installation.serve("--no-web")
    installation.wait_until_done()
    assert [test for test, _, _ in installation.recorded()] == [FIRST, SECOND, THIRD]


@pytest.mark.long
def test_an_idle_worker_killed_in_the_queues_lock_does_not_hang_us(installation):
    """django-q2's only idle process dies with the lock of the queue: its successor can never read again."""
    installation.hold()
    serving = installation.serve("--no-web", "--workers", "1", "--stall", "10")
    top = serving.child("qcluster")
    sentinel = wait_for(lambda: children_of(top.pid), "the sentinel runs")[0]

    def members():
        found = children_of(sentinel.pid)
        return found if len(found) == 3 else None

    idle, *_ = wait_for(members, "worker, monitor and pusher run, started in this order")
    idle.kill()
    wait_for(lambda: (found := members()) and idle not in found, "the sentinel replaces it")
    installation.let_go()
    installation.wait_until_done()
    assert not top.alive()
    assert "takes no work" in serving.log.read_text()


def test_told_to_stop_it_hands_back_what_runs(any_installation):
    serving = any_installation.serve("--no-web")
    any_installation.wait_for_the_middle()
    serving.look()
    serving.supervisor.send_signal(signal.SIGTERM)
    assert serving.supervisor.wait(60) == 0
    assert serving.left() == []
    found = any_installation.assessment()
    # Three attempts are left after one that recorded something; this one does not count.
    assert (found["state"], found["max_attempts"] - found["attempt"]) == ("queued", 3 + 1)
    any_installation.serve("--no-web")
    any_installation.wait_until_done()
    assert [test for test, _, _ in any_installation.recorded()] == [FIRST, SECOND, THIRD]


ACT = """
import django; django.setup()
from assessments.actions import assessments
from assessments.models import Assessment
found = Assessment.objects.get()
assessments.{act}(found, actor=found.requested_by)
"""


@pytest.mark.long
def test_cancelled_in_the_middle_it_stops_and_a_retry_goes_on(installation):
    installation.serve("--no-web")
    worker = process(installation.wait_for_the_middle())
    installation.run("-c", ACT.format(act="cancel"))
    wait_for(lambda: installation.assessment()["state"] == "cancelled", "it is cancelled")
    wait_for(lambda: not the_battery(worker.pid), "the battery is gone")
    kept = installation.recorded()
    installation.run("-c", ACT.format(act="retry"))
    installation.wait_until_done()
    assert installation.recorded()[: len(kept)] == kept
    assert [test for test, _, _ in installation.recorded()] == [FIRST, SECOND, THIRD]
