"""Why a person may not ask for an exception or move it now: each rule gives a sentence, or None."""

from typing import Any

from django.contrib.auth.models import User

from assessments.exceptions.states import ASKS, RANK, Event, State, after, least_role, rank_of
from assessments.models import PolicyException
from registry import access, lineage, roles, signing
from registry.independence import SECOND_LINE
from registry.models import ModelVersion
from registry.refusals import NotNow


def may_request(version: ModelVersion, actor, **_: Any) -> str | None:
    """The people of the model, and those who judge it."""
    if access.is_builder(actor, version.model) or access.roles_of(actor) & ASKS & SECOND_LINE:
        return None
    return f"Only the owner or a developer of {version.model}, or someone of the second line, may ask for an exception."


def may_renew(asked: PolicyException, actor, **_: Any) -> str | None:
    reason = may_request(asked.version, actor)
    if reason is not None:
        return reason
    if asked.state not in {State.ACTIVE, State.EXPIRED}:
        return NotNow(
            f"{asked} is in the state “{asked.get_state_display()}”: only an active or expired one is renewed."
        )
    if asked.renewed_from_id is not None:
        return NotNow(f"{asked} was renewed once already: escalate to the committee chair.")
    renewal = PolicyException.objects.filter(renewed_from=asked).first()
    return NotNow(f"{asked} has its renewal already: {renewal}.") if renewal else None


def may_approve(asked: PolicyException, actor, **_: Any) -> str | None:
    """Someone who outranks the requester, has no part in the model, and signs in person (guards G1, G2, G8)."""
    return _outranks(asked, actor) or _state(asked, Event.APPROVE) or signing.refusal(actor)


def deciders(asked: PolicyException) -> list[User]:
    """Those who may approve or refuse it, as far as the person goes."""
    high = [role for role, rank in RANK.items() if rank >= RANK[least_role(asked)]]
    return [one for one in access.people_with(*high).order_by("pk") if _outranks(asked, one) is None]


def may_refuse(asked: PolicyException, actor, **_: Any) -> str | None:
    return _outranks(asked, actor) or _state(asked, Event.REFUSE)


def may_withdraw(asked: PolicyException, actor, **_: Any) -> str | None:
    if asked.requested_by_id != actor.pk:
        return f"Only {asked.requested_by}, who asked for it, may withdraw it."
    return _state(asked, Event.WITHDRAW)


def may_close(asked: PolicyException, actor, **_: Any) -> str | None:
    """No longer needed: whoever may ask for one may give it up."""
    return may_request(asked.version, actor) or _state(asked, Event.CLOSE)


def may_revoke(asked: PolicyException, actor, **_: Any) -> str | None:
    """Taking trust away needs the rank, and no independence."""
    return _rank(asked, actor) or _state(asked, Event.REVOKE)


def may_expire(asked: PolicyException, actor, **_: Any) -> str | None:
    """Asked by the night alone."""
    if not roles.is_system(actor):
        return "Only the system lets an exception expire; a person revokes or closes it."
    return _state(asked, Event.EXPIRE)


def _outranks(asked: PolicyException, actor) -> str | None:
    if reason := _rank(asked, actor):
        return reason
    if asked.requested_by_id == actor.pk:
        return "You asked for this exception; someone who outranks you must decide."
    if reason := lineage.conflict(actor, asked.version.model):
        return reason
    then = (RANK.get(asked.requested_as, 0), asked.requested_as)
    theirs, own = max(rank_of(asked.requested_by), then), rank_of(actor)
    owners = rank_of(asked.version.model.owner) if asked.kind == PolicyException.Kind.USE else (0, "")
    if own[0] <= max(theirs, owners)[0]:
        above = asked.requested_by if theirs >= owners else asked.version.model.owner
        return f"You do not outrank {above} ({_named(max(theirs, owners)[1])}): a higher approver must decide."
    return None


def _rank(asked: PolicyException, actor) -> str | None:
    least = least_role(asked)
    if rank_of(actor)[0] >= RANK[least]:
        return None
    higher = [role for role, rank in RANK.items() if rank >= RANK[least]]
    return f"Deciding on this exception takes the role {' or '.join(_named(role) for role in higher)}."


def _named(role: str) -> str:
    return role.replace("_", " ") or "no role"


def _state(asked: PolicyException, event: Event) -> NotNow | None:
    if after(asked.state, event) is not None:
        return None
    return NotNow(f"{asked} is in the state “{asked.get_state_display()}”: this step is not open now.")
