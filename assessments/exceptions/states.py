"""The life of an exception, as a table, and who outranks whom, as data."""

from enum import StrEnum

from assessments.models.exception import PolicyException
from registry import access

State, Kind = PolicyException.State, PolicyException.Kind


class Event(StrEnum):
    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    CLOSE = "close"
    REVOKE = "revoke"
    EXPIRE = "expire"


# What is not here does not happen.
TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.REQUESTED, Event.APPROVE): State.ACTIVE,
    (State.REQUESTED, Event.REFUSE): State.REFUSED,
    (State.REQUESTED, Event.WITHDRAW): State.CLOSED,
    (State.ACTIVE, Event.CLOSE): State.CLOSED,
    (State.ACTIVE, Event.REVOKE): State.REVOKED,
    (State.ACTIVE, Event.EXPIRE): State.EXPIRED,
}

# An approver outranks the requester (guard G8). Roles that are not here have no rank.
RANK = {
    access.DEVELOPER: 1,
    access.OWNER: 2,
    access.VALIDATOR: 2,
    access.MRM_LEAD: 3,
    access.APPROVER: 4,
    access.COMPLIANCE: 4,
    access.COMMITTEE_CHAIR: 5,
}
# The lowest role that approves each kind. A risk that would hold up the approval takes the highest (guard G6).
LEAST = {
    Kind.RISK: access.APPROVER,
    Kind.TEST: access.MRM_LEAD,
    Kind.CRITERION: access.APPROVER,
    Kind.USE: access.APPROVER,
}
GRAVE = frozenset({"critical", "high"})
LONGEST_DAYS = {Kind.RISK: 365, Kind.TEST: 365, Kind.CRITERION: 365, Kind.USE: 90}
ASKS = frozenset({access.OWNER, access.DEVELOPER, access.VALIDATOR, access.MRM_LEAD, access.APPROVER})
MAY_BE_APPROVED = 2  # times for the same thing; after that the committee chair decides


def after(state: str, event: Event) -> State | None:
    """The state that the event leads to, or None where it cannot happen now."""
    return TRANSITIONS.get((State(state), event))


def rank_of(user) -> tuple[int, str]:
    """(the highest rank, the role that gives it); (0, "") for who has none."""
    return max(((RANK[role], role) for role in access.roles_of(user) if role in RANK), default=(0, ""))


def least_role(asked: PolicyException, *, escalated: bool | None = None) -> str:
    """The lowest role that may approve this one. escalated: where that was asked for many at once."""
    if asked.kind == Kind.RISK and asked.finding.severity in GRAVE:
        return access.COMMITTEE_CHAIR
    if is_escalated(asked) if escalated is None else escalated:
        return access.COMMITTEE_CHAIR
    return LEAST[Kind(asked.kind)]


def is_escalated(asked: PolicyException) -> bool:
    """Whether the same deviation was approved and renewed before: it is no exception any more."""
    approved = PolicyException.objects.filter(version=asked.version_id, subject_key=asked.subject_key)
    return approved.filter(approved_at__isnull=False).exclude(pk=asked.pk).count() >= MAY_BE_APPROVED
