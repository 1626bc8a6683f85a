"""In which role a person votes on a case, and by which grant."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from registry.approvals.quorum import roles_that_vote
from registry.models import ApprovalRequest, RoleGrant


def votes_as(person: AbstractBaseUser, request: ApprovalRequest) -> RoleGrant | None:
    """The grant under which the person votes: one that was in force at the submission comes first (guard G11), then the
    one whose role fills more places. Asked of the database each time."""
    roles = roles_that_vote(request.tier)
    grants = RoleGrant.objects.in_force().filter(user_id=person.pk, role__in=roles, state=RoleGrant.State.IN_FORCE)
    if not person.is_active:
        return None

    def order(grant: RoleGrant) -> tuple[bool, int]:
        return since(grant) > request.requested_at, roles.index(grant.role)

    return min(grants, key=order, default=None)


def since(grant: RoleGrant) -> datetime:
    """When it came into force."""
    return grant.granted_at or grant.requested_at
