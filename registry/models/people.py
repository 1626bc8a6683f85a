"""Who has which role, and who has which part in which model. Rows are ended, never removed: the past is asked later."""

from datetime import datetime
from typing import Self

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from registry import access
from registry.changes import RecordedQuerySet


class RoleGrantQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        """Whoever has a role sees who else has one; who has none sees what they asked for."""
        if access.roles_of(user) or getattr(user, "is_superuser", False):
            return self
        return self.filter(Q(user=user) | Q(requested_by=user))

    def in_force(self, at: datetime | None = None) -> Self:
        """Those that hold at a moment (an aware datetime; now where None)."""
        at = at or timezone.now()
        return self.filter(Q(ended_at__isnull=True) | Q(ended_at__gt=at), granted_at__lte=at)


class RoleGrant(models.Model):
    """A role that one person asked for and another granted: four eyes (guard G11). In force from `granted_at` to
    `ended_at`."""

    class State(models.TextChoices):
        REQUESTED = "requested", "waits for a second person"
        IN_FORCE = "in_force", "in force"
        REFUSED = "refused", "refused"
        ENDED = "ended", "ended"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="role_grants")
    role = models.CharField(max_length=30, choices=access.ROLE_CHOICES)
    state = models.CharField(max_length=10, choices=State, default=State.REQUESTED)
    reason = models.TextField(blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now)
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="Or who refused.",
    )
    granted_at = models.DateTimeField(null=True, blank=True, help_text="In force from then on.")
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = RoleGrantQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["user", "role"], name="grants_of_user")]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role"],
                condition=models.Q(state__in=["requested", "in_force"]),
                name="one_open_grant_per_role",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} for {self.user}"


class ServiceAccountQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        if access.roles_of(user) or getattr(user, "is_superuser", False):
            return self
        return self.filter(owner=user)


class ServiceAccount(models.Model):
    """An account of a pipeline, and the person who answers for it. It acts by tokens that its owner makes; it never
    signs in, and decides nothing."""

    account = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, related_name="service_account")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="service_accounts")
    purpose = models.TextField()
    made_at = models.DateTimeField(default=timezone.now)

    objects = ServiceAccountQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.account}, service account of {self.owner}"


class AssignmentQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        """Whoever sees the model sees its people."""
        return self.filter(model__in=apps.get_model("registry", "MLModel").objects.visible_to(user))

    def in_force(self, at: datetime | None = None) -> Self:
        at = at or timezone.now()
        return self.filter(Q(until__isnull=True) | Q(until__gt=at), since__lte=at)


class Assignment(models.Model):
    """The part of a person in one model, from `since` to `until`. The lineage's people are all rows, ended ones too
    (guard G1)."""

    class Part(models.TextChoices):
        OWNER = "owner", "owner"
        DEVELOPER = "developer", "developer"
        VALIDATOR = "validator", "validator"
        USER = "user", "user of its outputs"

    model = models.ForeignKey("registry.MLModel", models.PROTECT, related_name="assignments")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="assignments")
    part = models.CharField(max_length=10, choices=Part)
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True, blank=True)
    assigned_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, blank=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["model", "part"], name="assignments_of_model")]
        constraints = [
            models.UniqueConstraint(
                fields=["model", "user", "part"], condition=models.Q(until__isnull=True), name="one_open_assignment"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.get_part_display()} of {self.model}"
