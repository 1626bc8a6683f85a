"""In which role a person votes on a case, and by which grant."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from registry.approvals.quorum import roles_that_vote
from registry.models import ApprovalRequest, RoleGrant


def grants_of(person: AbstractBaseUser) -> list[RoleGrant]:
    """Those in force now. Asked of the database each time."""
    if not person.is_active:
        return []
    return list(RoleGrant.objects.in_force().filter(user_id=person.pk, state=RoleGrant.State.IN_FORCE))


def votes_as(
    person: AbstractBaseUser, request: ApprovalRequest, grants: Iterable[RoleGrant] | None = None
) -> RoleGrant | None:
    """The grant under which the person votes: one that was in force at the submission comes first (guard G11), then the
    one whose role fills more places. `grants`: the person's, where they are known already."""
    roles = roles_that_vote(request.tier)
    held = [grant for grant in (grants_of(person) if grants is None else grants) if grant.role in roles]

    def order(grant: RoleGrant) -> tuple[bool, int]:
        return since(grant) > request.requested_at, roles.index(grant.role)

    return min(held, key=order, default=None)


def since(grant: RoleGrant) -> datetime:
    """When it came into force."""
    return grant.granted_at or grant.requested_at
