"""Requests for approval and the decisions that answered them. Rows are written once."""

from django.conf import settings
from django.db import models

from registry.changes import RecordedQuerySet
from registry.models.ml_model import ModelVersion


class ApprovalRequest(models.Model):
    """Asks for a decision on a version, with the evidence as it was at that moment."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="approval_requests")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(auto_now_add=True)
    note = models.TextField(blank=True)
    evidence = models.JSONField(default=list, help_text="What the gates gave: [{kind, id, label, sha256, summary}]")
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = RecordedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["version"], condition=models.Q(closed_at__isnull=True), name="one_open_request_per_version"
            )
        ]

    def __str__(self) -> str:
        return f"Approval request {self.pk}: {self.version}"


class Decision(models.Model):
    """What a person decided on a request, and why."""

    class Outcome(models.TextChoices):
        APPROVE = "approve", "Approve"
        CONDITIONS = "approve_with_conditions", "Approve with conditions"
        REJECT = "reject", "Reject"

    request = models.OneToOneField(ApprovalRequest, models.PROTECT, related_name="decision")
    outcome = models.CharField(max_length=30, choices=Outcome)
    note = models.TextField()
    valid_until = models.DateField(null=True, blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(auto_now_add=True)

    objects = RecordedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()}: {self.request.version}"
