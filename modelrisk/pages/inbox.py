"""The first page: what waits for you, what runs now, the inventory."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from assessments.findings.rules import CHALLENGE
from assessments.findings.states import Side, waits_for
from assessments.models import Assessment, Finding
from assessments.views import summaries
from assessments.views.assessment import with_progress
from modelrisk.pages import inventory
from registry import access
from registry.models import ApprovalRequest, Decision, MLModel, ModelVersion

SHOWN_MODELS = 10
RENEW_BEFORE = timedelta(days=30)


@dataclass(frozen=True)
class Waiting:
    """One thing that this person can do now."""

    what: str
    note: str
    version: ModelVersion
    since: datetime
    url: str
    button: str
    counts: dict[str, int] | None = None
    gate: str = ""
    finding: Finding | None = None


@require_GET
def inbox(request) -> HttpResponse:
    visible = MLModel.objects.visible_to(request.user)
    context = {
        "waiting": waiting(request.user),
        "runs": _runs(request.user),
        "rows": inventory.rows(visible.order_by("name")[:SHOWN_MODELS]),
        "models": visible.count(),
        "versions": ModelVersion.objects.visible_to(request.user).count(),
        "may_register": access.may_register(None, request.user) is None,
    }
    return render(request, "pages/inbox.html", context)


@require_GET
def running(request) -> HttpResponse:
    """The fragment that the inbox polls while something runs; the last answer stops it."""
    runs = _runs(request.user)
    return render(request, "pages/_running.html", {"runs": runs}, status=200 if runs else 286)


def waiting(user) -> list[Waiting]:
    """Longest waiting first."""
    return sorted(
        [*_to_decide(user), *_to_waive(user), *_to_move_on(user), *_of_findings(user)], key=lambda one: one.since
    )


def waiting_count(user) -> int:
    return len(waiting(user))


def may_read_audit(user) -> bool:
    """The whole log is for those who see every model."""
    return access.sees_everything(user)


def _runs(user) -> list[Assessment]:
    runs = Assessment.objects.visible_to(user).running().select_related("version__model", "dataset_version__dataset")
    runs = list(runs.defer("policy", "subject", "environment")[:20])
    with_progress(runs)
    return runs


def _to_decide(user) -> list[Waiting]:
    found = list(ModelVersion.objects.waiting_for(user).select_related("model").defer("estimator"))
    open_requests = ApprovalRequest.objects.filter(version__in=found, closed_at__isnull=True)
    asked = {one.version_id: one for one in open_requests.select_related("requested_by").defer("evidence")}
    latest = summaries.latest_by_version([v.pk for v in found], states=["done"])
    counts = summaries.verdict_counts(a.pk for a in latest.values())
    return [
        Waiting(
            what="Decide",
            note=f"requested by {asked[version.pk].requested_by}",
            version=version,
            since=asked[version.pk].requested_at,
            url=_to("review", version),
            button="Review",
            counts=counts.get(latest[version.pk].pk, {}) if version.pk in latest else None,
        )
        for version in found
        if version.pk in asked
    ]


def _to_waive(user) -> list[Waiting]:
    """The security officer's side: files that the gate holds. One row a file, however many versions it is."""
    found = ModelVersion.objects.waiting_for_waiver(user).select_related("model", "artifact", "created_by")
    files = {version.artifact_id: version for version in found.defer("estimator").order_by("-pk")}
    return [
        Waiting(
            what="Decide on a waiver",
            note=f"uploaded by {version.created_by}",
            version=version,
            since=version.created_at,
            url=reverse("artifact", args=[version.artifact.sha256]),
            button="Look",
            gate=version.gate_now,
        )
        for version in files.values()
    ]


def _to_move_on(user) -> list[Waiting]:
    """The builder's side: assess, look at a failure, request, renew."""
    found = ModelVersion.objects.built_by(user).newest().with_gate().select_related("model").defer("estimator")
    found = list(found)
    found = [version for version in found if version.approval_status != ModelVersion.ApprovalStatus.PENDING]
    latest = summaries.latest_by_version([v.pk for v in found])
    counts = summaries.verdict_counts(a.pk for a in latest.values())
    ends = _ends(found)
    steps = [_next_step(version, latest.get(version.pk), counts, ends.get(version.pk)) for version in found]
    return [step for step in steps if step is not None]


# What the side whose move it is has to do.
_FINDING_STEPS = {
    Finding.State.ISSUED: "Answer a finding",
    Finding.State.OPEN: "Remedy a finding",
    Finding.State.REBUTTED: "Judge a rebuttal",
    Finding.State.SUBMITTED: "Verify a remedy",
}


def _of_findings(user) -> list[Waiting]:
    """Findings whose move is this person's side's."""
    standing = Finding.objects.standing().select_related("version__model").order_by("pk")
    building = standing.filter(version__in=ModelVersion.objects.built_by(user).values("pk"))
    found = [one for one in building if waits_for(one.state) == Side.BUILDING]
    if access.roles_of(user) & CHALLENGE:
        mine = building.values("pk")
        uploaded = ModelVersion.objects.filter(created_by=user).values("model")
        others = standing.exclude(pk__in=mine).exclude(version__model__in=uploaded)
        found += [one for one in others if waits_for(one.state) == Side.VALIDATING]
    return [
        Waiting(
            what=_FINDING_STEPS[Finding.State(one.state)],
            note=one.title,
            version=one.version,
            since=one.raised_at,
            url=reverse("finding", args=[one.pk]),
            button="Open",
            finding=one,
        )
        for one in found
    ]


def _next_step(version, assessment, counts, end) -> Waiting | None:
    if version.gate_now not in {"allowed", "waived"}:  # an approved one too: its waiver may have ended since
        said = ModelVersion.Gate(version.gate_now).label
        here = _to("version", version)
        return Waiting("Held by the gate", said, version, version.created_at, here, "Open", gate=version.gate_now)
    if version.approval_status == ModelVersion.ApprovalStatus.DRAFT:
        return _next_of_draft(version, assessment, counts)
    if end and end - timezone.localdate() <= RENEW_BEFORE:
        days = (end - timezone.localdate()).days
        note = f"approval ends in {days} day{'s' * (days != 1)}" if days > 0 else "approval has ended"
        return Waiting("Renew", note, version, version.created_at, _to("version", version), "Open")
    return None


def _next_of_draft(version, assessment, counts) -> Waiting | None:
    here = _to("version", version)
    if assessment is None:
        return Waiting("Assess", "never assessed", version, version.created_at, here + "#start", "Start")
    if assessment.is_open:
        return None
    at = reverse("assessment", args=[assessment.pk])
    since = assessment.finished_at or assessment.created_at
    if assessment.state != Assessment.State.DONE:
        return Waiting("Look into it", f"assessment {assessment.get_state_display()}", version, since, at, "Open")
    found = counts.get(assessment.pk, {})
    return Waiting("Request approval", "assessment finished", version, since, here + "#approval", "Open", found)


def _ends(versions: list[ModelVersion]) -> dict[int, datetime]:
    """{version id: the day on which its approval ends}"""
    found = Decision.objects.filter(request__version__in=versions, valid_until__isnull=False).order_by("pk")
    return dict(found.values_list("request__version", "valid_until"))


def _to(name: str, version: ModelVersion) -> str:
    return reverse(name, args=[version.model.slug, version.number])
