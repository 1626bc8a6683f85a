"""A version that was decided on, for what comes after: conditions, expiry, attestation."""

from datetime import timedelta

from django.utils import timezone

from registry.models import ApprovalRequest, Decision, ModelVersion


def decided(version, by, *, outcome="approve", days_ago=0, use="in_use", evidence=(), **given) -> Decision:
    """The decision; the version stands approved, and is used."""
    asked = ApprovalRequest.objects.create(
        version=version, requested_by=version.created_by, closed_at=timezone.now(), evidence=list(evidence)
    )
    decision = Decision.objects.create(
        request=asked, outcome=outcome, note="Seen and found fit.", decided_by=by, **given
    )
    moment = timezone.now() - timedelta(days=days_ago)
    Decision.objects.filter(pk=decision.pk).update(decided_at=moment)
    said = {"approve": "approved", "approve_with_conditions": "approved_with_conditions", "reject": "rejected"}
    status = said[outcome]
    ModelVersion.objects.filter(pk=version.pk).update(approval_status=status, use_status=use)
    version.refresh_from_db()
    decision.refresh_from_db()
    return decision


def conditional(decision, owner, *, due_in=30, **given):
    """A condition of it."""
    return decision.conditions.create(
        number=decision.conditions.count() + 1,
        text="Retrain without the postcode.",
        owner=owner,
        due=timezone.localdate() + timedelta(days=due_in),
        **given,
    )
