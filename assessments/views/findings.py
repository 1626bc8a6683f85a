"""Findings: the list, one with its history, and raising another."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from assessments.actions.exceptions import request_exception
from assessments.actions.findings import open_steps, raise_finding, steps
from assessments.findings.states import STEPS, Event, waits_for
from assessments.forms import FindingStepForm, RaiseFindingForm
from assessments.models import Finding, Verdict
from registry.models import AuditEvent, ModelVersion
from registry.views.keyset import before_id

SHOWN = {"standing": "Standing", "overdue": "Overdue", "all": "All"}


@require_GET
def findings(request) -> HttpResponse:
    """Those of the models that the reader sees; without a choice, those that have not ended."""
    shown = request.GET.get("show", "standing")
    rows = Finding.objects.visible_to(request.user).select_related("version__model", "owner", "raised_by")
    if shown != "all":
        rows = rows.overdue() if shown == "overdue" else rows.standing()
    severity = request.GET.get("severity", "")
    if severity in Finding.Severity.values:
        rows = rows.filter(severity=severity)
    context = {
        "page": before_id(rows, request),
        "shown": shown,
        "severity": severity,
        "choices": SHOWN.items(),
        "severities": Finding.Severity.choices,
    }
    return render(request, "assessments/findings.html", context)


@require_http_methods(["GET", "POST"])
def finding(request, pk: int) -> HttpResponse:
    """Posting moves it on."""
    found = _visible(request, pk)
    form = FindingStepForm(request.POST or None)
    if request.method == "POST":
        moved = form.perform(
            lambda: steps[Event(form.cleaned_data["event"])](found, actor=request.user, text=form.cleaned_data["text"])
        )
        if moved is not None:
            messages.success(request, f"Recorded: {moved} is in the state “{moved.get_state_display()}”.")
            return redirect("finding", pk)
    context = {
        "finding": found,
        "waits_for": waits_for(found.state),
        "forms": [_form(request, form, event, step) for event, step in open_steps(found, request.user)],
        "reasons": _why_not(found, request.user),
        "exceptions": found.exceptions.select_related("version__model", "finding", "requested_by", "approved_by"),
        "may_accept_risk": not found.has_ended and request_exception.refusal(found.version, request.user) is None,
        "events": AuditEvent.objects.about(found),
    }
    return render(request, "assessments/finding.html", context, status=form.status)


@require_http_methods(["GET", "POST"])
def raise_one(request, slug: str, number: int) -> HttpResponse:
    versions = ModelVersion.objects.visible_to(request.user).select_related("model__owner")
    version = get_object_or_404(versions, model__slug=slug, number=number)
    verdict = _verdict(request, version)
    form = RaiseFindingForm(request.POST or None, verdict=verdict)
    if request.method == "POST":
        made = form.perform(lambda: raise_finding(version, actor=request.user, verdict=verdict, **form.cleaned_data))
        if made is not None:
            messages.success(request, f"Recorded: {made} against {version}. {made.owner} is asked to answer it.")
            return redirect("finding", made.pk)
    context = {
        "version": version,
        "verdict": verdict,
        "form": form,
        "refusal": raise_finding.refusal(version, request.user),
    }
    return render(request, "assessments/raise_finding.html", context, status=form.status)


def _visible(request, pk: int) -> Finding:
    rows = Finding.objects.visible_to(request.user)
    return get_object_or_404(rows.select_related("version__model", "assessment", "owner", "raised_by"), pk=pk)


def _verdict(request, version: ModelVersion) -> Verdict | None:
    asked = request.GET.get("verdict", "")
    if not asked.isdecimal() or len(asked) > 18:
        return None
    return Verdict.objects.filter(assessment__version=version).select_related("assessment").filter(pk=asked).first()


def _form(request, bound: FindingStepForm, event: Event, step) -> FindingStepForm:
    """The form of one step: what was typed where it is the one that was sent."""
    if bound.is_bound and bound.data.get("event") == event:
        bound.step = step
        bound.fields["text"].label = step.asks
        return bound
    return FindingStepForm(event=event, step=step, auto_id=f"{event}-%s")


def _why_not(found: Finding, user) -> list[str]:
    """Why this person can do nothing, where they can do nothing and it has not ended."""
    side = waits_for(found.state)
    if side is None:
        return []
    reasons = (act.refusal(found, user) for event, act in steps.items() if STEPS[event].side == side)
    return list(dict.fromkeys(str(reason) for reason in reasons if reason))[:1]
