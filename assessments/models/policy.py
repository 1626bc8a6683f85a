"""What models are held to: limits in numbered versions, each drafted by one person and signed by two others.

A version is written by its drafter and by nobody else, and not at all once it was proposed.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from registry.changes import RecordedQuerySet

USER = settings.AUTH_USER_MODEL


class PolicyQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        """Everyone who is signed in: whoever is judged may know by what."""
        return self if getattr(user, "is_active", False) else self.none()


class Policy(models.Model):
    """A policy over its versions."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)

    objects = PolicyQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.name


class PolicyVersionQuerySet(PolicyQuerySet):
    def in_force(self, at=None):
        """The one that holds at a moment (an aware datetime; now where None), of each policy."""
        at = at or timezone.now()
        ended = Q(effective_to__isnull=True) | Q(effective_to__gt=at)
        return self.filter(ended, state=PolicyVersion.State.APPROVED, effective_from__lte=at, approved_at__lte=at)

    def open(self):
        """Those that are being written or wait for signatures."""
        return self.filter(state__in=[PolicyVersion.State.DRAFT, PolicyVersion.State.PROPOSED])


class PolicyVersion(models.Model):
    """One version: a document of criteria, and who answers for it, from when to when."""

    class State(models.TextChoices):
        DRAFT = "draft", "draft"
        PROPOSED = "proposed", "waits for signatures"
        APPROVED = "approved", "approved"
        REJECTED = "rejected", "rejected"
        WITHDRAWN = "withdrawn", "withdrawn"

    policy = models.ForeignKey(Policy, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    document = models.JSONField(help_text="{name, version, owner, notes, evidence_days, mandatory, criteria}")
    sha256 = models.CharField(max_length=64, help_text="Over the document as canonical JSON.")
    rationale = models.TextField(blank=True, help_text="Why it differs from the version before.")
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT, db_index=True)
    origin = models.CharField(max_length=80, blank=True, help_text="Where it came from, if no person drafted it.")
    drafted_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    drafted_at = models.DateTimeField(default=timezone.now)
    proposed_at = models.DateTimeField(null=True, blank=True)
    wanted_from = models.DateTimeField(null=True, blank=True, help_text="As proposed; at once where empty.")
    approved_at = models.DateTimeField(null=True, blank=True, help_text="When the last signature was given.")
    effective_from = models.DateTimeField(null=True, blank=True)
    effective_to = models.DateTimeField(null=True, blank=True, help_text="When the next became effective.")
    ended_by = models.ForeignKey(
        USER, models.PROTECT, related_name="+", null=True, blank=True, help_text="Who rejected or withdrew it."
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_because = models.TextField(blank=True)

    objects = PolicyVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-number", "-id"]
        indexes = [models.Index(fields=["state", "effective_from"], name="policy_in_force")]
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="one_number_per_policy_version"),
            models.UniqueConstraint(
                fields=["policy"], condition=Q(state__in=["draft", "proposed"]), name="one_open_version_per_policy"
            ),
            models.UniqueConstraint(
                fields=["policy"],
                condition=Q(state="approved", effective_to__isnull=True),
                name="one_last_version_per_policy",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy} version {self.number}"

    @property
    def sealed_document(self) -> dict:
        """As assessments keep it."""
        return {**self.document, "sha256": self.sha256}

    @property
    def is_in_force(self) -> bool:
        return self.was_in_force(timezone.now())

    def was_in_force(self, at) -> bool:
        """Approved by then, effective by then, and not yet replaced."""
        if self.state != self.State.APPROVED or self.approved_at > at or self.effective_from > at:
            return False
        return self.effective_to is None or self.effective_to > at


class PolicySignature(models.Model):
    """One person's approval of a proposed version. Never changed."""

    version = models.ForeignKey(PolicyVersion, models.PROTECT, related_name="signatures")
    signer = models.ForeignKey(USER, models.PROTECT, related_name="+")
    role = models.CharField(max_length=30, help_text="In which it was signed.")
    comment = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64, help_text="Of the document that was signed.")
    authenticated_at = models.DateTimeField(null=True, blank=True, help_text="When they last gave their password.")
    signed_at = models.DateTimeField(default=timezone.now)

    objects = RecordedQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["version", "signer"], name="one_signature_a_person")]

    def __str__(self) -> str:
        return f"{self.signer} for {self.version}"
