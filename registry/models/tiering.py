"""Risk ratings of models. The tier that others read is `MLModel.tier`; it follows the confirmed rating."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from registry.changes import RecordedQuerySet
from registry.models.ml_model import MLModel


class TierRatingQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        return self.filter(model__in=MLModel.objects.visible_to(user))

    def proposed(self):
        return self.filter(state="proposed")

    def confirmed(self):
        return self.filter(state="confirmed")


class TierRating(models.Model):
    """One person's answers, the tier that the matrix makes of them, and what a second person said."""

    class State(models.TextChoices):
        PROPOSED = "proposed", "waits for a second person"
        CONFIRMED = "confirmed", "confirmed"
        REFUSED = "refused", "refused"
        SUPERSEDED = "superseded", "superseded"

    model = models.ForeignKey(MLModel, models.PROTECT, related_name="tier_ratings")
    answers = models.JSONField(help_text="{question: score, forcing question: true or false}")
    materiality = models.PositiveSmallIntegerField()
    inherent = models.PositiveSmallIntegerField()
    computed_tier = models.PositiveSmallIntegerField(choices=MLModel.Tier)
    forced = models.JSONField(default=list, help_text="What puts it in its tier whatever the matrix says.")
    override_tier = models.PositiveSmallIntegerField(choices=MLModel.Tier, null=True, blank=True)
    reason = models.TextField(blank=True, help_text="Why; needed for an override.")
    matrix_version = models.PositiveIntegerField()
    matrix_sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State, default=State.PROPOSED)
    rated_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    rated_at = models.DateTimeField(default=timezone.now)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, blank=True, help_text="Second person."
    )
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_note = models.TextField(blank=True)

    objects = TierRatingQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["rated_at"], name="ratings_proposed", condition=Q(state="proposed"))]
        constraints = [
            models.UniqueConstraint(fields=["model"], condition=Q(state="proposed"), name="one_proposed_rating"),
            models.UniqueConstraint(fields=["model"], condition=Q(state="confirmed"), name="one_confirmed_rating"),
        ]

    def __str__(self) -> str:
        return f"Rating {self.pk} of {self.model}: tier {self.tier}"

    @property
    def tier(self) -> int:
        """What it says in the end."""
        return self.override_tier or self.computed_tier
