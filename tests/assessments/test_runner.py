"""An assessment through the real battery in the real sandbox, and what of it is kept."""

import json
import os
import signal

import pytest

from assessments import leasing, recording, runner, stored
from assessments.actions.assessments import start
from assessments.models import Assessment
from assessments.results import digest
from assessments.sandbox import forkserver
from registry import storage
from registry.models import AuditEvent
from registry.refusals import Unavailable
from tests.assessments.conftest import QUICK_TESTS, make_dataset_version, make_version
from tests.assessments.hostile import hostile_model, replacing

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
FIRST, SECOND, THIRD = sorted(QUICK_TESTS)


def run(assessment: Assessment) -> Assessment:
    runner.execute(assessment.pk)
    assessment.refresh_from_db()
    return assessment


def statuses(assessment: Assessment) -> dict[str, str]:
    return dict(assessment.results.values_list("test", "status"))


@pytest.fixture
def on_hostile_model(version, dataset_version, owner, security_officer, tiny_files):
    """Starts an assessment of a model whose file runs `code` when it is loaded, which somebody answered for."""

    def begin(code: str) -> Assessment:
        hostile = make_version(version.model, hostile_model(code, tiny_files.model), officer=security_officer)
        return start(hostile, actor=owner, dataset_version=dataset_version, tests=QUICK_TESTS, seed=7)

    return begin


@pytest.fixture
def on_broken_battery(waiting, monkeypatch):
    """An assessment of an honest model, by a battery that runs `code` first."""

    def begin(code: str) -> Assessment:
        then = "import runpy; runpy.run_module('assessments.battery', run_name='__main__', alter_sys=True)"
        monkeypatch.setattr(runner, "BATTERY", ("-c", f"{code}\n{then}"))
        return waiting

    return begin


def test_it_runs_to_its_end(waiting):
    found = run(waiting)
    assert (found.state, found.error, found.attempt) == ("done", "", 1)
    assert statuses(found) == dict.fromkeys(QUICK_TESTS, "done")
    assert found.results_sha256 == digest(stored.document(found))
    assert found.lease_until is None
    assert AuditEvent.objects.about(found).filter(action="assessment.finish", actor__username="system").count() == 1


def test_the_same_inputs_and_seed_give_the_same_seal(version, dataset_version, owner):
    request = {"dataset_version": dataset_version, "tests": [FIRST], "seed": 3, "plan_name": "quick"}
    first, second = (run(start(version, actor=owner, **request)) for _ in range(2))
    assert first.results_sha256 == second.results_sha256 != ""


def test_what_is_recorded_already_is_not_run_again(waiting):
    waiting.results.create(test=FIRST, family="performance", title="Kept", status="done", attempt=1)
    found = run(waiting)
    assert statuses(found) == dict.fromkeys(QUICK_TESTS, "done")
    assert found.results.get(test=FIRST).title == "Kept"


def test_a_test_that_crashes_the_process_loses_only_itself(on_broken_battery):
    found = run(on_broken_battery(replacing(SECOND, "os.kill(os.getpid(), 11)")))
    assert found.state == "done"
    assert statuses(found) == {FIRST: "done", SECOND: "error", THIRD: "done"}
    assert "signal 11" in found.results.get(test=SECOND).reason
    assert found.verdicts.filter(test=SECOND, verdict="pass").count() == 0


def test_a_test_that_the_system_kills_is_out_of_memory(on_broken_battery):
    found = run(on_broken_battery(replacing(SECOND, "os.kill(os.getpid(), 9)")))
    assert statuses(found) == {FIRST: "done", SECOND: "error", THIRD: "done"}
    assert "out of memory" in found.results.get(test=SECOND).reason


def test_a_test_over_its_time_that_cannot_be_interrupted_is_killed(on_broken_battery, monkeypatch):
    monkeypatch.setattr(runner.Child, "overdue", lambda self: self.begun and self.remaining[:1] == [SECOND])
    found = run(on_broken_battery(replacing(SECOND, "signal.pthread_sigmask(0, range(1, 65)); time.sleep(999)")))
    assert statuses(found) == {FIRST: "done", SECOND: "error", THIRD: "done"}
    assert "time limit" in found.results.get(test=SECOND).reason


def test_when_the_time_of_the_assessment_is_over_the_rest_is_skipped(on_hostile_model, settings):
    settings.MODELRISK_ASSESSMENT_SECONDS = 1
    assessment = on_hostile_model("while True: pass")
    assessment.results.create(test=FIRST, family="performance", title="Kept", status="done")
    found = run(assessment)
    assert statuses(found) == {FIRST: "done", SECOND: "error", THIRD: "skipped"}
    assert found.state == "done"


def test_a_model_that_never_loads_fails_with_what_to_do(on_hostile_model, settings):
    settings.MODELRISK_ASSESSMENT_SECONDS = 1
    found = run(on_hostile_model("while True: pass"))
    assert (found.state, statuses(found)) == ("failed", {})
    assert "could not be read in time" in found.error
    assert found.hint


def test_a_model_that_crashes_the_reading_fails_with_what_to_do(on_hostile_model):
    found = run(on_hostile_model("import os; os.kill(os.getpid(), 11)"))
    assert found.state == "failed"
    assert "crashed (signal 11)" in found.error


def test_a_battery_that_talks_nonsense_gets_errors_only(on_broken_battery):
    found = run(on_broken_battery("import os; os.write(1, b'{\"event\": NaN}\\n')"))
    assert set(statuses(found).values()) == {"error"}
    assert set(found.verdicts.values_list("verdict", flat=True)) <= {"error", "not_applicable"}


def test_a_model_that_writes_events_everywhere_is_no_result(on_hostile_model):
    shout = (
        'import os\nfor fd in range(1, 64):\n  try: os.write(fd, b\'{"event": "finished"}\\n\')\n  except OSError: pass'
    )
    found = run(on_hostile_model(shout))
    assert (found.state, statuses(found)) == ("failed", {})
    assert "cannot be asked" in found.error


def test_a_model_that_patches_the_battery_forges_nothing(on_hostile_model, version, dataset_version, owner):
    """It runs in a process of its own, and the numbers are those of the same model without the code."""
    forged = run(on_hostile_model(replacing(SECOND, "os._exit(0)")))
    honest = run(start(version, actor=owner, dataset_version=dataset_version, tests=QUICK_TESTS, seed=7))
    assert statuses(forged) == dict.fromkeys(QUICK_TESTS, "done")
    assert forged.environment["model_process"] == "separate"
    numbers = [list(each.measures.values_list("metric", "value", "low", "high")) for each in
               (*forged.results.order_by("test"), *honest.results.order_by("test"))]  # fmt: skip
    assert numbers[:3] == numbers[3:]


def test_data_without_a_column_of_the_model_fails_with_its_name(version, owner, tiny_files):
    content = tiny_files.data.replace(b"hours", b"other")
    data = make_dataset_version(owner, content)  # its record says hours: the battery looks for itself
    found = run(start(version, actor=owner, dataset_version=data, tests=[FIRST]))
    assert found.state == "failed"
    assert "hours" in found.error
    assert found.hint


def test_a_file_store_that_does_not_answer_is_tried_again(waiting, monkeypatch):
    def down(*_):
        raise Unavailable("The file store does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(storage, "download", down)
        found = run(waiting)
        assert (found.state, found.error) == ("queued", "The file store does not answer.")
    assert run(waiting).state == "done"
    assert (waiting.attempt, waiting.error) == (2, "")


@pytest.mark.skipif(not forkserver.enabled(), reason="runs are not forked here")
def test_a_run_that_is_lost_with_the_forkserver_is_tried_again(on_broken_battery, monkeypatch):
    """What had finished by then is kept, and no test is blamed."""
    assessment = on_broken_battery(replacing(SECOND, "time.sleep(60)"))
    record = recording.record_result

    def record_then_lose(*given):
        record(*given)
        for server in forkserver._servers.values():
            server.process.kill()
            server.process.wait()

    with monkeypatch.context() as patched:
        patched.setattr(recording, "record_result", record_then_lose)
        found = run(assessment)
    assert (found.state, found.attempt, statuses(found)) == ("queued", 1, {FIRST: "done"})
    assert "forked from" in found.error
    monkeypatch.setattr(runner, "BATTERY", ("-m", "assessments.battery"))
    found = run(assessment)
    assert (found.state, found.attempt, set(statuses(found).values())) == ("done", 2, {"done"})


def test_a_worker_that_is_told_to_end_gives_its_run_back_first(waiting, monkeypatch):
    states = []
    before = signal.signal(signal.SIGTERM, lambda *_: states.append(Assessment.objects.get().state))
    monkeypatch.setattr(recording, "record_start", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    try:
        found = run(waiting)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert states == ["queued"]
    assert (found.attempt, found.max_attempts - found.attempt) == (1, 3)


def test_a_missing_file_fails_at_once(waiting, monkeypatch):
    def missing(*_):
        raise Unavailable("A stored file is missing from the file store.", code="missing_file")

    monkeypatch.setattr(storage, "download", missing)
    assert run(waiting).state == "failed"


def test_an_error_of_ours_uses_up_the_attempts_and_then_fails(waiting, monkeypatch, caplog):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(recording, "record_start", broken)
    assert [run(waiting).state for _ in range(3)] == ["queued", "queued", "failed"]
    assert "administrator" in waiting.hint


def test_a_child_that_begins_again_and_again_is_stopped(waiting):
    """Each beginning is a write: a flood of them would keep the database from everybody else."""
    child = runner.Child(leasing.claim(waiting.pk), [FIRST])
    for rows in (240, 10**9):
        child.hear(json.dumps({"event": "started", "subject": {"rows": rows}, "environment": {}}))
    waiting.refresh_from_db()
    assert (waiting.subject, child.nonsense) == ({"rows": 240}, "it begins twice")
