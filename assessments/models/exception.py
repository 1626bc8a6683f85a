"""Exceptions: approved deviations from policy, each with a last day and a control that keeps the risk small."""

from datetime import date

from django.conf import settings
from django.db import models
from django.utils import timezone

from assessments.models.finding import Finding
from assessments.querysets import PolicyExceptionQuerySet
from registry.models import ModelVersion

USER = settings.AUTH_USER_MODEL


class PolicyException(models.Model):
    """One deviation for one version, asked for by one person and approved by another who outranks them (guard G8)."""

    class Kind(models.TextChoices):
        RISK = "risk_acceptance", "acceptance of a finding's risk"
        TEST = "missing_test", "test that is missing"
        CRITERION = "failed_criterion", "criterion that failed"
        USE = "use_before_validation", "use before validation"

    class State(models.TextChoices):
        REQUESTED = "requested", "waits for approval"
        ACTIVE = "active", "active"
        CLOSED = "closed", "closed"
        EXPIRED = "expired", "expired"
        REVOKED = "revoked", "revoked"
        REFUSED = "refused", "refused"

    # What was asked; never changes.
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="exceptions")
    kind = models.CharField(max_length=25, choices=Kind)
    finding = models.ForeignKey(Finding, models.PROTECT, related_name="exceptions", null=True, blank=True)
    test = models.CharField(max_length=80, blank=True, help_text="With the kind missing_test: its id in the catalogue.")
    criterion = models.JSONField(default=dict, help_text="With the kind failed_criterion: {test, metric, group}.")
    subject_key = models.CharField(max_length=100, help_text="What it is about, for comparing: finding:12, use, …")
    reason = models.TextField()
    compensating_control = models.TextField(help_text="What keeps the risk small while it holds, and who sees to it.")
    expiry = models.DateField(help_text="The last day on which it holds.")
    renewed_from = models.OneToOneField(
        "self", models.PROTECT, related_name="renewal", null=True, blank=True, help_text="It follows that one, once."
    )
    requested_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    requested_as = models.CharField(max_length=30, blank=True, help_text="Their role of the highest rank, then.")
    requested_at = models.DateTimeField(default=timezone.now)

    # How it stands.
    state = models.CharField(max_length=10, choices=State, default=State.REQUESTED)
    approved_by = models.ForeignKey(USER, models.PROTECT, related_name="+", null=True, blank=True)
    approved_as = models.CharField(max_length=30, blank=True, help_text="The role that gave them the rank.")
    approved_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(USER, models.PROTECT, related_name="+", null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_because = models.TextField(blank=True)

    objects = PolicyExceptionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "exception"
        indexes = [
            models.Index(fields=["state", "expiry"], name="exception_by_expiry"),
            models.Index(fields=["version", "kind"], name="exceptions_of_version"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["version", "subject_key"], condition=models.Q(state=state), name=f"one_{state}_exception"
            )
            for state in ("requested", "active")
        ]

    def __str__(self) -> str:
        return f"Exception {self.pk}"

    def in_force(self, at: date | None = None) -> bool:
        """Whether it holds on a day; today where None."""
        return self.state == self.State.ACTIVE and self.expiry >= (at or timezone.localdate())

    @property
    def has_ended(self) -> bool:
        return self.state not in {self.State.REQUESTED, self.State.ACTIVE}

    @property
    def subject(self) -> str:
        """What it is about, in a few words."""
        if self.finding_id:
            return f"{self.finding}: {self.finding.title}"
        if self.kind == self.Kind.TEST:
            return f"Test {self.test}"
        if self.kind == self.Kind.CRITERION:
            return str(self.criterion.get("title") or self.criterion.get("metric", ""))
        return "Use in production before its validation has ended"
