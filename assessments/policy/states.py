"""The life of a version of the policy, as a table."""

from enum import StrEnum

from assessments.models.policy import PolicyVersion

State = PolicyVersion.State


class Event(StrEnum):
    EDIT = "edit"
    PROPOSE = "propose"
    SIGN = "sign"
    APPROVE = "approve"  # what the last signature does
    REJECT = "reject"
    WITHDRAW = "withdraw"


# What is not here does not happen: an approved version ends only by the next one.
TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.DRAFT, Event.EDIT): State.DRAFT,
    (State.DRAFT, Event.PROPOSE): State.PROPOSED,
    (State.DRAFT, Event.WITHDRAW): State.WITHDRAWN,
    (State.PROPOSED, Event.SIGN): State.PROPOSED,
    (State.PROPOSED, Event.APPROVE): State.APPROVED,
    (State.PROPOSED, Event.REJECT): State.REJECTED,
    (State.PROPOSED, Event.WITHDRAW): State.WITHDRAWN,
}


def after(state: str, event: Event) -> State | None:
    """The state that the event leads to, or None where it cannot happen now."""
    return TRANSITIONS.get((State(state), event))
