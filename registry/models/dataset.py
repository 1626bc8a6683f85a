"""Datasets, their immutable versions, and what is known of each column."""

from django.conf import settings
from django.db import models

from registry.changes import RecordedQuerySet
from registry.models.artifact import Artifact
from registry.querysets import DatasetQuerySet, DatasetVersionQuerySet


class Dataset(models.Model):
    """A dataset of the registry, stable over its versions."""

    name = models.CharField(max_length=120, unique=True)
    slug = models.SlugField(max_length=130, unique=True)
    description = models.TextField(blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="owned_datasets")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class DatasetVersion(models.Model):
    """One file of a dataset, profiled on arrival. The file never changes; the reading of its columns may be edited."""

    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    artifact = models.ForeignKey(Artifact, models.PROTECT, related_name="dataset_versions")
    format = models.CharField(max_length=20, help_text="csv, parquet or joblib")
    original_name = models.CharField(max_length=255)
    rows = models.PositiveBigIntegerField()
    favourable = models.CharField(max_length=200, blank=True, help_text="The favourable label of the target, as text.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DatasetVersionQuerySet.as_manager()

    class Meta:
        ordering = ["dataset", "-number"]
        constraints = [models.UniqueConstraint(fields=["dataset", "number"], name="one_number_per_dataset_version")]

    def __str__(self) -> str:
        return f"{self.dataset} v{self.number}"

    @property
    def target(self) -> "Column | None":
        return next((c for c in self.columns.all() if c.role == Column.Role.TARGET), None)


class Column(models.Model):
    """One column: what it is for, and, for attacks, what a person could change about it."""

    class Role(models.TextChoices):
        FEATURE = "feature", "feature"
        TARGET = "target", "target"
        SENSITIVE = "sensitive", "sensitive"
        IGNORED = "ignored", "id / ignored"

    class Kind(models.TextChoices):
        NUMBER = "number", "number"
        CATEGORY = "category", "category"

    class Mutable(models.TextChoices):
        FIXED = "fixed", "immutable"
        UP = "up", "can only increase"
        DOWN = "down", "can only decrease"
        FREE = "free", "free"

    dataset_version = models.ForeignKey(DatasetVersion, models.CASCADE, related_name="columns")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=255)
    role = models.CharField(max_length=10, choices=Role, default=Role.FEATURE)
    kind = models.CharField(max_length=10, choices=Kind)
    mutable = models.CharField(max_length=5, choices=Mutable, default=Mutable.FREE)
    minimum = models.FloatField(null=True, blank=True)
    maximum = models.FloatField(null=True, blank=True)
    integer = models.BooleanField(default=False)
    swap_price = models.FloatField(
        default=0.1,
        help_text="What another category costs, where moving a number over its whole range costs 1.",
    )
    profile = models.JSONField(
        default=dict,
        help_text="{dtype, missing, distinct, min, max, mean, std, top: [[value, count], …]}",
    )

    objects = RecordedQuerySet.as_manager()

    class Meta:
        ordering = ["dataset_version", "position"]
        constraints = [
            models.UniqueConstraint(fields=["dataset_version", "name"], name="one_column_per_name"),
            models.UniqueConstraint(
                fields=["dataset_version"], condition=models.Q(role="target"), name="one_target_per_dataset_version"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Relation(models.Model):
    """Something that every row keeps, such as `open <= total`. Only what a person confirmed is used."""

    class State(models.TextChoices):
        SUGGESTED = "suggested", "suggested"
        CONFIRMED = "confirmed", "confirmed"
        DISMISSED = "dismissed", "dismissed"

    dataset_version = models.ForeignKey(DatasetVersion, models.CASCADE, related_name="relations")
    text = models.TextField(max_length=4000)
    state = models.CharField(max_length=10, choices=State, default=State.SUGGESTED)
    why = models.TextField(blank=True, help_text="What the data says, where the data suggested it.")
    rows = models.PositiveBigIntegerField(default=0, help_text="Rows that it was counted on.")
    broken = models.PositiveBigIntegerField(default=0, help_text="Rows of these that break it.")

    objects = RecordedQuerySet.as_manager()

    class Meta:
        ordering = ["dataset_version", "id"]

    def __str__(self) -> str:
        return self.text if len(self.text) <= 80 else f"{self.text[:79]}…"
