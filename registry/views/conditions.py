"""Conditions of approvals: the list, and one with its steps."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from registry.conditions import SHOWN, STEPS, Event, filtered
from registry.forms_upkeep import TextStepForm
from registry.models import AuditEvent, Condition
from registry.refusals import BadInput
from registry.views.keyset import before_id

LABELS = {
    Event.SUBMIT: ("Submit evidence", "What was done, and where it can be seen"),
    Event.SATISFY: ("Find it satisfied", "What you looked at"),
    Event.SEND_BACK: ("Send back", "What is missing"),
}
RELATED = ("owner", "settled_by", "decision__decided_by", "decision__request__version__model__owner")


@require_GET
def conditions(request) -> HttpResponse:
    """Those on the versions that the reader sees."""
    shown = request.GET.get("show", "standing")
    rows = filtered(Condition.objects.visible_to(request.user), shown).select_related(*RELATED)
    context = {"page": before_id(rows, request), "shown": shown, "choices": SHOWN.items()}
    return render(request, "registry/conditions.html", context)


@require_http_methods(["GET", "POST"])
def condition(request, pk: int) -> HttpResponse:
    """Posting moves it on."""
    found = get_object_or_404(Condition.objects.visible_to(request.user).select_related(*RELATED), pk=pk)
    form = TextStepForm(request.POST or None)
    if request.method == "POST":
        moved = form.perform(lambda: _move(found, request.user, form))
        if moved is not None:
            messages.success(request, f"Recorded: {moved} is in the state “{moved.get_state_display()}”.")
            return redirect("condition", pk)
    refusals = {event: act.refusal(found, request.user) for event, act in STEPS.items()}
    context = {
        "condition": found,
        "version": found.decision.request.version,
        "forms": [_step(form, event) for event, reason in refusals.items() if reason is None],
        "reason": next((reason for reason in refusals.values() if reason), ""),
        "is_overdue": found.state != Condition.State.SATISFIED and found.due < timezone.localdate(),
        "events": AuditEvent.objects.about(found),
    }
    return render(request, "registry/condition.html", context, status=form.status)


def _move(found: Condition, user, form: TextStepForm):
    asked = form.cleaned_data["event"]
    if asked not in STEPS:
        raise BadInput(f"{asked!r} is no step of a condition.", hint=f"Choose {', '.join(STEPS)}.", field="event")
    return STEPS[Event(asked)](found, actor=user, text=form.cleaned_data["text"])


def _step(bound: TextStepForm, event: Event) -> TextStepForm:
    """The form of one step: what was typed where it is the one that was sent."""
    form = bound
    if not (bound.is_bound and bound.data.get("event") == event):
        form = TextStepForm(initial={"event": event.value}, auto_id=f"{event}-%s")
    form.label, form.fields["text"].label = LABELS[event]
    return form
