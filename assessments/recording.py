"""One event of the battery -> rows. Behind the fence, safe to replay, and without trust in who wrote it.

Titles, families, units and directions come from the catalogue that the assessment keeps, never from the child.
"""

import fnmatch
from typing import Any

from django.conf import settings
from django.db import transaction
from jsonschema import Draft202012Validator, ValidationError

from assessments import leasing, selftesting
from assessments.leasing import LeaseLost
from assessments.models import Assessment, Chart, Measure, TestResult
from assessments.sandbox import selftest, strict_json
from assessments.sandbox.plain_text import plain

TEXT = {"type": "string"}
NUMBER = {"type": ["number", "null"]}
COUNT = {"type": "integer", "minimum": 0}
INTERVAL = {"type": ["array", "null"], "items": NUMBER, "minItems": 2, "maxItems": 2}
SCALAR = {"type": ["string", "number", "boolean", "null"]}
SCALARS = {"type": "array", "items": SCALAR, "maxItems": 100_000}
# What the report says of model and data: words, numbers, lists of them, and the groups of each sensitive column.
SUBJECT = {
    "type": "object",
    "maxProperties": 60,
    "propertyNames": {"maxLength": 60},
    "additionalProperties": {"anyOf": [SCALAR, SCALARS]},
    "properties": {
        "sensitive": {
            "type": "object",
            "maxProperties": 5_000,
            "additionalProperties": {
                "type": "array",
                "maxItems": 1_000,
                "items": {
                    "type": "object",
                    "required": ["name", "n"],
                    "additionalProperties": False,
                    "properties": {"name": TEXT, "n": COUNT},
                },
            },
        },
    },
}
ENVIRONMENT = {
    "type": "object",
    "maxProperties": 60,
    "propertyNames": {"maxLength": 100},
    "additionalProperties": {"type": "string", "maxLength": 300},
}
MEASURE = {
    "type": "object",
    "required": ["metric", "value", "n", "group"],
    "additionalProperties": False,
    "properties": {
        "metric": TEXT,
        "value": NUMBER,
        "ci": INTERVAL,
        "n": COUNT,
        "group": {"type": "object", "additionalProperties": TEXT, "maxProperties": 4},
        "small": {"type": "boolean"},
        "p_value": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "unit": TEXT,  # of this and the next the catalogue decides
        "better": TEXT,
    },
}
CHART = {
    "type": "object",
    "required": ["id", "title", "caption", "alt", "data"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "maxLength": 120, "pattern": r"^[a-z][\w. -]*\Z"},
        "title": {"type": "string", "maxLength": 200},
        "caption": TEXT,
        "alt": {"type": "string", "minLength": 1},
        "data": {"type": "object", "required": ["kind"], "properties": {"kind": {"pattern": "^[a-z_]{1,40}$"}}},
    },
}
CHANGE = {
    "type": "object",
    "required": ["column", "before", "after"],
    "additionalProperties": False,
    "properties": {"column": TEXT, "before": TEXT, "after": TEXT, "follows": {"type": "boolean"}},
}
CELL = {"type": ["string", "number", "boolean", "null", "array"], "items": CHANGE, "maxItems": 100}
TABLE = {
    "type": "object",
    "required": ["id", "title", "columns", "rows"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "maxLength": 120},
        "title": {"type": "string", "maxLength": 200},
        "columns": {"type": "array", "items": TEXT, "maxItems": 50},
        "rows": {
            "type": "array",
            "maxItems": 2000,
            "items": {"type": "array", "maxItems": 50, "items": CELL},
        },
        "note": TEXT,
    },
}
OUTCOME = {
    "type": "object",
    "required": ["id", "status", "seconds", "queries", "params", "measures", "charts"],
    "additionalProperties": False,
    "properties": {
        "id": TEXT,
        "family": TEXT,  # of this and the next the catalogue decides
        "title": TEXT,
        "status": {"enum": [str(status) for status in TestResult.Status]},
        "reason": TEXT,
        "hint": TEXT,
        "seconds": {"type": "number", "minimum": 0, "maximum": 1e7},
        "queries": COUNT,
        "params": {
            "type": "object",
            "maxProperties": 50,
            "additionalProperties": {"anyOf": [SCALAR, {**SCALARS, "maxItems": 1_000}]},
        },
        "measures": {"type": "array", "items": MEASURE, "maxItems": 5000},
        "charts": {"type": "array", "items": CHART, "maxItems": 200},
        "tables": {"type": "array", "items": TABLE, "maxItems": 50},
        "notes": {"type": "array", "items": TEXT, "maxItems": 100},
        "comparisons": {**COUNT, "maximum": 10_000_000},
    },
}
EVENT = {
    "type": "object",
    "required": ["event"],
    "oneOf": [
        {
            "required": ["subject", "environment"],
            "additionalProperties": False,
            "properties": {
                "event": {"const": "started"},
                "schema": TEXT,
                "subject": SUBJECT,
                "environment": ENVIRONMENT,
            },
        },
        {
            "required": ["test", "done", "of"],
            "additionalProperties": False,
            "properties": {"event": {"const": "progress"}, "test": TEXT, "done": COUNT, "of": COUNT},
        },
        {
            "required": ["test", "outcome"],
            "additionalProperties": False,
            "properties": {"event": {"const": "result"}, "test": TEXT, "outcome": {"type": "object"}},
        },
        {
            "required": ["code", "message"],
            "additionalProperties": False,
            "properties": {
                "event": {"const": "failed"},
                "code": {"type": "string", "pattern": "^[a-z_]{1,40}$"},
                "message": TEXT,
                "hint": TEXT,
            },
        },
        {"additionalProperties": False, "properties": {"event": {"const": "finished"}}},
    ],
}
NOT_THEIRS = {"sandbox", "model_process", "battery_selftest", "battery_sha256"}
MAX_PROGRESS = 2**31 - 1
_event, _outcome = Draft202012Validator(EVENT), Draft202012Validator(OUTCOME)


class NotUnderstood(ValueError):
    """What the child wrote is not what the battery writes."""


def read_event(line: str) -> dict[str, Any]:
    """One line of the child, checked. Raises NotUnderstood."""
    try:
        event = strict_json.parse(line)
        _event.validate(event)
    except (strict_json.NotFit, ValidationError) as error:
        raise NotUnderstood(_short(error)) from error
    return event


def record_start(assessment: Assessment, event: dict[str, Any]) -> None:
    """What the child says of itself; of its sandbox only we say something, and keep what an earlier part of it was."""
    known = {"sandbox": assessment.environment["sandbox"]} if "sandbox" in assessment.environment else {}
    assessment.environment = {**plain_environment(event["environment"], assessment.plan), **known}
    leasing.write(assessment, subject=event["subject"], environment=assessment.environment)


def record_sandbox(assessment: Assessment, layers: tuple[str, ...]) -> None:
    """In which sandbox it ran: the weakest of all that parts of it ran in."""
    mark = selftest.mark(layers, assessment.environment.get("sandbox"))
    if assessment.environment.get("sandbox") != mark:
        assessment.environment = {**assessment.environment, "sandbox": mark}
        leasing.write(assessment, environment=assessment.environment)


def record_selftest(assessment: Assessment) -> None:
    """How the self-test of this battery ended, judged by the policy of the run: it says what the verdicts are worth."""
    mark = selftesting.mark(settings.BATTERY_SELFTEST_FILE, assessment.policy)
    assessment.environment = {**assessment.environment, "battery_selftest": mark}
    leasing.write(assessment, environment=assessment.environment)


def plain_environment(said: dict[str, Any], plan: dict[str, Any]) -> dict[str, Any]:
    """A child's environment without what is not for it to say; by which code, and where the model was: that we know."""
    kept = {name: value for name, value in said.items() if name not in NOT_THEIRS}
    kept["battery_sha256"] = selftesting.battery_sha256()
    return {**kept, "model_process": "separate"} if plan.get("model", {}).get("trust") == "waived" else kept


def record_progress(assessment: Assessment, test: str, done: int, of: int) -> None:
    leasing.write(
        assessment, current_test=test[:80], current_done=min(done, MAX_PROGRESS), current_of=min(of, MAX_PROGRESS)
    )


def record_result(assessment: Assessment, test: str, outcome: dict[str, Any]) -> None:
    """Keep what a planned test found; what is not understood of it is kept as an error of that test."""
    try:
        checked = checked_outcome(assessment.catalogue, test, outcome)
    except (NotUnderstood, ValidationError) as error:
        record_error(
            assessment,
            test,
            f"What the test reported is not understood: {_short(error)}.",
            "Run it again; if it happens again, the model file interferes with the test.",
        )
        return
    _keep(assessment, test, checked)


def record_error(assessment: Assessment, test: str, reason: str, hint: str = "", *, status: str = "error") -> None:
    """Keep that a test did not come to an end, and why."""
    _keep(assessment, test, {"status": status, "reason": reason, "hint": hint})


def recorded_tests(assessment: Assessment) -> set[str]:
    return set(assessment.results.values_list("test", flat=True))


def checked_outcome(catalogue: dict[str, Any], test: str, outcome: dict[str, Any]) -> dict[str, Any]:
    """The outcome, if it is one of this test. Raises NotUnderstood or ValidationError."""
    _outcome.validate(outcome)
    if outcome["id"] != test:
        raise NotUnderstood(f"it speaks of {outcome['id'][:80]}")
    entry = catalogue[test]
    metrics = {metric["id"] for metric in entry["metrics"]}
    if unknown := {measure["metric"] for measure in outcome["measures"]} - metrics:
        raise NotUnderstood(f"it has no metric {plain(min(unknown), 80)}")
    charts = [chart["id"] for chart in outcome["charts"]]
    for chart in charts:
        if not any(fnmatch.fnmatchcase(chart, pattern) for pattern in entry["charts"]):
            raise NotUnderstood(f"it has no chart {plain(chart, 80)}")
    if len(set(charts)) != len(charts):
        raise NotUnderstood("a chart occurs twice")
    for measure in outcome["measures"]:
        low, high = measure.get("ci") or (None, None)
        if low is not None and high is not None and low > high:
            raise NotUnderstood(f"the interval of {measure['metric'][:80]} ends before it begins")
    return outcome


@transaction.atomic
def _keep(assessment: Assessment, test: str, outcome: dict[str, Any]) -> None:
    """Result, measures, charts and progress together or not at all; a second time is without effect."""
    row = leasing.held(assessment).select_for_update().first()
    if row is None:
        raise LeaseLost
    entry = assessment.catalogue[test]
    result, new = TestResult.objects.get_or_create(
        assessment=assessment,
        test=test,
        defaults={
            "family": entry["family"],
            "title": entry["title"],
            "status": outcome["status"],
            "reason": outcome.get("reason", ""),
            "hint": outcome.get("hint", ""),
            "seconds": outcome.get("seconds", 0),
            "queries": outcome.get("queries", 0),
            "params": outcome.get("params", {}),
            "tables": outcome.get("tables", []),
            "notes": outcome.get("notes", []),
            "comparisons": outcome.get("comparisons", 0),
            "attempt": assessment.attempt,
        },
    )
    if not new:
        return
    units = {metric["id"]: metric for metric in entry["metrics"]}
    Measure.objects.bulk_create(
        _measure(result, position, measure, units[measure["metric"]])
        for position, measure in enumerate(outcome.get("measures", []))
    )
    Chart.objects.bulk_create(
        _chart(result, position, chart) for position, chart in enumerate(outcome.get("charts", []))
    )
    # Attempts that get somewhere are not the mark of a poisonous run: only those in a row without a result count.
    leasing.write(
        assessment,
        current_test="",
        current_done=0,
        current_of=0,
        max_attempts=max(row.max_attempts, assessment.attempt + Assessment._meta.get_field("max_attempts").default),
    )


def _measure(result: TestResult, position: int, found: dict[str, Any], metric: dict[str, Any]) -> Measure:
    low, high = found.get("ci") or (None, None)
    return Measure(
        result=result,
        position=position,
        metric=metric["id"],
        value=found["value"],
        low=low,
        high=high,
        n=found["n"],
        group=found["group"],
        unit=metric["unit"],
        better=metric["better"],
        small=found.get("small", False),
        p_value=found.get("p_value"),
    )


def _chart(result: TestResult, position: int, found: dict[str, Any]) -> Chart:
    return Chart(
        result=result,
        position=position,
        chart_id=found["id"],
        title=found["title"],
        caption=found["caption"],
        alt=found["alt"],
        data=found["data"],
    )


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        where = ".".join(str(part) for part in error.absolute_path)
        return plain(f"{where}: {error.message}" if where else error.message, 200)
    return plain(str(error), 200)
