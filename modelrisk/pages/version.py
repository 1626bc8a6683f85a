"""One version: what it is, its assessments, its approval."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from assessments.actions import assessments as assessing
from assessments.actions.findings import raise_finding
from assessments.forms import StartForm
from assessments.models import Finding
from assessments.views import summaries
from modelrisk.pages.history import events_of_version
from registry import access
from registry.approvals import actions as approvals
from registry.approvals import rules
from registry.forms import RequestApprovalForm, WithdrawForm
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
def request_approval(request, slug: str, number: int) -> HttpResponse:
    found = visible(request, slug, number)
    form = RequestApprovalForm(request.POST)
    asked = form.perform(
        lambda: approvals.submit(found, actor=request.user, note=form.cleaned_data["note"]),
    )
    if asked is None:
        return _page(request, found, request_form=form, status=form.status)
    messages.success(request, f"{found} is submitted. An MRM lead assigns its validator.")
    return redirect("version", slug, number)


@require_POST
def withdraw(request, slug: str, number: int) -> HttpResponse:
    found = visible(request, slug, number)
    form = WithdrawForm(request.POST)
    if form.perform(lambda: approvals.withdraw(found, actor=request.user, reason=form.cleaned_data["reason"])) is None:
        return _page(request, found, withdraw_form=form, status=form.status)
    messages.success(request, f"{found} is withdrawn.")
    return redirect("version", slug, number)


def visible(request, slug: str, number: int) -> ModelVersion:
    versions = ModelVersion.objects.visible_to(request.user)
    versions = versions.select_related("model__owner", "artifact", "created_by")
    return get_object_or_404(versions, model__slug=slug, number=number)


def _page(
    request, found: ModelVersion, *, start=None, request_form=None, withdraw_form=None, status: int = 200
) -> HttpResponse:
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
        "request_form": request_form or RequestApprovalForm(),
        "request_refusal": approvals.submit.refusal(found, request.user),
        "withdraw_form": withdraw_form or WithdrawForm(),
        "withdraw_refusal": approvals.withdraw.refusal(found, request.user),
        "decide_refusal": rules.has_a_vote(found, request.user),
        "findings": standing.select_related("version__model", "owner", "raised_by"),
        "raise_refusal": raise_finding.refusal(found, request.user),
        "requests": found.approval_requests.select_related("requested_by", "decision__decided_by"),
        "events": events_of_version(found, request.user)[:12],
    }
    return render(request, "pages/version.html", context, status=status)
