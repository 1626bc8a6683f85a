"""Registered models and their immutable versions."""

from django.conf import settings
from django.db import models

from registry.models.artifact import Artifact
from registry.models.scan import Waiver
from registry.querysets import MLModelQuerySet, ModelVersionQuerySet


class MLModel(models.Model):
    """A model of the inventory: a method for a purpose, stable over its versions."""

    class Tier(models.IntegerChoices):
        ONE = 1, "Tier 1"
        TWO = 2, "Tier 2"
        THREE = 3, "Tier 3"

    name = models.CharField(max_length=120, unique=True)
    slug = models.SlugField(max_length=130, unique=True)
    purpose = models.TextField(
        blank=True, help_text="What decisions it serves, for whom, and what it must not be used for."
    )
    domain = models.CharField(max_length=80, blank=True, help_text="Business area, for example Consumer lending.")
    use_case = models.CharField(max_length=40, blank=True, help_text="What it is used for; of registry/contexts.json.")
    legal_contexts = models.JSONField(default=list, blank=True, help_text="Which laws look at that use: a list of ids.")
    tier = models.PositiveSmallIntegerField(choices=Tier, default=Tier.TWO)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="owned_models")
    developers = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="developed_models", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MLModelQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name = "model"

    def __str__(self) -> str:
        return self.name


class ModelVersion(models.Model):
    """One artefact of a model under test and approval. Its file and format never change.

    What the sandbox read of it is unknown, and stays empty, until the gate lets the file be loaded.
    """

    class Gate(models.TextChoices):
        """Whether its file may be run now: by its newest scan, and by the waiver in force where it needs one."""

        ALLOWED = "allowed", "allowed"
        NEEDS_WAIVER = "needs_waiver", "needs a waiver"
        WAIVED = "waived", "waived"
        REFUSED = "refused", "refused"
        NOT_SCANNED = "not_scanned", "not scanned"

    class ApprovalStatus(models.TextChoices):
        DRAFT = "draft", "in development"
        SUBMITTED = "submitted", "submitted"
        IN_VALIDATION = "in_validation", "in validation"
        RETURNED = "returned", "returned"
        VALIDATED = "validated", "validated"
        VALIDATION_FAILED = "validation_failed", "validation failed"
        PENDING = "pending_approval", "awaiting decision"
        APPROVED = "approved", "approved"
        CONDITIONS = "approved_with_conditions", "approved with conditions"
        REJECTED = "rejected", "rejected"
        WITHDRAWN = "withdrawn", "withdrawn"
        EXPIRED = "expired", "expired"
        SUPERSEDED = "superseded", "superseded"

    class Revalidation(models.TextChoices):
        """Where a new case of a version is that was approved before."""

        NONE = "", "none"
        SUBMITTED = "submitted", "submitted"
        IN_VALIDATION = "in_validation", "in validation"
        RETURNED = "returned", "returned"
        VALIDATED = "validated", "validated"
        PENDING = "pending_approval", "awaiting decision"

    class UseStatus(models.TextChoices):
        NOT_IN_USE = "not_in_use", "not in use"
        IN_USE = "in_use", "in use"
        RESTRICTED = "restricted", "restricted"
        SUSPENDED = "suspended", "suspended"
        DECOMMISSIONING = "decommissioning", "being decommissioned"
        RETIRED = "retired", "retired"

    model = models.ForeignKey(MLModel, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    artifact = models.ForeignKey(Artifact, models.PROTECT, related_name="model_versions")
    format = models.CharField(max_length=20, help_text="joblib")
    original_name = models.CharField(max_length=255)
    estimator = models.JSONField(
        default=dict,
        help_text="What the sandbox read: {class, steps, task, classes, features, libraries: {name: version}}",
    )
    notes = models.TextField(blank=True)
    approval_status = models.CharField(
        max_length=30, choices=ApprovalStatus, default=ApprovalStatus.DRAFT, db_index=True
    )
    revalidation = models.CharField(
        max_length=30,
        choices=Revalidation,
        default=Revalidation.NONE,
        blank=True,
        db_index=True,
        help_text="Where its new case is, while its approval stands until that is decided. Empty: there is none.",
    )
    use_status = models.CharField(max_length=20, choices=UseStatus, default=UseStatus.NOT_IN_USE, db_index=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ["model", "-number"]
        constraints = [models.UniqueConstraint(fields=["model", "number"], name="one_number_per_model_version")]

    def __str__(self) -> str:
        return f"{self.model} v{self.number}"

    @property
    def case_status(self) -> str:
        """Where its case is: that of its revalidation while there is one, beside the approval that stands."""
        return str(self.revalidation or self.approval_status)

    @property
    def case_words(self) -> str:
        """Where its case is, as people read it."""
        return str(self.get_revalidation_display() if self.revalidation else self.get_approval_status_display())

    @property
    def gate(self) -> str:
        """Asked of the database each time: a waiver may end at any moment. Lists ask `with_gate()` once."""
        return self._now("gate_now")

    @property
    def waiver(self):
        """The waiver that it runs under now, or None."""
        return Waiver.objects.select_related("granted_by").filter(pk=self._now("waiver_now")).first()

    def _now(self, name: str):
        return ModelVersion.objects.with_gate().values_list(name, flat=True).get(pk=self.pk)
