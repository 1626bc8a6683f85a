"""What should have ended and has not: exceptions past their day, and models in use without a current approval."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.utils import timezone

from assessments.models import Finding, PolicyException
from registry.approvals.states import RUNNING, STANDING
from registry.models import Decision, Deployment, ModelVersion


@dataclass(frozen=True)
class Ended:
    """One exception or waiver that ended while its version is still in use."""

    kind: str  # exception or waiver
    id: int
    label: str
    version: ModelVersion
    ended: date
    answered_by: str

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "id": self.id, "label": self.label, "version": self.version.pk,
                "version_label": str(self.version), "ended": self.ended, "answered_by": self.answered_by}  # fmt: skip


@dataclass(frozen=True)
class Uncovered:
    """One version in use, and why no approval covers that."""

    version: ModelVersion
    reasons: list[str]

    def as_dict(self) -> dict[str, Any]:
        use, approval = self.version.use_status, self.version.approval_status
        told = {"version": self.version.pk, "version_label": str(self.version), "use_status": use}
        return {**told, "approval_status": approval, "reasons": self.reasons}


def expired_in_use(user) -> list[Ended]:
    """Exceptions that ended by their day or were revoked, and waivers too, of versions in use; none follows them."""
    today, states = timezone.localdate(), PolicyException.State
    used = ModelVersion.objects.visible_to(user).filter(use_status__in=RUNNING)
    over = Q(state__in=[states.EXPIRED, states.REVOKED]) | Q(state=states.ACTIVE, expiry__lt=today)
    follows = PolicyException.objects.in_force(today).filter(
        version=OuterRef("version"), subject_key=OuterRef("subject_key")
    )
    rows = PolicyException.objects.filter(over, version__in=used.order_by().values("pk")).exclude(Exists(follows))
    rows = rows.exclude(finding__state__in=Finding.ENDED).order_by("expiry", "pk")
    found = []
    for row in rows.select_related("version__model", "approved_by", "finding").defer("version__estimator"):
        ended = row.ended_at.date() if row.state == states.REVOKED and row.ended_at else row.expiry
        found.append(Ended("exception", row.pk, f"{row}: {row.subject}", row.version, ended, _name(row)))
    held = used.gate_is(ModelVersion.Gate.NEEDS_WAIVER).select_related("model", "artifact").defer("estimator")
    for version in held.prefetch_related("artifact__waivers__granted_by"):
        if waiver := next(iter(version.artifact.waivers.all()), None):
            by = waiver.granted_by.get_username()
            found.append(Ended("waiver", waiver.pk, str(waiver), version, waiver.last_day, by))
    return found


def without_approval(user) -> list[Uncovered]:
    """Versions in use, or restricted, whose approval is missing, ended, or of other bytes than those that run."""
    newest = Decision.objects.filter(request__version=OuterRef("pk")).order_by("-pk")
    running = Deployment.objects.filter(version=OuterRef("pk"), ended_at__isnull=True).order_by("-pk")
    rows = ModelVersion.objects.visible_to(user).filter(use_status__in=RUNNING).filter(_doubtful())
    rows = (
        rows.select_related("model", "artifact")
        .defer("estimator")
        .annotate(
            approved_until=Subquery(newest.values("valid_until")[:1]),
            decided=Subquery(newest.values("pk")[:1]),
            running_sha256=Subquery(running.values("sha256")[:1]),
        )
    )
    told = [Uncovered(row, _reasons(row)) for row in rows.order_by("model__name", "number")]
    return [each for each in told if each.reasons]


def _doubtful() -> Q:
    """Versions for which there may be a reason: as lists of keys, for most are covered and need not be looked at."""
    newer = Decision.objects.filter(request__version=OuterRef("request__version"), pk__gt=OuterRef("pk"))
    ended = Decision.objects.filter(valid_until__lt=timezone.localdate()).exclude(Exists(newer))
    other_file = Deployment.objects.filter(ended_at__isnull=True).exclude(sha256=F("version__artifact__sha256"))
    decided = Q(pk__in=Decision.objects.order_by().values("request__version"))
    doubtful = ~Q(approval_status__in=STANDING) | ~decided
    doubtful |= Q(pk__in=ended.order_by().values("request__version"))
    return doubtful | Q(pk__in=other_file.order_by().values("version"))


def _reasons(row) -> list[str]:
    found = []
    if row.approval_status not in STANDING:
        found.append(f"It is {row.get_approval_status_display()}.")
    elif row.decided is None:
        found.append("No decision is recorded for it.")
    elif row.approved_until and row.approved_until < timezone.localdate():
        found.append(f"Its approval ended on {row.approved_until:%Y-%m-%d}.")
    if row.running_sha256 and row.running_sha256 != row.artifact.sha256:
        found.append("What runs is another file than the one that was approved.")
    return found


def _name(row: PolicyException) -> str:
    return row.approved_by.get_username() if row.approved_by else ""
