"""What is made of the lines of a child, whoever wrote them; and of its death."""

import json

import pytest

from assessments import catalogue
from assessments.local_run import CannotRun, _Run
from assessments.sandbox.launch import Ended

FIRST, SECOND = "performance.probability", "robustness.hopskipjump"
STARTED = {"event": "started", "schema": "modelrisk.events/1", "subject": {"rows": 9}, "environment": {}}


def outcome(test: str, **changes) -> dict:
    entry = {"id": test, "status": "done", "reason": "", "seconds": 1.0, "queries": 5, "params": {}, "measures": [],
             "charts": [], "title": "a title of its own", "family": "none"}  # fmt: skip
    return {"event": "result", "test": test, "outcome": entry | changes}


def died(**changes) -> Ended:
    usual = {"code": None, "signal": 9, "reason": "exited", "log": "", "layers": ("landlock",), "seconds": 1.0}
    return Ended(**usual | changes)


@pytest.fixture
def run() -> _Run:
    plan = {"tests": [{"id": FIRST}, {"id": SECOND}], "limits": {"seconds_per_test": 900.0}}
    run = _Run(plan, catalogue.catalogue(), tell=lambda *_: None)
    run.begin()
    return run


def hear(run: _Run, *events: dict) -> None:
    for event in events:
        run.hear(json.dumps(event))


def test_titles_and_units_come_from_the_catalogue_not_from_the_child(run):
    measure = {"metric": "log_loss", "value": 0.5, "ci": None, "n": 9, "group": {}, "unit": "euro", "better": "none"}
    hear(run, STARTED, outcome(FIRST, measures=[measure]))
    (entry,) = run.entries
    assert (entry["title"], entry["family"]) == ("Probability quality", "performance")
    assert (entry["measures"][0]["unit"], entry["measures"][0]["better"]) == ("nats", "lower")


def test_a_test_that_kills_its_child_is_an_error_and_the_rest_goes_on(run):
    hear(run, STARTED, {"event": "progress", "test": SECOND, "done": 1, "of": 9})
    run.settle(died())
    assert [(e["id"], e["status"]) for e in run.entries] == [(SECOND, "error")]
    assert "signal 9" in run.entries[0]["reason"]
    assert run.remaining == [FIRST]


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (died(reason="stopped"), "over its time limit"),
        (died(reason="out_of_memory"), "out of memory"),
        (died(code=3, signal=None), "exit code 3"),
    ],
)
def test_how_a_child_died_is_said(run, ended, said):
    hear(run, STARTED)
    run.settle(ended)
    assert said in run.entries[0]["reason"]
    assert run.entries[0]["hint"]


@pytest.mark.parametrize(
    "line", ["not json", "[]", '{"event": "dance"}', '{"event": "progress", "test": "x.y", "done": 1, "of": 2}']
)
def test_what_the_battery_never_says_stops_the_child(run, line):
    hear(run, STARTED)
    run.hear(line)
    assert run.nonsense
    run.settle(died())
    assert "not understood" in run.entries[0]["reason"]


@pytest.mark.parametrize(
    "changes",
    [
        {"measures": [{"metric": "invented", "value": 1.0, "n": 1, "group": {}}]},
        {"charts": [{"id": "../../x", "title": "", "caption": "", "alt": "a", "data": {"kind": "roc"}}]},
        {"status": "excellent"},
        {"id": SECOND},
    ],
)
def test_an_outcome_that_is_none_of_the_test_is_an_error(run, changes):
    hear(run, STARTED, outcome(FIRST, **changes))
    assert [entry["status"] for entry in run.entries] == ["error"]


def test_a_result_twice_is_not_kept_twice(run):
    hear(run, STARTED, outcome(FIRST), outcome(FIRST, queries=99))
    assert [entry["queries"] for entry in run.entries] == [5]
    assert run.nonsense


def test_what_the_battery_refuses_is_told_as_it_said_it(run):
    hear(run, {"event": "failed", "code": "one_class", "message": "One class only.", "hint": "Give both."})
    with pytest.raises(CannotRun) as caught:
        run.settle(died(code=2, signal=None))
    assert (caught.value.code, caught.value.message, caught.value.hint) == (
        "one_class",
        "One class only.",
        "Give both.",
    )


def test_a_child_that_never_began_ran_nothing(run):
    with pytest.raises(CannotRun, match="crashed"):
        run.settle(died(signal=11))
