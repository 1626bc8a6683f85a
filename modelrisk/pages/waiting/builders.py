"""The builder's side: assess, look at a failure, submit, renew. What an open case asks of them is in cases.py."""

from collections.abc import Iterator
from datetime import date

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from assessments.models import Assessment
from assessments.views import summaries
from modelrisk.pages.waiting.row import AT_MOST, Waiting
from modelrisk.pages.waiting.where import page_of
from registry.approvals.states import STANDING
from registry.models import Decision, ModelVersion
from registry.revalidation import RENEW_BEFORE


def found(user) -> Iterator[Waiting]:
    built = ModelVersion.objects.built_by(user)
    if not built.order_by().exists():  # most people; the question below is a long one
        return
    built = built.newest().with_gate().select_related("model").defer("estimator")
    built = built.exclude(approval_status=ModelVersion.ApprovalStatus.PENDING).exclude(revalidation="pending_approval")
    soon = Decision.objects.filter(valid_until__lte=timezone.localdate() + RENEW_BEFORE).values("request__version")
    held = ~Q(gate_now__in=["allowed", "waived"])
    moving = Q(approval_status=ModelVersion.ApprovalStatus.DRAFT) | held | Q(pk__in=soon)
    versions = list(built.filter(moving).order_by("pk")[:AT_MOST])
    latest = summaries.latest_by_version([version.pk for version in versions])
    ends = _ends(versions)
    for version in versions:
        step = _next_step(version, user, latest.get(version.pk), ends.get(version.pk))
        if step is not None:
            yield step


def _next_step(version, user, assessment, end: date | None) -> Waiting | None:
    here, since = page_of("version", version), version.created_at
    if version.gate_now not in {"allowed", "waived"}:  # an approved one too: its waiver may have ended since
        given = {"note": ModelVersion.Gate(version.gate_now).label, "gate": version.gate_now, "url": here}
        return Waiting.of(version, kind="held", what="Held by the gate", since=since, **given)
    if version.approval_status == ModelVersion.ApprovalStatus.DRAFT:
        return _next_of_draft(version, user, assessment)
    if version.revalidation:
        return None  # its case is on its way
    if version.approval_status in STANDING and end and end - timezone.localdate() <= RENEW_BEFORE:
        days = (end - timezone.localdate()).days
        note = f"approval ends in {days} day{'s' * (days != 1)}" if days > 0 else "approval has ended"
        return Waiting.of(version, kind="renew", what="Renew", note=note, since=since, due=end, url=here)
    return None


def _next_of_draft(version, user, assessment) -> Waiting | None:
    here = page_of("version", version)
    if assessment is None:
        given = {"note": "never assessed", "since": version.created_at, "url": here + "#start", "button": "Start"}
        return Waiting.of(version, kind="assess", what="Assess", **given)
    if assessment.is_open:
        return None
    since = assessment.finished_at or assessment.created_at
    if assessment.state != Assessment.State.DONE:
        given = {"note": f"assessment {assessment.get_state_display()}", "since": since}
        return Waiting.of(
            version, kind="failure", what="Look into it", url=reverse("assessment", args=[assessment.pk]), **given
        )
    if version.model.owner_id != user.pk:
        return None  # the owner submits
    given = {"note": "assessment finished", "since": since, "evidence_of": version.pk}
    return Waiting.of(version, kind="submit", what="Submit for validation", url=here + "#submit", **given)


def _ends(versions: list[ModelVersion]) -> dict[int, date]:
    """{version id: the day on which its approval ends}"""
    decided = Decision.objects.filter(request__version__in=versions, valid_until__isnull=False).order_by("pk")
    return dict(decided.values_list("request__version", "valid_until"))
