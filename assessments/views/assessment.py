"""One assessment: how it runs, then what it found."""

from collections import Counter

from django.contrib import messages
from django.db.models import Count, Prefetch
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from assessments import selftesting, stored
from assessments.actions import assessments as actions
from assessments.actions.exceptions import request_exception
from assessments.actions.findings import raise_finding
from assessments.models import Assessment, Measure, TestResult
from assessments.reports import wording
from assessments.views import evidence, summaries
from registry.approvals import actions as approvals
from registry.models import AuditEvent

_MEASURES = Prefetch("measures", Measure.objects.order_by("position"))
STOP_POLLING = 286  # htmx's word for "this was the last answer"


@require_GET
def assessment(request, pk: int) -> HttpResponse:
    """The page; asked by htmx, only how far it is."""
    found = _visible(request, pk)
    with_progress([found])
    if request.htmx and not request.htmx.boosted:
        return _fragment(request, found)
    context = _results(found) if found.finished_tests else {}
    context |= {
        "assessment": found,
        "steps": _steps(found, context.get("results", [])) if found.state != "done" else [],
        "may_cancel": actions.cancel.refusal(found, request.user) is None,
        "may_retry": actions.retry.refusal(found, request.user) is None,
        "may_raise": raise_finding.refusal(found.version, request.user) is None,
        "may_ask": request_exception.refusal(found.version, request.user) is None,
        "request_refusal": approvals.submit.refusal(found.version, request.user),
        "events": AuditEvent.objects.about(found)[:10],
    }
    return render(request, "assessments/assessment.html", context)


@require_GET
def test(request, pk: int, test: str) -> HttpResponse:
    """What one test asked and everything it found."""
    found = _visible(request, pk)
    results = list(found.results.prefetch_related(_MEASURES, "charts").filter(test=test))
    if not results:
        raise Http404("This assessment has no such test.")
    everything = list(found.verdicts.all())
    verdicts = [verdict for verdict in everything if verdict.test == test]
    context = {
        "assessment": found,
        "page": evidence.page_of(found, results[0], everything),
        "verdicts": verdicts,
        "counts": dict(Counter(verdict.verdict for verdict in verdicts)),
        "may_raise": raise_finding.refusal(found.version, request.user) is None,
        "may_ask": request_exception.refusal(found.version, request.user) is None,
        "neighbours": evidence.neighbours(list(found.results.only("test", "title")), test),
    }
    return render(request, "assessments/test.html", context)


@require_POST
def cancel(request, pk: int) -> HttpResponse:
    found = _visible(request, pk)
    actions.cancel(found, actor=request.user)
    messages.success(request, f"{found} is being cancelled.")
    return redirect("assessment", pk)


@require_POST
def retry(request, pk: int) -> HttpResponse:
    found = _visible(request, pk)
    actions.retry(found, actor=request.user)
    messages.success(request, f"{found} waits for a worker again. Tests that were finished are kept.")
    return redirect("assessment", pk)


def with_progress(found: list[Assessment]) -> None:
    """Give each its number of finished tests and the title of the one that runs."""
    counts = dict(
        TestResult.objects.filter(assessment__in=found).order_by().values_list("assessment").annotate(n=Count("id"))
    )
    for one in found:
        one.finished_tests = counts.get(one.pk, 0)
        entry = evidence.entries_of(one).get(one.current_test, {})
        one.current_title = entry.get("title", one.current_test)


def _visible(request, pk: int) -> Assessment:
    rows = Assessment.objects.visible_to(request.user)
    rows = rows.select_related(
        "version__model", "version__artifact", "dataset_version__dataset", "dataset_version__artifact",
        "reference__dataset", "requested_by",
    )  # fmt: skip
    return get_object_or_404(rows, pk=pk)


def _fragment(request, found: Assessment) -> HttpResponse:
    if not found.is_open:
        # The whole page has changed: results, buttons, title.
        response = HttpResponse(status=STOP_POLLING)
        response["HX-Refresh"] = "true"
        return response
    steps = _steps(found, list(found.results.all()))
    return render(request, "assessments/_progress.html", {"assessment": found, "steps": steps})


def _steps(found: Assessment, results: list[TestResult]) -> list[dict]:
    """Each planned test: finished with its status, running, or waiting."""
    by_test = {result.test: result for result in results}
    entries = evidence.entries_of(found)
    return [
        {
            "test": test,
            "title": entries.get(test, {}).get("title", test),
            "result": by_test.get(test),
            "running": found.state == "running" and test == found.current_test and test not in by_test,
        }
        for test in found.planned_tests
    ]


def _results(found: Assessment) -> dict:
    results = list(found.results.prefetch_related(_MEASURES, "charts"))
    verdicts = list(found.verdicts.all())
    return {
        "results": results,
        "strip": summaries.strip(found, verdicts, results),
        "attention": [verdict for verdict in verdicts if verdict.verdict in summaries.ATTENTION],
        "verdicts": verdicts,
        "counts": dict(Counter(verdict.verdict for verdict in verdicts)),
        "selftest": selftesting.sentence(found.environment.get("battery_selftest")),
        "comparisons": wording.comparisons(stored.comparisons(results)),
        "sections": evidence.sections(found, results, verdicts),
        "not_run": [result for result in results if result.status != "done"],
    }
