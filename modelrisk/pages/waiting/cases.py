"""Open cases: for whoever's move it is. The owner hands in, the MRM lead assigns and puts to decision, the validator
validates, the deciders decide, the owner brings into use."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Min, Q, QuerySet

from assessments.views import summaries
from modelrisk.pages.waiting.row import Waiting
from modelrisk.pages.waiting.where import page_of
from registry import access
from registry.approvals import guards, quorum, rules
from registry.approvals.states import STANDING, Status, Use
from registry.lineage import lineage
from registry.models import ApprovalRequest, MLModel, ModelVersion, RoleGrant

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
    moves = [*_as_owner(user), *_as_validator(user), *_as_mrm_lead(user), *_as_decider(user)]
    latest = summaries.latest_by_version([move.case.version_id for move in moves], states=["done"])
    counts = summaries.verdict_counts(assessment.pk for assessment in latest.values())
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
            counts=counts.get(latest[version.pk].pk, {}) if version.pk in latest else None,
        )


def _as_owner(user) -> Iterator[Move]:
    own = _cases(Q(version__model__owner=user))
    waits = Q(version__approval_status__in=[Status.RETURNED, Status.EXPIRED])
    waits |= Q(version__approval_status__in=STANDING, version__use_status=Use.NOT_IN_USE)
    newest: dict[int, ApprovalRequest] = {}
    for case in own.filter(waits).order_by("pk"):
        newest[case.version_id] = case
    for case in newest.values():
        since = case.closed_at or case.requested_at
        if case.version.approval_status == Status.RETURNED:
            yield Move(case, "answer_gaps", "Answer the gaps", "returned to you", since)
        elif case.version.approval_status == Status.EXPIRED:
            yield Move(case, "renew", "Renew", "the approval has ended", since)
        else:
            yield Move(case, "deploy", "Bring into use", str(case.version.get_approval_status_display()), since)


def _as_validator(user) -> Iterator[Move]:
    if access.VALIDATOR not in access.roles_of(user):
        return
    mine = _cases(Q(validator=user, closed_at=None, version__approval_status=Status.IN_VALIDATION))
    for case, conflict in _unless_in_conflict(mine, user):
        yield Move(case, "validate", "Validate", "you are the lead validator", case.requested_at, conflict)


def _as_mrm_lead(user) -> Iterator[Move]:
    if access.MRM_LEAD not in access.roles_of(user):
        return
    wanted = [Status.SUBMITTED, Status.VALIDATED]
    for case, conflict in _unless_in_conflict(_cases(Q(closed_at=None, version__approval_status__in=wanted)), user):
        if case.version.approval_status == Status.SUBMITTED:
            note = f"submitted by {case.requested_by}"
            yield Move(case, "start_validation", "Assign a validator", note, case.requested_at, conflict)
        else:
            note, since = f"signed by {case.validated_by}", case.validated_at or case.requested_at
            yield Move(case, "put_to_decision", "Put to decision", note, since, conflict)


def _as_decider(user) -> Iterator[Move]:
    held = access.roles_of(user)
    if not held & VOTES:
        return
    mine = set(ModelVersion.objects.waiting_for(user).values_list("pk", flat=True))
    pending = _cases(Q(closed_at=None, version__approval_status=Status.PENDING))
    voted = set(pending.filter(dossiers__replaced_at=None, dossiers__votes__voter=user).values_list("pk", flat=True))
    grants = RoleGrant.objects.in_force().filter(user=user, role__in=VOTES)
    since = grants.aggregate(first=Min("granted_at"))["first"]
    for case in pending.exclude(pk__in=voted):
        if not held & set(quorum.roles_that_vote(case.tier)):
            continue
        may = case.version_id in mine and (since is None or since <= case.requested_at)
        conflict = "" if may else rules.judges(case, user) or ""
        note = f"needs {quorum.words(case.tier)}"
        yield Move(case, "decide", "Decide", note, case.requested_at, conflict, "Review", "review")


def _unless_in_conflict(cases: Iterable[ApprovalRequest], user) -> Iterator[tuple[ApprovalRequest, str]]:
    """Each case, with the reason where this person had a part in building its model."""
    own = _with_a_part(user)
    for case in cases:
        model = case.version.model
        yield case, guards.independent(user, lineage(model), model) or "" if model.pk in own else ""


def _with_a_part(user) -> set[int]:
    """Ids of the models of which this person owned, developed, uploaded or submitted anything."""
    parts = Q(owner=user) | Q(developers=user) | Q(versions__created_by=user)
    parts |= Q(versions__approval_requests__requested_by=user)
    parts |= Q(assignments__user=user, assignments__part__in=["owner", "developer"])
    return set(MLModel.objects.filter(parts).values_list("pk", flat=True))


def _cases(wanted: Q) -> QuerySet[ApprovalRequest]:
    cases = ApprovalRequest.objects.filter(wanted).order_by("pk").defer("evidence", "version__estimator")
    return cases.select_related("version__model", "requested_by", "validated_by")
