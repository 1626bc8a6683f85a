"""Who has which role: asked for by one person, granted by another (guard G11). Rows are ended, never removed.

The first people of an installation get theirs by `manage.py grant_role`, until two of them can grant.
"""

from datetime import datetime

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.utils import timezone

from registry import access, signing
from registry.action import Done, action
from registry.lineage import conflict, lineage
from registry.models import RoleGrant, ServiceAccount
from registry.refusals import BadInput, Conflict, NotNow
from registry.roles import is_system, system_user

__all__ = [
    "conflict",
    "end_role",
    "grant_first",
    "grant_role",
    "had_role_at",
    "lineage",
    "refuse_role",
    "request_role",
    "system_user",
]

SHORTEST_REASON = 10  # characters
ENOUGH_GRANTORS = 2
READS_ONLY = "An auditor reads everything and changes nothing."
State = RoleGrant.State


def had_role_at(user, role: str, moment: datetime) -> bool:
    """Whether the role was in force at that moment: a decision is made in a role held since the case was submitted."""
    if user.pk == access.NOBODY:
        return role in access.roles_of(user)
    return RoleGrant.objects.in_force(moment).filter(user=user.pk, role=role).exists()


def grantors() -> QuerySet:
    return access.people_with(*access.GRANTORS)


# --- rules ----------------------------------------------------------------------------------------
def may_request(user, actor, **_) -> str | None:
    roles = access.roles_of(actor)
    if access.AUDITOR in roles:
        return READS_ONLY
    if access.SERVICE_ACCOUNT in roles:
        return "A service account asks for nothing; its owner does."
    if user.pk == actor.pk or roles & access.GRANTORS:
        return None
    return "A role is asked for by the person who needs it, an MRM lead or an admin."


def may_grant(grant: RoleGrant, actor, **_) -> str | None:
    """A second person, who gains nothing by it."""
    if not access.roles_of(actor) & access.GRANTORS:
        return "Granting a role takes the role MRM lead or admin."
    return not_a_second_person(grant, actor) or _waits(grant) or signing.in_person(actor)


def not_a_second_person(grant: RoleGrant, actor) -> str | None:
    if grant.user_id == actor.pk:
        return f"The role is for you, {actor}; someone else must grant it."
    if grant.requested_by_id == actor.pk:
        return f"You asked for it, {actor}; a second person must grant it."
    return None


def may_refuse(grant: RoleGrant, actor, **_) -> str | None:
    if access.AUDITOR in access.roles_of(actor):
        return READS_ONLY
    concerned = actor.pk in {grant.user_id, grant.requested_by_id}
    if not concerned and not access.roles_of(actor) & access.GRANTORS:
        return "A request is refused by an MRM lead or an admin, or taken back by those whom it is about."
    return _waits(grant)


def may_end(grant: RoleGrant, actor, **_) -> str | None:
    """Taking authority away needs no second person."""
    if grant.user_id != actor.pk and not access.roles_of(actor) & access.GRANTORS:
        return "A role is ended by an MRM lead or an admin, or given up by its person."
    if access.roles_of(actor) == {access.AUDITOR}:
        return READS_ONLY
    return None if grant.state == State.IN_FORCE else NotNow(f"{grant} is {grant.get_state_display()}.")


def _waits(grant: RoleGrant) -> NotNow | None:
    return None if grant.state == State.REQUESTED else NotNow(f"{grant} is {grant.get_state_display()} already.")


def _only_for_the_first(user, actor, **_) -> str | None:
    if not is_system(actor):
        return "Only the system grants a role by itself, to the first people of an installation."
    if grantors().count() >= ENOUGH_GRANTORS:
        return NotNow(f"{ENOUGH_GRANTORS} people can grant roles: ask for it on the page of people.")
    return None


# --- actions --------------------------------------------------------------------------------------
@action("role.request", rule=may_request)
def request_role(user, *, actor, role: str, reason: str = "") -> Done:
    """Ask for a role for a person; a second person grants it."""
    grant = _new(user, actor, role, reason)
    return Done(grant, summary=f"Asked for the role {grant.get_role_display()} for {user}", detail={"reason": reason})


@action("role.grant", rule=may_grant, at_signing=True)
def grant_role(grant: RoleGrant, *, actor) -> Done:
    """Say yes to what another asked for; in force from now."""
    # The person's row: of two that exclude each other, granted at the same moment, the second sees the first.
    user = get_user_model().objects.select_for_update().get(pk=grant.user_id)
    _still_waits(grant)
    if reason := _excluded(user, grant.role, State.IN_FORCE):
        raise Conflict(f"{grant} cannot be granted. {reason}")
    _enforce(grant, actor)
    summary = f"Granted {grant.user} the role {grant.get_role_display()}"
    return Done(grant, summary=summary, detail={"asked_by": grant.requested_by.get_username(), "reason": grant.reason})


@action("role.refuse", rule=may_refuse)
def refuse_role(grant: RoleGrant, *, actor, reason: str = "") -> Done:
    """Say no; or take back one's own request."""
    reason = _reason(reason)
    _still_waits(grant)
    grant.state, grant.granted_by, grant.ended_by, grant.ended_at = State.REFUSED, actor, actor, timezone.now()
    grant.save(update_fields=["state", "granted_by", "ended_by", "ended_at"])
    summary = f"Refused {grant.user} the role {grant.get_role_display()}"
    return Done(grant, summary=summary, detail={"reason": reason})


@action("role.end", rule=may_end)
def end_role(grant: RoleGrant, *, actor, reason: str = "") -> Done:
    """Take the role away, from now; what was done in it stays done."""
    reason = _reason(reason)
    if grant.state != State.IN_FORCE:
        raise Conflict(f"{grant} is {grant.get_state_display()} by now. Reload the page.")
    grant.state, grant.ended_by, grant.ended_at = State.ENDED, actor, timezone.now()
    grant.save(update_fields=["state", "ended_by", "ended_at"])
    summary = f"Ended the role {grant.get_role_display()} of {grant.user}"
    return Done(grant, summary=summary, detail={"reason": reason})


@action("role.grant_first", rule=_only_for_the_first)
def grant_first(user, *, actor, role: str, reason: str = "") -> Done:
    """Give a role without a second person, while there are not two people who could be one."""
    grant = _new(user, actor, role, reason or "One of the first people of this installation.")
    _enforce(grant, actor)
    return Done(grant, summary=f"Granted {user} the role {grant.get_role_display()}, before anybody could")


def ask_for_service_account(account, actor, purpose: str) -> RoleGrant:
    """The request that a new service account begins with; part of the action that makes it."""
    return _new(account, actor, access.SERVICE_ACCOUNT, purpose)


# --- what they share ------------------------------------------------------------------------------
def _new(user, actor, role: str, reason: str) -> RoleGrant:
    reason = _reason(reason)
    if role not in access.ROLES:
        raise BadInput(f"There is no role {role!r}.", hint=f"Choose one of {', '.join(access.ROLES)}.", field="role")
    if not user.is_active:
        raise BadInput(f"The account {user} is not active.", hint="An administrator activates it.", field="user")
    open_one = RoleGrant.objects.filter(user=user, role=role, state__in=[State.REQUESTED, State.IN_FORCE]).first()
    if open_one is not None:
        raise BadInput(f"{open_one} is {open_one.get_state_display()} already.", code="role_taken", field="role")
    if why := _excluded(user, role, State.REQUESTED, State.IN_FORCE):
        hint = "End the other role first, or use another account."
        raise BadInput(f"{user} cannot have this role. {why}", hint=hint, code="roles_exclude_each_other", field="role")
    return RoleGrant.objects.create(user=user, role=role, reason=reason, requested_by=actor)


def _excluded(user, role: str, *states: str) -> str | None:
    """Why this person may not have the role, beside what they have or asked for."""
    if user.is_superuser and role in access.DECIDING:
        return "A superuser runs the system and decides nothing, so has no role that decides."
    others = RoleGrant.objects.filter(user=user, state__in=states).exclude(role=role)
    held = set(others.values_list("role", flat=True))
    if role != access.SERVICE_ACCOUNT and ServiceAccount.objects.filter(account=user).exists():
        held.add(access.SERVICE_ACCOUNT)  # whether or not it has its role now
    return access.clash(role, held)


def _enforce(grant: RoleGrant, actor) -> None:
    grant.state, grant.granted_by, grant.granted_at = State.IN_FORCE, actor, timezone.now()
    grant.save(update_fields=["state", "granted_by", "granted_at"])


def _still_waits(grant: RoleGrant) -> None:
    if grant.state != State.REQUESTED:
        raise Conflict(f"{grant} is {grant.get_state_display()} by now. Reload the page.")


def _reason(text: str) -> str:
    text = text.strip()
    if len(text) < SHORTEST_REASON:
        raise BadInput(
            "This needs a reason.",
            hint=f"Write at least {SHORTEST_REASON} characters: it is kept with your name.",
            code="reason_required",
            field="reason",
        )
    return text
