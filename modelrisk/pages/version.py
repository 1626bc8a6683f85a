"""One version: what it is, its assessments, its case."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from assessments.actions import assessments as assessing
from assessments.actions.findings import raise_finding
from assessments.forms import StartForm
from assessments.models import Finding
from assessments.views import summaries
from modelrisk.pages import case
from modelrisk.pages.history import events_of_version
from registry import access
from registry.models import ModelVersion


@require_http_methods(["GET", "POST"])
def version(request, slug: str, number: int) -> HttpResponse:
    """Posting starts an assessment."""
    found = visible(request, slug, number)
    form = StartForm(request.POST or None, user=request.user, version=found)
    if request.method == "POST":
        started = form.perform(lambda: assessing.start(found, actor=request.user, **form.asked()))
        if started is not None:
            messages.success(request, f"{started} is queued. This page follows it.")
            return redirect("assessment", started.pk)
    return _page(request, found, start=form, status=form.status)


@require_POST
def step(request, slug: str, number: int, event: str) -> HttpResponse:
    """Take one step of the case, or of the use."""
    found = visible(request, slug, number)
    chosen = case.STEPS.get(event)
    if chosen is None:
        raise Http404
    form = chosen.form(request.POST, version=found, auto_id=f"{event}-%s")
    taken = form.perform(lambda: chosen.action(found, actor=request.user, **form.cleaned_data))
    if taken is None:
        return _page(request, found, sent=(event, form), status=form.status)
    messages.success(request, f"Recorded: {found} {chosen.done}.")
    return redirect("version", slug, number)


def visible(request, slug: str, number: int) -> ModelVersion:
    versions = ModelVersion.objects.visible_to(request.user)
    versions = versions.select_related("model__owner", "artifact", "created_by")
    return get_object_or_404(versions, model__slug=slug, number=number)


def _page(request, found: ModelVersion, *, start=None, sent=None, status: int = 200) -> HttpResponse:
    assessments = list(summaries.light(found.assessments.select_related("requested_by"))[:50])
    counts = summaries.verdict_counts(a.pk for a in assessments)
    standing = Finding.objects.of_model(found.model).standing()
    context = {
        "version": found,
        "gate_problem": access.gate_problem(found),
        "scan": found.artifact.scan,
        "waiver": (waiver := found.waiver),
        "waiver_told": waiver is not None and waiver.is_visible_to(request.user),
        "rows": [(assessment, counts.get(assessment.pk, {})) for assessment in assessments],
        "start": start or StartForm(user=request.user, version=found),
        "start_refusal": assessing.start.refusal(found, request.user),
        "findings": standing.select_related("version__model", "owner", "raised_by"),
        "raise_refusal": raise_finding.refusal(found, request.user),
        "events": events_of_version(found, request.user)[:12],
        **case.shown(found, request.user, sent),
    }
    return render(request, "pages/version.html", context, status=status)
