"""Findings: issues that the validating side raises, the building side answers, and the validating side closes."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from assessments.models.assessment import Assessment
from assessments.querysets import FindingQuerySet
from registry.models import ModelVersion


class Finding(models.Model):
    """One issue of a model. It follows the model: a later version is held up by it until it has ended."""

    class Severity(models.TextChoices):
        CRITICAL = "critical", "critical"
        HIGH = "high", "high"
        MEDIUM = "medium", "medium"
        LOW = "low", "low"
        OBSERVATION = "observation", "observation"

    class State(models.TextChoices):
        DRAFT = "draft", "draft"
        ISSUED = "issued", "waits for an answer"
        REBUTTED = "rebutted", "rebutted"
        OPEN = "open", "being remedied"
        SUBMITTED = "remediation_submitted", "waits for verification"
        ACCEPTED = "risk_accepted", "risk accepted for a time"
        CLOSED = "verified_closed", "verified and closed"
        UPHELD = "upheld", "upheld against the rebuttal"
        WITHDRAWN = "withdrawn", "withdrawn"

    ENDED = (State.CLOSED, State.WITHDRAWN)

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="findings")
    assessment = models.ForeignKey(Assessment, models.PROTECT, related_name="findings", null=True, blank=True)
    criterion = models.JSONField(
        default=dict, help_text="Of the verdict that it was raised from: {test, metric, title, group, verdict, value}"
    )
    title = models.CharField(max_length=200)
    description = models.TextField()
    severity = models.CharField(max_length=15, choices=Severity)
    state = models.CharField(max_length=25, choices=State, default=State.ISSUED)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="findings_to_remedy")
    due = models.DateField(null=True, blank=True, help_text="By when it must have ended; observations have none.")
    plan = models.TextField(blank=True, help_text="What the building side will do about it.")
    remedy = models.TextField(blank=True, help_text="What was done.")
    raised_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    raised_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = FindingQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "due"], name="finding_by_due")]

    def __str__(self) -> str:
        return f"Finding {self.pk}"

    @property
    def has_ended(self) -> bool:
        return self.state in self.ENDED

    @property
    def is_overdue(self) -> bool:
        return not self.has_ended and self.due is not None and self.due < timezone.localdate()
