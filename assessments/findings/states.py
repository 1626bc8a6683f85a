"""The life of a finding, as a table: which event leads where, and whose it is."""

from dataclasses import dataclass
from enum import StrEnum

from assessments.models.finding import Finding

State = Finding.State


class Event(StrEnum):
    ISSUE = "issue"
    ACCEPT = "accept"
    REBUT = "rebut"
    UPHOLD = "uphold"
    WITHDRAW = "withdraw"
    SUBMIT = "submit_remediation"
    SEND_BACK = "send_back"
    CLOSE = "close"
    REOPEN = "reopen"


class Side(StrEnum):
    """Whose event it is. Only the side that challenges ends a finding."""

    BUILDING = "building"
    VALIDATING = "validating"


@dataclass(frozen=True)
class Step:
    """side: who may; asks: what they have to write; done: what the history says."""

    side: Side
    label: str
    asks: str
    done: str


STEPS: dict[Event, Step] = {
    Event.ISSUE: Step(Side.VALIDATING, "Issue", "What the building side should know of it", "Issued"),
    Event.ACCEPT: Step(Side.BUILDING, "Accept", "What will be done about it, by whom", "Accepted"),
    Event.REBUT: Step(Side.BUILDING, "Rebut", "Why it is not an issue", "Rebutted"),
    Event.UPHOLD: Step(Side.VALIDATING, "Uphold", "Why the rebuttal does not hold", "Upheld"),
    Event.WITHDRAW: Step(Side.VALIDATING, "Withdraw", "Why it is no issue after all", "Withdrew"),
    Event.SUBMIT: Step(Side.BUILDING, "Submit the remedy", "What was done, and where it can be seen", "Remedied"),
    Event.SEND_BACK: Step(Side.VALIDATING, "Send back", "What is still missing", "Sent back"),
    Event.CLOSE: Step(Side.VALIDATING, "Verify and close", "What you checked", "Verified and closed"),
    Event.REOPEN: Step(Side.VALIDATING, "Reopen", "Why it is open again", "Reopened"),
}

# What is not here does not happen.
TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.DRAFT, Event.ISSUE): State.ISSUED,
    (State.DRAFT, Event.WITHDRAW): State.WITHDRAWN,
    (State.ISSUED, Event.ACCEPT): State.OPEN,
    (State.ISSUED, Event.REBUT): State.REBUTTED,
    (State.ISSUED, Event.WITHDRAW): State.WITHDRAWN,
    (State.REBUTTED, Event.UPHOLD): State.UPHELD,
    (State.REBUTTED, Event.WITHDRAW): State.WITHDRAWN,
    (State.UPHELD, Event.ACCEPT): State.OPEN,
    (State.UPHELD, Event.WITHDRAW): State.WITHDRAWN,
    (State.OPEN, Event.SUBMIT): State.SUBMITTED,
    (State.ACCEPTED, Event.SUBMIT): State.SUBMITTED,
    (State.SUBMITTED, Event.SEND_BACK): State.OPEN,
    (State.SUBMITTED, Event.CLOSE): State.CLOSED,
    (State.CLOSED, Event.REOPEN): State.OPEN,
}

# What an exception does to its finding, when it is approved and when it ends: no person's step.
RISK_IS_ACCEPTED = dict.fromkeys((State.ISSUED, State.REBUTTED, State.UPHELD, State.OPEN), State.ACCEPTED)
ACCEPTANCE_ENDS = {State.ACCEPTED: State.OPEN}


def after(state: str, event: Event) -> State | None:
    """The state that the event leads to, or None where it cannot happen now."""
    return TRANSITIONS.get((State(state), event))


def waits_for(state: str) -> Side | None:
    """Whose move it is; None where it has ended, or where an exception lets it rest."""
    if state in {*Finding.ENDED, State.ACCEPTED}:
        return None
    return Side.BUILDING if state in {State.ISSUED, State.UPHELD, State.OPEN} else Side.VALIDATING
