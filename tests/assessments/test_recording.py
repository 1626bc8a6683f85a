"""What a child says, and what of it becomes rows."""

import json

import pytest

from assessments import leasing, recording, selftesting, stored
from assessments.models import TestResult

pytestmark = pytest.mark.django_db
TEST = "performance.discrimination"


@pytest.fixture
def running(waiting):
    return leasing.claim(waiting.pk)


def measure(**changes) -> dict:
    return {
        "metric": "roc_auc", "value": 0.9, "ci": [0.8, 0.95], "n": 240, "group": {}, "unit": "lies", "better": "lies",
        "small": False, **changes,
    }  # fmt: skip


def chart(**changes) -> dict:
    return {"id": "roc", "title": "ROC", "caption": "c", "alt": "a", "data": {"kind": "roc", "series": []}, **changes}


def outcome(**changes) -> dict:
    return {
        "id": TEST, "family": "lies", "title": "lies", "status": "done", "reason": "", "hint": "", "seconds": 1.5,
        "queries": 240, "params": {"resamples": 300}, "measures": [measure()], "charts": [chart()], "tables": [],
        "notes": ["n"], **changes,
    }  # fmt: skip


def test_an_outcome_becomes_rows(running):
    recording.record_result(running, TEST, outcome())
    [entry] = stored.entries(running)
    assert entry["measures"] == [measure(unit="ratio", better="higher")]
    assert entry["charts"] == [chart()]
    assert (entry["status"], entry["seconds"], entry["queries"], entry["notes"]) == ("done", 1.5, 240, ["n"])


def test_title_family_and_unit_come_from_the_catalogue(running):
    recording.record_result(running, TEST, outcome())
    found = running.results.get()
    assert (found.title, found.family) == (running.catalogue[TEST]["title"], "performance")
    assert found.measures.get().unit == "ratio"


def test_recording_twice_changes_nothing(running):
    recording.record_result(running, TEST, outcome())
    recording.record_result(running, TEST, outcome(measures=[measure(value=0.1)]))
    assert TestResult.objects.count() == 1
    assert running.results.get().measures.get().value == 0.9


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "excellent"}, "excellent"),
        ({"id": "performance.other"}, "performance.other"),
        ({"measures": [measure(metric="charm")]}, "charm"),
        ({"measures": [measure(value="0.9")]}, "0.9"),
        ({"measures": [measure(ci=[0.1])]}, "ci"),
        ({"measures": [measure(group={"sex": 1})]}, "sex"),
        ({"measures": [measure(n=-1)]}, "n"),
        ({"charts": [chart(id="../../etc")]}, "etc"),
        ({"charts": [chart(id="roc\n")]}, "roc"),
        ({"charts": [chart(id="selfie")]}, "selfie"),
        ({"charts": [chart(), chart()]}, "twice"),
        ({"charts": [chart(data={"kind": "../x"})]}, "kind"),
        (
            {"tables": [{"id": "t", "title": "t", "columns": ["a"], "rows": [[[{"column": "a", "before": 1}]]]}]},
            "after",
        ),
        ({"tables": [{"id": "t", "title": "t", "columns": ["a"], "rows": [[{"a": 1}]]}]}, "rows"),
        ({"seconds": -1}, "seconds"),
        ({"verdict": "pass"}, "verdict"),
        ({"measures": [measure(verdict="pass")]}, "verdict"),
        ({"measures": [measure(ci=[0.9, 0.1])]}, "before it begins"),
        ({"charts": [chart(svg="<svg/>")]}, "svg"),
        ({"params": {"deep": {"er": 1}}}, "deep"),
    ],
    ids=str,
)
def test_what_is_not_understood_is_an_error_of_its_test(running, changes, said):
    recording.record_result(running, TEST, outcome(**changes))
    found = running.results.get()
    assert found.status == "error"
    assert said in found.reason
    assert found.hint
    assert not found.measures.exists()
    assert not found.charts.exists()


def test_values_that_could_not_be_computed_stay_unknown(running):
    recording.record_result(running, TEST, outcome(measures=[measure(value=None, ci=None)]))
    assert stored.entries(running)[0]["measures"][0]["value"] is None


@pytest.mark.parametrize(
    "line",
    [
        "", "hello", "[]", '{"event": "party"}', '{"event": "progress", "test": "a", "done": -1, "of": 2}',
        '{"event": "result", "test": "a"}', '{"event": "failed", "code": "<b>", "message": "m"}',
        '{"event": "finished"',
        '{"event": "progress", "test": "a", "done": NaN, "of": 2}', '{"event": "started"}',
        '{"event": "finished", "verdicts": []}',
        '{"event": "started", "subject": {"a": {"b": 1}}, "environment": {}}',
        '{"event": "started", "subject": {}, "environment": {"sandbox": {"mode": "full"}}}',
        '{"event": "started", "subject": {"sensitive": {"sex": [{"name": "f", "n": -1}]}}, "environment": {}}',
    ],
)  # fmt: skip
def test_lines_that_the_battery_does_not_write_are_not_events(line):
    with pytest.raises(recording.NotUnderstood):
        recording.read_event(line)


def test_events_of_the_battery_are_understood():
    event = {"event": "failed", "code": "one_class", "message": "All rows are \x00alike.", "hint": ""}
    assert recording.read_event(json.dumps(event))["message"] == "All rows are alike."


def test_digests_seed_and_where_the_model_was_are_ours_to_say(running):
    lies = {"model_sha256": "0" * 64, "data_sha256": "0" * 64, "seed": 1, "plan_name": "lies", "target": "lies"}
    said = {"subject": {**lies, "rows": 240}, "environment": {"python": "3", "model_process": "separate"}}
    said["environment"]["battery_sha256"] = "0" * 64
    recording.record_start(running, {"event": "started", **said})
    running.refresh_from_db()
    document = stored.document(running)
    plan = running.plan
    assert document["subject"] == {
        "rows": 240, "model_sha256": plan["model"]["sha256"], "data_sha256": plan["data"]["sha256"],
        "reference_sha256": None, "seed": plan["seed"], "plan_name": plan["plan_name"],
        "target": plan["target"]["column"], "favourable": plan["target"]["favourable"],
    }  # fmt: skip
    assert document["environment"] == {"python": "3", "battery_sha256": selftesting.battery_sha256()}


def test_progress_is_shown_while_a_test_runs(running):
    recording.record_progress(running, TEST, 61, 200)
    running.refresh_from_db()
    assert (running.current_test, running.current_done, running.current_of) == (TEST, 61, 200)
    recording.record_result(running, TEST, outcome())
    running.refresh_from_db()
    assert running.current_test == ""
