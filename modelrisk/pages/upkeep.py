"""What keeps the approval of a version true: its days, triggers, conditions, exceptions, attestations, changes."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from assessments.actions.exceptions import request_exception
from modelrisk.pages.version import visible
from registry import attestations, change_notes, revalidation
from registry.forms_upkeep import AttestationForm, ChangeForm, TriggerForm
from registry.models import Condition, ModelVersion, RevalidationTrigger


@require_GET
def upkeep(request, slug: str, number: int) -> HttpResponse:
    return _page(request, visible(request, slug, number))


@require_POST
def trigger(request, slug: str, number: int) -> HttpResponse:
    """Ask for a revalidation."""
    found = visible(request, slug, number)
    form = TriggerForm(request.POST)
    made = form.perform(lambda: revalidation.open_trigger(found, actor=request.user, **form.cleaned_data))
    if made is None:
        return _page(request, found, trigger_form=form, status=form.status)
    messages.success(request, f"Recorded: {found} must be validated again.")
    return redirect("upkeep", slug, number)


@require_POST
def classify(request, slug: str, number: int) -> HttpResponse:
    """Say how much the version changes."""
    found = visible(request, slug, number)
    form = ChangeForm(request.POST)
    made = form.perform(lambda: change_notes.classify(found, actor=request.user, **form.cleaned_data))
    if made is None:
        return _page(request, found, change_form=form, status=form.status)
    messages.success(request, f"Recorded: the change of {found} is {made.get_weight_display()}.")
    return redirect("upkeep", slug, number)


@require_http_methods(["GET", "POST"])
def attest(request, slug: str, number: int) -> HttpResponse:
    """The owner's statement, and those before it."""
    found = visible(request, slug, number)
    form = AttestationForm(request.POST or None)
    if request.method == "POST":
        made = form.perform(lambda: attestations.attest(found, actor=request.user, answers=form.answers()))
        if made is not None:
            said = "It all still holds." if made.holds else "What does not hold asks for a revalidation."
            messages.success(request, f"Recorded: your attestation for {found}. {said}")
            return redirect("attest", slug, number)
    context = {
        "version": found,
        "form": form,
        "refusal": attestations.attest.refusal(found, request.user),
        "due": attestations.due_of(found),
        "attestations": found.attestations.select_related("attested_by"),
        "months": attestations.MONTHS[found.model.tier],
    }
    return render(request, "pages/attest.html", context, status=form.status)


def _page(request, found: ModelVersion, *, trigger_form=None, change_form=None, status: int = 200) -> HttpResponse:
    decision = revalidation.standing_decision(found)
    base, changes = change_notes.since_approval(found)
    triggers = found.triggers.select_related("raised_by", "decision")
    open_ones = set(RevalidationTrigger.objects.open().filter(version=found).values_list("pk", flat=True))
    context = {
        "version": found,
        "decision": decision,
        "holds_until": revalidation.holds_until(found, decision) if decision else None,
        "review_by": revalidation.cadence_day(found, decision) if decision else None,
        "months": revalidation.REVIEW_MONTHS[found.model.tier],
        "attestation_due": attestations.due_of(found),
        "last_attestation": found.attestations.select_related("attested_by").first(),
        "attest_refusal": attestations.attest.refusal(found, request.user),
        "triggers": [(one, one.pk in open_ones) for one in triggers],
        "trigger_form": trigger_form or TriggerForm(),
        "trigger_refusal": revalidation.open_trigger.refusal(found, request.user),
        "conditions": Condition.objects.filter(decision__request__version=found).select_related(
            "owner", "decision__request__version__model"
        ),
        "exceptions": found.exceptions.select_related("version__model", "finding", "requested_by", "approved_by"),
        "may_ask": request_exception.refusal(found, request.user) is None,
        "base": base,
        "changes": changes,
        "minor": sum(note is not None and note.weight == note.Weight.MINOR for _row, note in changes),
        "many": change_notes.MANY,
        "change_form": change_form or ChangeForm(),
        "change_refusal": change_notes.classify.refusal(found, request.user),
    }
    return render(request, "pages/upkeep.html", context, status=status)
