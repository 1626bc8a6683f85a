"""The life of an approval, as a table."""

from enum import StrEnum

from registry.models import ModelVersion

Status = ModelVersion.ApprovalStatus


class Event(StrEnum):
    REQUEST = "request"
    WITHDRAW = "withdraw"
    APPROVE = "approve"
    CONDITIONS = "approve_with_conditions"
    REJECT = "reject"


# What is not here does not happen. An approved version stays what was decided; a change is a new version.
TRANSITIONS: dict[tuple[Status, Event], Status] = {
    (Status.DRAFT, Event.REQUEST): Status.PENDING,
    (Status.REJECTED, Event.REQUEST): Status.PENDING,
    (Status.PENDING, Event.WITHDRAW): Status.DRAFT,
    (Status.PENDING, Event.APPROVE): Status.APPROVED,
    (Status.PENDING, Event.CONDITIONS): Status.CONDITIONS,
    (Status.PENDING, Event.REJECT): Status.REJECTED,
}

DECISIONS = (Event.APPROVE, Event.CONDITIONS, Event.REJECT)


def after(status: str, event: Event) -> Status | None:
    """The state that the event leads to, or None where it cannot happen now."""
    return TRANSITIONS.get((Status(status), event))
