"""The stored results of an assessment as results.json: rows back into the wire format `modelrisk.results/1`."""

from typing import Any

from assessments import judging, results
from assessments.models import Assessment, Chart, Measure, TestResult, Verdict


def entries(assessment: Assessment) -> list[dict[str, Any]]:
    """The "tests" of results.json, in the order of the plan."""
    found = {result.test: result for result in assessment.results.prefetch_related("measures", "charts")}
    return [_entry(found[test]) for test in assessment.planned_tests if test in found]


def document(assessment: Assessment) -> dict[str, Any]:
    """results.json; its digest, by results.digest, is the assessment's seal."""
    started = {"subject": assessment.subject, "environment": assessment.environment}
    verdicts = [_verdict(verdict) for verdict in assessment.verdicts.all()]
    return results.assemble(started, entries(assessment), verdicts, assessment.plan, policy=assessment.policy)


def comparisons(found: list[TestResult]) -> dict[str, Any] | None:
    """The account of comparisons of results whose measures are at hand."""
    return judging.comparisons(
        [
            {"comparisons": one.comparisons, "measures": [_measure(measure) for measure in one.measures.all()]}
            for one in found
        ]
    )


def _entry(result: TestResult) -> dict[str, Any]:
    return {
        "id": result.test,
        "family": result.family,
        "title": result.title,
        "status": result.status,
        "reason": result.reason,
        "hint": result.hint,
        "seconds": result.seconds,
        "queries": result.queries,
        "params": result.params,
        "measures": [_measure(measure) for measure in result.measures.all()],
        "charts": [chart_document(chart) for chart in result.charts.all()],
        "tables": result.tables,
        "notes": result.notes,
        **results.optional("comparisons", result.comparisons or None),
    }


def _measure(measure: Measure) -> dict[str, Any]:
    return {
        "metric": measure.metric,
        "value": measure.value,
        "ci": interval(measure),
        "n": measure.n,
        "group": measure.group,
        "unit": measure.unit,
        "better": measure.better,
        "small": measure.small,
        **results.optional("p_value", measure.p_value),
    }


def chart_document(chart: Chart) -> dict[str, Any]:
    return {
        "id": chart.chart_id,
        "title": chart.title,
        "caption": chart.caption,
        "alt": chart.alt,
        "data": chart.data,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "test": verdict.test,
        "family": verdict.family,
        "metric": verdict.metric,
        "title": verdict.title,
        "group": verdict.group,
        "value": verdict.value,
        "ci": interval(verdict),
        "better": verdict.better,
        "warn": verdict.warn,
        "fail": verdict.fail,
        "verdict": verdict.verdict,
        "reason": verdict.reason,
    }


def interval(row: Measure | Verdict) -> list[float | None] | None:
    """Both ends, an open one None; None where nothing is known."""
    return None if row.low is None and row.high is None else [row.low, row.high]


def verdict_counts(assessment: Assessment) -> dict[str, int]:
    """How many verdicts of each word, worst word first."""
    counts = dict.fromkeys(Verdict.Word.values, 0)
    for word in assessment.verdicts.values_list("verdict", flat=True):
        counts[word] += 1
    return counts
