"""Roles that were asked for: for those who grant them."""

from collections.abc import Iterator

from django.urls import reverse

from modelrisk.pages.waiting.row import AT_MOST, Waiting
from registry import access, people
from registry.models import RoleGrant


def found(user) -> Iterator[Waiting]:
    if not access.roles_of(user) & access.GRANTORS:
        return
    waits = RoleGrant.objects.filter(state=RoleGrant.State.REQUESTED).select_related("user", "requested_by")
    for grant in waits.order_by("requested_at", "pk")[:AT_MOST]:
        yield Waiting(
            kind="grant_role",
            what="Grant or refuse a role",
            note=f"asked by {grant.requested_by}",
            about=str(grant),
            since=grant.requested_at,
            url=reverse("people"),
            button="Look",
            blocked=people.not_a_second_person(grant, user) or "",
        )
