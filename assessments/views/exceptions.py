"""Exceptions: the list, one with its steps, asking for one, and renewing it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from assessments.actions.exceptions import STEPS, renew, request_exception
from assessments.exceptions.lists import SHOWN, filtered
from assessments.exceptions.states import LONGEST_DAYS, Event, Kind, least_role
from assessments.forms_exceptions import ExceptionForm, ExceptionStepForm, RenewalForm
from assessments.models import Finding, PolicyException, Verdict
from registry.models import AuditEvent, ModelVersion
from registry.refusals import PasswordNeeded
from registry.views.keyset import before_id

LABELS = {
    Event.APPROVE: ("Approve", "Why the risk can be lived with until then"),
    Event.REFUSE: ("Refuse", "Why not"),
    Event.WITHDRAW: ("Withdraw the request", "Why it is not needed"),
    Event.CLOSE: ("Close", "Why it is not needed any more"),
    Event.REVOKE: ("Revoke", "Why it ends now"),
}


@require_GET
def exceptions(request) -> HttpResponse:
    """Those of the models that the reader sees."""
    shown = request.GET.get("show", "standing")
    rows = PolicyException.objects.visible_to(request.user)
    rows = filtered(rows, shown).select_related("version__model", "finding", "requested_by", "approved_by")
    kind = request.GET.get("kind", "")
    if kind in Kind.values:
        rows = rows.filter(kind=kind)
    context = {
        "page": before_id(rows, request),
        "shown": shown,
        "kind": kind,
        "choices": SHOWN.items(),
        "kinds": Kind.choices,
    }
    return render(request, "assessments/exceptions.html", context)


@require_http_methods(["GET", "POST"])
def exception(request, pk: int) -> HttpResponse:
    """Posting moves it on."""
    found = _visible(request, pk)
    form = ExceptionStepForm(request.POST or None)
    if request.method == "POST":
        moved = form.perform(
            lambda: STEPS[Event(form.cleaned_data["event"])](found, actor=request.user, text=form.cleaned_data["text"])
        )
        if moved is not None:
            messages.success(request, f"Recorded: {moved} is in the state “{moved.get_state_display()}”.")
            return redirect("exception", pk)
    reasons = [act.refusal(found, request.user) for event, act in STEPS.items() if event != Event.WITHDRAW]
    context = {
        "exception": found,
        "forms": [
            _step(form, event)
            for event, act in STEPS.items()
            if _may_be_tried(reason := act.refusal(found, request.user)) or reason is None
        ],
        "reasons": list(dict.fromkeys(str(reason) for reason in reasons if reason))[:1],
        "may_renew": renew.refusal(found, request.user) is None,
        "renewal": PolicyException.objects.filter(renewed_from=found).first(),
        "least": least_role(found).replace("_", " "),
        "days_left": (found.expiry - timezone.localdate()).days,
        "events": AuditEvent.objects.about(found),
    }
    return render(request, "assessments/exception.html", context, status=form.status)


@require_http_methods(["GET", "POST"])
def request_one(request, slug: str, number: int) -> HttpResponse:
    """?finding=, ?verdict= or ?test= says what it is about; with none of them, a use before validation or a test."""
    versions = ModelVersion.objects.visible_to(request.user).select_related("model__owner")
    version = get_object_or_404(versions, model__slug=slug, number=number)
    about = _about(request, version)
    form = ExceptionForm(request.POST or None, about=about, version=version)
    if request.method == "POST":
        made = form.perform(lambda: request_exception(version, actor=request.user, **form.asked()))
        if made is not None:
            messages.success(request, f"Recorded: {made} for {version} waits for someone of a higher rank.")
            return redirect("exception", made.pk)
    context = {"version": version, "form": form, "refusal": request_exception.refusal(version, request.user)}
    context |= {"about": about, "longest": LONGEST_DAYS.items()}
    return render(request, "assessments/request_exception.html", context, status=form.status)


@require_http_methods(["GET", "POST"])
def renew_one(request, pk: int) -> HttpResponse:
    found = _visible(request, pk)
    form = RenewalForm(request.POST or None, exception=found)
    if request.method == "POST":
        made = form.perform(lambda: renew(found, actor=request.user, **form.cleaned_data))
        if made is not None:
            messages.success(request, f"Recorded: {made} would follow {found}.")
            return redirect("exception", made.pk)
    context = {"version": found.version, "exception": found, "form": form}
    context["refusal"] = renew.refusal(found, request.user)
    return render(request, "assessments/request_exception.html", context, status=form.status)


def _visible(request, pk: int) -> PolicyException:
    rows = PolicyException.objects.visible_to(request.user)
    related = ("version__model__owner", "finding", "requested_by", "approved_by", "ended_by", "renewed_from")
    return get_object_or_404(rows.select_related(*related), pk=pk)


def _about(request, version: ModelVersion) -> dict:
    """What the address names, where it is there and concerns this version."""
    finding, verdict = request.GET.get("finding", ""), request.GET.get("verdict", "")
    if finding.isdecimal() and len(finding) < 19:
        found = Finding.objects.of_model(version.model).visible_to(request.user).filter(pk=finding).first()
        return {"kind": Kind.RISK, "finding": found} if found else {}
    if verdict.isdecimal() and len(verdict) < 19:
        named = Verdict.objects.filter(assessment__version=version).select_related("assessment")
        found = named.filter(pk=verdict).first()
        return {"kind": Kind.CRITERION, "verdict": found} if found else {}
    test = request.GET.get("test", "")[:80]
    return {"kind": Kind.TEST, "test": test} if test else {}


def _may_be_tried(reason) -> bool:
    """Where only the password is missing, the form is shown: it is asked for when it is sent."""
    return isinstance(reason, PasswordNeeded)


def _step(bound: ExceptionStepForm, event: Event) -> ExceptionStepForm:
    """The form of one step: what was typed where it is the one that was sent."""
    label, asks = LABELS[event]
    form = bound
    if not (bound.is_bound and bound.data.get("event") == event):
        form = ExceptionStepForm(initial={"event": event.value}, auto_id=f"{event}-%s")
    form.label, form.fields["text"].label = label, asks
    return form
