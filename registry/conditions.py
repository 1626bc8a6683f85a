"""Conditions of an approval: their owner shows that one is met, the validating side or a test says so, the night breaks
those whose day is over."""

from enum import StrEnum
from typing import Any

from django.utils import timezone

from registry import independence, lineage, roles
from registry.action import Done, action
from registry.models import Condition
from registry.refusals import BadInput, Conflict, NotNow

SHORTEST_TEXT = 10  # characters
State = Condition.State
SHOWN = {"standing": "Not satisfied", "overdue": "Overdue", "breached": "Breached", "all": "All"}


class Event(StrEnum):
    SUBMIT = "submit_evidence"
    SATISFY = "satisfy"
    SEND_BACK = "send_back"
    PASS = "pass_criterion"  # noqa: S105 - no password
    BREACH = "breach"


# What is not here does not happen. A breached one can still be met; what its breach suspended waits to be reinstated.
TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.OPEN, Event.SUBMIT): State.SUBMITTED,
    (State.BREACHED, Event.SUBMIT): State.BREACHED,
    (State.SUBMITTED, Event.SATISFY): State.SATISFIED,
    (State.BREACHED, Event.SATISFY): State.SATISFIED,
    (State.SUBMITTED, Event.SEND_BACK): State.OPEN,
    (State.OPEN, Event.PASS): State.SATISFIED,
    (State.SUBMITTED, Event.PASS): State.SATISFIED,
    (State.BREACHED, Event.PASS): State.SATISFIED,
    (State.OPEN, Event.BREACH): State.BREACHED,
    (State.SUBMITTED, Event.BREACH): State.BREACHED,
}


def may_submit(condition: Condition, actor, **_: Any) -> str | None:
    if condition.owner_id != actor.pk:
        return f"Only {condition.owner}, who owns {condition}, may submit evidence for it."
    return _state(condition, Event.SUBMIT)


def may_satisfy(condition: Condition, actor, **_: Any) -> str | None:
    if reason := _may_judge(condition, actor):
        return reason
    if condition.check_method == Condition.Check.CRITERION:
        return NotNow(f"{condition} is met when its criterion passes in an assessment made since the decision.")
    if not condition.evidence:
        return NotNow(f"{condition} has no evidence yet: its owner {condition.owner} submits it.")
    return _state(condition, Event.SATISFY)


def may_send_back(condition: Condition, actor, **_: Any) -> str | None:
    return _may_judge(condition, actor) or _state(condition, Event.SEND_BACK)


def by_system(event: Event):
    """The rule of an event that only a job brings about."""

    def rule(condition: Condition, actor, **_: Any) -> str | None:
        return _state(condition, event) if roles.is_system(actor) else "This is done by the system alone."

    return rule


@action("condition.submit_evidence", rule=may_submit)
def submit_evidence(condition: Condition, *, actor, text: str) -> Done:
    """Say how it was met. text: what was done, and where it can be seen."""
    condition.evidence = _words(text)
    return _moved(condition, Event.SUBMIT, "Submitted evidence for", condition.evidence, fields=["evidence"])


@action("condition.satisfy", rule=may_satisfy)
def satisfy(condition: Condition, *, actor, text: str) -> Done:
    """Find the condition met. text: what you looked at."""
    return _settled(condition, Event.SATISFY, actor, "Satisfied:", _words(text))


@action("condition.send_back", rule=may_send_back)
def send_back(condition: Condition, *, actor, text: str) -> Done:
    """Find it not met yet. text: what is missing."""
    return _moved(condition, Event.SEND_BACK, "Sent back", _words(text))


@action("condition.pass_criterion", rule=by_system(Event.PASS))
def pass_criterion(condition: Condition, *, actor, text: str) -> Done:
    """Its criterion passed. Done by the system. text: in which assessment, with which value."""
    condition.evidence = text
    return _settled(condition, Event.PASS, actor, "Satisfied by its criterion:", text, fields=["evidence"])


@action("condition.breach", rule=by_system(Event.BREACH))
def breach(condition: Condition, *, actor, text: str) -> Done:
    """Its day is over, and it is not met. Done by the system, which then suspends the use."""
    return _settled(condition, Event.BREACH, actor, "Breached:", text)


STEPS = {Event.SUBMIT: submit_evidence, Event.SATISFY: satisfy, Event.SEND_BACK: send_back}


def filtered(rows, shown: str):
    """As the list's filter says."""
    if shown == "breached":
        return rows.filter(state=Condition.State.BREACHED)
    if shown == "all":
        return rows
    rows = rows.exclude(state=Condition.State.SATISFIED)
    return rows.filter(due__lt=timezone.localdate()) if shown == "overdue" else rows


def after(state: str, event: Event) -> State | None:
    return TRANSITIONS.get((State(state), event))


def _may_judge(condition: Condition, actor) -> str | None:
    if reason := independence.not_second_line(actor, "Judging a condition"):
        return reason
    if condition.owner_id == actor.pk:
        return f"You own {condition}; someone else must judge it."
    return lineage.conflict(actor, condition.decision.request.version.model, "judge it")


def _state(condition: Condition, event: Event) -> NotNow | None:
    if after(condition.state, event) is not None:
        return None
    return NotNow(f"{condition} is in the state “{condition.get_state_display()}”: this step is not open now.")


def _settled(condition: Condition, event: Event, actor, done: str, text: str, fields=()) -> Done:
    condition.settled_by, condition.settled_at = actor, timezone.now()
    return _moved(condition, event, done, text, fields=[*fields, "settled_by", "settled_at"])


def _moved(condition: Condition, event: Event, done: str, text: str, *, fields=()) -> Done:
    was, state = condition.state, after(condition.state, event)
    if state is None:
        raise Conflict(f"{condition} is in the state “{condition.get_state_display()}” by now. Reload the page.")
    condition.state = state
    condition.save(update_fields=["state", *fields])
    version = condition.decision.request.version
    detail = {"from": was, "to": str(state), "text": text, "version": version.pk, "decision": condition.decision_id}
    return Done(condition, summary=f"{done} {condition} on {version}: {text}", detail=detail)


def _words(text: str) -> str:
    if len(text.strip()) < SHORTEST_TEXT:
        hint = f"Write at least {SHORTEST_TEXT} characters, for those who will ask."
        raise BadInput("This step needs a few words.", hint=hint, code="note_required", field="text")
    return text.strip()
