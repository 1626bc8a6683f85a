"""What keeps approvals true: conditions, exceptions, triggers of a revalidation, attestations."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count
from django.urls import reverse
from django.utils import timezone

from assessments.exceptions.states import MAY_BE_APPROVED, RANK, Kind, least_role, rank_of
from assessments.models import PolicyException
from modelrisk.pages.waiting.row import AT_MOST, Waiting
from registry import access, attestations
from registry.independence import SECOND_LINE
from registry.lineage import models_of
from registry.models import Condition, ModelVersion, RevalidationTrigger, RoleGrant

AHEAD = timedelta(days=30)
SHORTEST_CADENCE = timedelta(days=28 * min(attestations.MONTHS.values()))


def found(user) -> Iterator[Waiting]:
    judged = access.roles_of(user) & SECOND_LINE
    own = set(models_of(user).values_list("pk", flat=True)) if judged else set()
    yield from _conditions(user, own)
    yield from _exceptions(user, own)
    yield from _triggers(user)
    yield from _attestations(user)


def _conditions(user, own: set[int]) -> Iterator[Waiting]:
    """Those to meet, for their owner; those with evidence, for who judges them: nothing of a model that is their `own`
    by its lineage."""
    rows = Condition.objects.exclude(state=Condition.State.SATISFIED)
    version = "decision__request__version__"
    told = ("text", "due", "decision__decided_at", f"{version}number")
    told += tuple(f"{version}model__{name}" for name in ("name", "slug", "tier"))
    rows = rows.select_related(f"{version}model").only(*told).order_by("pk")
    for one in rows.filter(owner=user).exclude(state=Condition.State.SUBMITTED)[:AT_MOST]:
        yield _of_condition(one, "Meet a condition")
    if not access.roles_of(user) & SECOND_LINE:
        return
    submitted = rows.filter(state=Condition.State.SUBMITTED, check_method=Condition.Check.PERSON)
    others = submitted.exclude(owner=user).exclude(decision__request__version__model__in=own)
    for one in others[:AT_MOST]:
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


def _exceptions(user, own: set[int]) -> Iterator[Waiting]:
    """Those asked for, for who outranks; those that end soon or have ended, for who asked."""
    rows = PolicyException.objects.select_related("version__model__owner", "finding", "requested_by").order_by("pk")
    if access.roles_of(user) & SECOND_LINE:
        asked = rows.filter(state=PolicyException.State.REQUESTED).exclude(requested_by=user)
        for one in _outranked(list(asked.exclude(version__model__in=own)[:AT_MOST]), user):
            yield _of_exception(one, "Decide on an exception", one.requested_at)
    today = timezone.localdate()
    for one in rows.expiring(AHEAD, today).filter(requested_by=user, renewal__isnull=True)[:AT_MOST]:
        yield _of_exception(one, "Renew or end an exception", one.approved_at, due=one.expiry)


def _outranked(asked: list[PolicyException], user) -> list[PolicyException]:
    """Those on which this person may decide; the rule's own answer, asked of all at once."""
    people = {one.requested_by_id for one in asked} | {one.version.model.owner_id for one in asked}
    ranks: dict[int, int] = {}
    for person, role in RoleGrant.objects.in_force().filter(user__in=people).values_list("user", "role"):
        ranks[person] = max(ranks.get(person, 0), RANK.get(role, 0))
    approved = PolicyException.objects.filter(approved_at__isnull=False, version__in={one.version_id for one in asked})
    times = approved.order_by().values_list("version", "subject_key").annotate(times=Count("pk"))
    often = {(version, key) for version, key, number in times if number >= MAY_BE_APPROVED}
    own = rank_of(user)[0]

    def may(one: PolicyException) -> bool:
        below = max(ranks.get(one.requested_by_id, 0), RANK.get(one.requested_as, 0))
        if one.kind == Kind.USE:
            below = max(below, ranks.get(one.version.model.owner_id, 0))
        least = least_role(one, escalated=(one.version_id, one.subject_key) in often)
        return own > below and own >= RANK[least]

    return [one for one in asked if may(one)]


def _of_exception(one: PolicyException, what: str, since, due=None) -> Waiting:
    url = reverse("exception", args=[one.pk])
    return Waiting.of(one.version, kind="exception", what=what, note=one.subject, since=since, due=due, url=url)


def _triggers(user) -> Iterator[Waiting]:
    """What asks for a revalidation of what this person builds."""
    mine = ModelVersion.objects.built_by(user).values("pk")
    for one in RevalidationTrigger.objects.open().filter(version__in=mine).select_related("version__model")[:AT_MOST]:
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
    long_ago = timezone.now() - SHORTEST_CADENCE + AHEAD  # what was attested since is not due
    used = used.exclude(attestations__attested_at__gt=long_ago)
    used = used.select_related("model").prefetch_related("attestations", "deployments").order_by("created_at", "pk")
    soon = timezone.localdate() + AHEAD
    for version in used.defer("estimator")[:AT_MOST]:
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
