"""What keeps approvals true: conditions, exceptions, triggers of a revalidation, attestations."""

from collections.abc import Iterator
from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from assessments.exceptions import rules
from assessments.models import PolicyException
from modelrisk.pages.waiting.row import Waiting
from registry import access, attestations, conditions
from registry.independence import SECOND_LINE
from registry.models import Condition, ModelVersion, RevalidationTrigger
from registry.refusals import NotNow, PasswordNeeded

AHEAD = timedelta(days=30)


def found(user) -> Iterator[Waiting]:
    yield from _conditions(user)
    yield from _exceptions(user)
    yield from _triggers(user)
    yield from _attestations(user)


def _conditions(user) -> Iterator[Waiting]:
    """Those to meet, for their owner; those with evidence, for who judges them."""
    rows = Condition.objects.exclude(state=Condition.State.SATISFIED)
    rows = rows.select_related("owner", "decision__request__version__model").order_by("pk")
    for one in rows.filter(owner=user).exclude(state=Condition.State.SUBMITTED):
        yield _of_condition(one, "Meet a condition")
    if not access.roles_of(user) & SECOND_LINE:
        return
    for one in rows.filter(state=Condition.State.SUBMITTED, check_method=Condition.Check.PERSON).exclude(owner=user):
        if conditions.satisfy.refusal(one, user) is None:
            yield _of_condition(one, "Judge a condition")


def _of_condition(one: Condition, what: str) -> Waiting:
    return Waiting.of(
        one.decision.request.version,
        kind="condition",
        what=what,
        note=one.text,
        since=one.decision.decided_at,
        due=one.due,
        url=reverse("condition", args=[one.pk]),
    )


def _exceptions(user) -> Iterator[Waiting]:
    """Those asked for, for who outranks; those that end soon or have ended, for who asked."""
    rows = PolicyException.objects.select_related("version__model__owner", "finding", "requested_by").order_by("pk")
    if access.roles_of(user) & SECOND_LINE:
        for one in rows.filter(state=PolicyException.State.REQUESTED).exclude(requested_by=user):
            reason = rules.may_approve(one, user)
            if reason is None or isinstance(reason, NotNow | PasswordNeeded):
                yield _of_exception(one, "Decide on an exception", one.requested_at)
    today = timezone.localdate()
    for one in rows.expiring(AHEAD, today).filter(requested_by=user, renewal__isnull=True):
        yield _of_exception(one, "Renew or end an exception", one.approved_at, due=one.expiry)


def _of_exception(one: PolicyException, what: str, since, due=None) -> Waiting:
    url = reverse("exception", args=[one.pk])
    return Waiting.of(one.version, kind="exception", what=what, note=one.subject, since=since, due=due, url=url)


def _triggers(user) -> Iterator[Waiting]:
    """What asks for a revalidation of what this person builds."""
    mine = ModelVersion.objects.built_by(user).values("pk")
    for one in RevalidationTrigger.objects.open().filter(version__in=mine).select_related("version__model"):
        yield Waiting.of(
            one.version,
            kind="revalidation",
            what="Have it validated again",
            note=f"{one.get_kind_display()}: {one.reason}",
            since=one.raised_at,
            url=reverse("upkeep", args=[one.version.model.slug, one.version.number]),
        )


def _attestations(user) -> Iterator[Waiting]:
    """Due within thirty days, for the owner."""
    used = ModelVersion.objects.filter(model__owner=user, use_status__in=attestations.USED)
    used = used.select_related("model").prefetch_related("attestations", "deployments")
    soon = timezone.localdate() + AHEAD
    for version in used.defer("estimator"):
        due = attestations.due_of(version)
        if due is not None and due <= soon:
            yield Waiting.of(
                version,
                kind="attestation",
                what="Attest",
                note="whether it all still holds",
                since=attestations.since_of(version),
                due=due,
                url=reverse("attest", args=[version.model.slug, version.number]),
            )
