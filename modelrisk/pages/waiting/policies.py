"""Versions of the policy that wait for this person's signature."""

from collections.abc import Iterator

from django.urls import reverse

from assessments.models import PolicyVersion
from assessments.policy.rules import SIGNERS
from modelrisk.pages.waiting.row import AT_MOST, Waiting
from registry import access


def found(user) -> Iterator[Waiting]:
    if not access.roles_of(user) & SIGNERS or access.VALIDATOR in access.roles_of(user):
        return
    proposed = PolicyVersion.objects.filter(state=PolicyVersion.State.PROPOSED).exclude(drafted_by=user)
    unsigned = proposed.exclude(signatures__signer=user).select_related("policy", "drafted_by").defer("document")
    for version in unsigned.order_by("proposed_at", "pk")[:AT_MOST]:
        yield Waiting(
            kind="sign_policy",
            what="Sign a policy",
            note=f"drafted by {version.drafted_by}",
            about=str(version),
            since=version.proposed_at,
            url=reverse("policy-version", args=[version.policy.slug, version.number]),
        )
