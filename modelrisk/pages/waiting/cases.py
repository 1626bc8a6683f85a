"""Open cases: for whoever's move it is. The owner hands in, the MRM lead assigns and puts to decision, the validator
validates, the deciders decide, the owner brings into use."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from modelrisk.pages.waiting.row import AT_MOST, Waiting
from modelrisk.pages.waiting.where import page_of
from registry import access
from registry.approvals import guards, people, quorum, rules
from registry.approvals.states import STANDING, Status, Use
from registry.lineage import lineages, models_of
from registry.models import ApprovalRequest, RevalidationTrigger, Vote
from registry.querysets import case_is

TOLD = (
    *("tier", "requested_at", "validated_at", "closed_at", "validator", "requested_by__username"),
    *("validated_by__username", "version__number", "version__approval_status", "version__revalidation"),
    *("version__model__name", "version__model__slug", "version__model__tier", "version__model__owner"),
)
EVER = datetime.min.replace(tzinfo=UTC)
VOTES = {role for tier in quorum.QUORUM for role in quorum.roles_that_vote(tier)}


@dataclass(frozen=True)
class Move:
    """What somebody may do to a case."""

    case: ApprovalRequest
    kind: str
    what: str
    note: str
    since: datetime
    blocked: str = ""
    button: str = "Open"
    page: str = "version"


def found(user) -> Iterator[Waiting]:
    judges = access.roles_of(user) & ({access.VALIDATOR, access.MRM_LEAD} | VOTES)
    own = set(models_of(user).values_list("pk", flat=True)) if judges else set()
    moves = [*_as_owner(user), *_as_validator(user, own), *_as_mrm_lead(user, own), *_as_decider(user, own)]
    for move in moves:
        version = move.case.version
        yield Waiting.of(
            version,
            kind=move.kind,
            what=move.what,
            note=move.note,
            since=move.since,
            url=page_of(move.page, version) + ("#case" if move.page == "version" else ""),
            button=move.button,
            blocked=move.blocked,
            evidence_of=version.pk,
        )


def _as_owner(user) -> Iterator[Move]:
    own = _cases(Q(version__model__owner=user))
    own = own.annotate(asked=Exists(RevalidationTrigger.objects.open().filter(version=OuterRef("version"))))
    waits = case_is(Status.RETURNED, Status.EXPIRED, path="version__")
    waits |= Q(version__approval_status__in=STANDING, version__use_status=Use.NOT_IN_USE)
    waits |= Q(version__approval_status__in=STANDING, version__revalidation="", asked=True)
    later = ApprovalRequest.objects.filter(version=OuterRef("version"), pk__gt=OuterRef("pk"))
    for case in own.filter(waits).exclude(Exists(later))[:AT_MOST]:
        since = case.closed_at or case.requested_at
        if case.version.case_status == Status.RETURNED:
            yield Move(case, "answer_gaps", "Answer the gaps", "returned to you", since)
        elif case.version.case_status == Status.EXPIRED:
            yield Move(case, "renew", "Renew", "the approval has ended", since)
        elif case.asked and not case.version.revalidation:
            yield Move(case, "revalidate", "Submit for revalidation", "the approval holds meanwhile", since)
        else:
            yield Move(case, "deploy", "Bring into use", str(case.version.get_approval_status_display()), since)


def _as_validator(user, own: set[int]) -> Iterator[Move]:
    if access.VALIDATOR not in access.roles_of(user):
        return
    mine = _cases(Q(validator=user, closed_at=None) & case_is(Status.IN_VALIDATION, path="version__"))
    for case, conflict in _unless_in_conflict(mine, user, own):
        yield Move(case, "validate", "Validate", "you are the lead validator", case.requested_at, conflict)


def _as_mrm_lead(user, own: set[int]) -> Iterator[Move]:
    if access.MRM_LEAD not in access.roles_of(user):
        return
    open_ones = _cases(Q(closed_at=None) & case_is(Status.SUBMITTED, Status.VALIDATED, path="version__"))
    for case, conflict in _unless_in_conflict(open_ones, user, own):
        if case.version.case_status == Status.SUBMITTED:
            note = f"submitted by {case.requested_by}"
            yield Move(case, "start_validation", "Assign a validator", note, case.requested_at, conflict)
        else:
            note, since = f"signed by {case.validated_by}", case.validated_at or case.requested_at
            yield Move(case, "put_to_decision", "Put to decision", note, since, conflict)


def _as_decider(user, own: set[int]) -> Iterator[Move]:
    held = access.roles_of(user)
    if not held & VOTES:
        return
    tiers = [tier for tier in quorum.QUORUM if held & set(quorum.roles_that_vote(tier))]
    pending = _cases(Q(closed_at=None, tier__in=tiers) & case_is(Status.PENDING, path="version__"))
    voted = Vote.objects.filter(dossier__request=OuterRef("pk"), dossier__replaced_at=None, voter=user)
    pending = pending.exclude(Exists(voted))
    doubtful = Q(version__model__in=own) | Q(validator=user) | Q(validated_by=user)
    grants = people.grants_of(user)
    doubtful |= Q(requested_at__lt=min(map(people.since, grants), default=EVER))
    cases = [*pending.exclude(doubtful)[:AT_MOST], *pending.filter(doubtful)[:AT_MOST]]
    reasons = rules.all_judged(cases, user, grants) if cases else {}
    for case in cases:
        note, conflict = f"needs {quorum.words(case.tier)}", reasons[case.pk] or ""
        yield Move(case, "decide", "Decide", note, case.requested_at, conflict, "Review", "review")


def _unless_in_conflict(cases: QuerySet[ApprovalRequest], user, own: set[int]) -> Iterator[tuple[ApprovalRequest, str]]:
    """Each case, with the reason where this person had a part in building its model; those come last, so that no number
    of them hides one where there is something to do."""
    yield from ((case, "") for case in cases.exclude(version__model__in=own)[:AT_MOST])
    forbidden = list(cases.filter(version__model__in=own)[:AT_MOST])
    parts = lineages(case.version.model for case in forbidden)
    for case in forbidden:
        model = case.version.model
        yield case, guards.independent(user, parts[model.pk], model) or ""


def _cases(wanted: Q) -> QuerySet[ApprovalRequest]:
    cases = ApprovalRequest.objects.filter(wanted).order_by("pk")
    return cases.select_related("version__model", "requested_by", "validated_by").only(*TOLD)
