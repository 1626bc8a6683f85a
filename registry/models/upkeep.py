"""What keeps an approval true: triggers of a revalidation, attestations, notes on what a version changes."""

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from registry.changes import RecordedQuerySet
from registry.models.approval import Decision
from registry.models.ml_model import ModelVersion

USER = settings.AUTH_USER_MODEL


class OfVersionQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        """Whoever sees the version."""
        return self.filter(version__in=ModelVersion.objects.visible_to(user))


class RevalidationTriggerQuerySet(OfVersionQuerySet):
    def open(self):
        """Those that no approval since then has answered."""
        answers = Decision.objects.exclude(outcome=Decision.Outcome.REJECT).filter(
            request__version=OuterRef("version"), decided_at__gt=OuterRef("raised_at")
        )
        return self.filter(closed_at__isnull=True).exclude(Exists(answers))


class RevalidationTrigger(models.Model):
    """Why a version must be validated again before its time. Only a new decision closes it."""

    class Kind(models.TextChoices):
        DRIFT = "data_drift", "the data drifted"
        PERFORMANCE = "performance", "performance fell"
        INCIDENT = "incident", "incident"
        NEW_USE = "new_use", "new use"
        POLICY = "policy_change", "the policy changed"
        FINDING = "overdue_finding", "a finding is overdue"
        ARTEFACT = "changed_artefact", "the stored file changed"
        ATTESTATION = "attestation", "the owner could not attest"
        CADENCE = "cadence", "its time has come"

    BY_PERSONS = (Kind.INCIDENT, Kind.NEW_USE, Kind.DRIFT, Kind.PERFORMANCE)

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="triggers")
    kind = models.CharField(max_length=20, choices=Kind)
    reason = models.TextField()
    key = models.CharField(max_length=100, blank=True, help_text="What a job raised it for: never twice for the same.")
    raised_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    raised_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    decision = models.ForeignKey(Decision, models.PROTECT, related_name="triggers", null=True, blank=True)

    objects = RevalidationTriggerQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "revalidation trigger"
        constraints = [
            models.UniqueConstraint(fields=["version", "kind", "key"], condition=~Q(key=""), name="one_trigger_per_key")
        ]

    def __str__(self) -> str:
        return f"Trigger {self.pk}"


class Attestation(models.Model):
    """The owner's word, from time to time, that what was approved is still what is used. Never changed."""

    class Fact(models.TextChoices):
        PURPOSE = "purpose", "The purpose is still the one that was approved"
        USERS = "users", "The users are still those it was approved for"
        DATA = "data", "The data it gets is still of the kind it was validated on"
        OWNER = "owner", "I am still its owner, and its developers are those on record"
        MONITORING = "monitoring", "It is monitored as planned"

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="attestations")
    answers = models.JSONField(help_text="{fact: {holds: true or false, note}}")
    due = models.DateField(null=True, blank=True, help_text="The day for which it was due.")
    attested_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    attested_at = models.DateTimeField(default=timezone.now)

    objects = OfVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Attestation {self.pk}"

    @property
    def holds(self) -> bool:
        return all(answer["holds"] for answer in self.answers.values())

    @property
    def rows(self) -> list[tuple[str, bool, str]]:
        """(fact in words, whether it holds, note)"""
        facts = dict(self.Fact.choices)
        return [(facts.get(key, key), answer["holds"], answer["note"]) for key, answer in self.answers.items()]


class ChangeNote(models.Model):
    """What a version changes against the one before it, and how much that matters. The newest one counts."""

    class Weight(models.TextChoices):
        MINOR = "minor", "minor"
        MATERIAL = "material", "material"
        EMERGENCY = "emergency", "emergency"

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="change_notes")
    weight = models.CharField(max_length=10, choices=Weight)
    reason = models.TextField()
    made_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)

    objects = OfVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Change note {self.pk}"
