"""One planned set of tests on one model version: what was asked, how it stands, what it ran with."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from assessments.models.policy import PolicyVersion
from assessments.policy.scope import Context, within
from assessments.querysets import AssessmentQuerySet
from registry.models import DatasetVersion, ModelVersion


class Assessment(models.Model):
    class State(models.TextChoices):
        QUEUED = "queued", "waiting for a worker"
        RUNNING = "running", "running"
        DONE = "done", "finished"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    class PlanName(models.TextChoices):
        QUICK = "quick", "Quick"
        STANDARD = "standard", "Standard"
        THOROUGH = "thorough", "Thorough"

    # How a run is held and how far it is: written many times a second, and of no worth afterwards. What it ran with is
    # under the digest of its results.
    unaudited_fields = frozenset(
        ["attempt", "max_attempts", "lease_until", "rung_at", "worker", "current_test", "current_done", "current_of"]
        + ["started_at", "subject", "environment"]
    )

    # What was asked; never changes.
    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="assessments")
    dataset_version = models.ForeignKey(DatasetVersion, models.PROTECT, related_name="assessments")
    reference = models.ForeignKey(DatasetVersion, models.PROTECT, related_name="+", null=True, blank=True)
    plan_name = models.CharField(max_length=10, choices=PlanName, default=PlanName.STANDARD)
    seed = models.PositiveBigIntegerField()
    plan = models.JSONField(help_text="The plan.json the battery gets, without the tests already recorded.")
    policy = models.JSONField(help_text="The policy it is judged by: {name, version, sha256, criteria: [...]}")
    policy_version = models.ForeignKey(
        PolicyVersion,
        models.PROTECT,
        related_name="assessments",
        null=True,
        blank=True,
        help_text="Whose policy it is.",
    )
    context = models.JSONField(default=dict, help_text="Of the model, when asked: {tier, use_case, legal_contexts}")
    catalogue = models.JSONField(help_text="The catalogue entries it runs with, so that old evidence reads right.")
    idempotency_key = models.CharField(max_length=100, null=True, blank=True, unique=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    # How it stands. `attempt` is the fencing token: only the attempt that holds the lease may write.
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED, db_index=True)
    attempt = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveIntegerField(default=3)
    lease_until = models.DateTimeField(null=True, blank=True, db_index=True)
    rung_at = models.DateTimeField(null=True, blank=True, help_text="When the queue was last told of it.")
    worker = models.CharField(max_length=100, blank=True)
    cancel_requested = models.BooleanField(default=False)
    current_test = models.CharField(max_length=80, blank=True)
    current_done = models.PositiveIntegerField(default=0)
    current_of = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True, help_text="What went wrong, for people.")
    hint = models.TextField(blank=True, help_text="What to do about it.")

    # What it ran with, and the seal over what it found.
    subject = models.JSONField(default=dict, help_text="What the battery read of model and data.")
    environment = models.JSONField(default=dict)
    results_sha256 = models.CharField(max_length=64, blank=True)

    objects = AssessmentQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "rung_at"], name="assessment_to_ring")]

    def __str__(self) -> str:
        return f"Assessment {self.pk}"

    @property
    def planned_tests(self) -> list[str]:
        return [test["id"] for test in self.plan["tests"]]

    @property
    def judged_by(self) -> dict[str, Any]:
        """The policy with the criteria that hold for this model."""
        return within(self.policy, Context.from_json(self.context))

    @property
    def is_open(self) -> bool:
        return self.state in {self.State.QUEUED, self.State.RUNNING}

    @property
    def seconds(self) -> float | None:
        if self.started_at is None:
            return None
        return ((self.finished_at or timezone.now()) - self.started_at).total_seconds()
