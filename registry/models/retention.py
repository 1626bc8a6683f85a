"""Legal holds, and purges: asked for, confirmed, carried out. A purge that is done is the tombstone of its file."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from registry import access
from registry.changes import RecordedQuerySet
from registry.models.artifact import Artifact
from registry.models.dataset import Dataset
from registry.models.ml_model import MLModel

USER = settings.AUTH_USER_MODEL


class ForReadersQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        """Those who see every model: a file may be another's too, and a hold may be confidential."""
        return self if access.sees_everything(user) else self.none()


class LegalHoldQuerySet(ForReadersQuerySet):
    def in_force(self):
        return self.filter(lifted_at=None)


class LegalHold(models.Model):
    """Nothing of this model, or of this dataset, is purged while it is in force. Written once, then perhaps lifted."""

    model = models.ForeignKey(MLModel, models.PROTECT, related_name="legal_holds", null=True, blank=True)
    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="legal_holds", null=True, blank=True)
    reason = models.TextField()
    placed_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    placed_at = models.DateTimeField(default=timezone.now)
    lifted_by = models.ForeignKey(USER, models.PROTECT, related_name="+", null=True, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_reason = models.TextField(blank=True)

    objects = LegalHoldQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "legal hold"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(model__isnull=True) ^ models.Q(dataset__isnull=True), name="hold_on_one_thing"
            )
        ]

    def __str__(self) -> str:
        return f"Legal hold {self.pk} on {self.about}"

    @property
    def about(self) -> MLModel | Dataset:
        return self.model or self.dataset


class Purge(models.Model):
    """The end of one file. `rule` is kept as it was in the schedule of that day."""

    class State(models.TextChoices):
        ASKED = "asked", "waits for a second person"
        CONFIRMED = "confirmed", "confirmed, not yet carried out"
        PURGED = "purged", "purged"
        REFUSED = "refused", "refused"

    OPEN = (State.ASKED, State.CONFIRMED)

    artifact = models.ForeignKey(Artifact, models.PROTECT, related_name="purges")
    sha256 = models.CharField(max_length=64, help_text="Of the file: what is left of it.")
    size = models.PositiveBigIntegerField(help_text="bytes")
    served = models.JSONField(help_text="What the file was: [text, …]")
    rule = models.JSONField(help_text="{id, title, period, source, basis, …}")
    schedule_sha256 = models.CharField(max_length=64, help_text="Of the schedule that the rule is of.")
    early = models.BooleanField(default=False, help_text="Before the other rules end, as the rule asks.")
    reason = models.TextField()
    state = models.CharField(max_length=10, choices=State, default=State.ASKED, db_index=True)
    asked_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    settled_by = models.ForeignKey(USER, models.PROTECT, related_name="+", null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_note = models.TextField(blank=True)
    purged_at = models.DateTimeField(null=True, blank=True)

    objects = ForReadersQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["artifact"], condition=models.Q(state__in=["asked", "confirmed"]), name="one_open_purge"
            )
        ]

    def __str__(self) -> str:
        return f"Purge {self.pk} of {self.sha256[:12]}"
