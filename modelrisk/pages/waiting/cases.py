"""Versions put to decision: for those who decide."""

from collections.abc import Iterator

from assessments.views import summaries
from modelrisk.pages.waiting.row import Waiting
from modelrisk.pages.waiting.where import page_of
from registry import access
from registry.approvals import quorum, rules
from registry.models import ApprovalRequest, ModelVersion

VOTES = {role for tier in quorum.QUORUM for role in quorum.roles_that_vote(tier)}


def found(user) -> Iterator[Waiting]:
    if not access.roles_of(user) & VOTES:
        return
    pending = ModelVersion.objects.filter(approval_status=ModelVersion.ApprovalStatus.PENDING)
    versions = {version.pk: version for version in pending.select_related("model").defer("estimator")}
    mine = set(ModelVersion.objects.waiting_for(user).values_list("pk", flat=True))
    open_requests = ApprovalRequest.objects.filter(version__in=versions, closed_at__isnull=True)
    latest = summaries.latest_by_version(list(versions), states=["done"])
    counts = summaries.verdict_counts(a.pk for a in latest.values())
    for asked in open_requests.select_related("requested_by").defer("evidence"):
        version = versions[asked.version_id]
        yield Waiting.of(
            version,
            kind="decide",
            what="Decide",
            note=f"requested by {asked.requested_by}",
            since=asked.requested_at,
            url=page_of("review", version),
            button="Review",
            blocked="" if version.pk in mine else rules.has_a_vote(version, user) or "",
            counts=counts.get(latest[version.pk].pk, {}) if version.pk in latest else None,
        )
