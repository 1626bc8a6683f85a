"""What people and other systems are told, once each, and what became of the telling. None of it decides anything."""

import hashlib
import hmac

from django.conf import settings
from django.db import models
from django.utils import timezone

from registry import access
from registry.changes import RecordedQuerySet


class NotificationQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        """One's own, whatever one's role."""
        return self.filter(recipient=user)

    def unread(self):
        return self.filter(read_at__isnull=True)


class Notification(models.Model):
    """One thing that one person is told. The same key never tells the same person twice."""

    audited = False  # the act that it tells of is in the audit trail
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notifications")
    key = models.CharField(max_length=200, help_text="What happened, and to what: case.submitted:17")
    subject = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    url = models.CharField(max_length=500, blank=True, help_text="Of the page about it, from the root.")
    made_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["recipient", "-id"], name="notifications_of_person"),
            models.Index(fields=["recipient"], name="unread_of_person", condition=models.Q(read_at__isnull=True)),
        ]
        constraints = [models.UniqueConstraint(fields=["recipient", "key"], name="told_once")]

    def __str__(self) -> str:
        return self.subject

    @property
    def event(self) -> str:
        """The kind of thing that happened."""
        return self.key.partition(":")[0]


class WebhookQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        """Those who keep them."""
        return self if access.ADMIN in access.roles_of(user) else self.none()


class Webhook(models.Model):
    """An address of another system that is told of events."""

    unaudited_fields = frozenset({"nonce"})
    name = models.CharField(max_length=80, unique=True)
    url = models.URLField(max_length=500)
    nonce = models.CharField(max_length=64, help_text="The secret is made of this and the installation's key.")
    events = models.JSONField(default=list, help_text="Of which kinds; an empty list: of all.")
    active = models.BooleanField(default=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def secret(self) -> str:
        """What its signatures are made with. Not in the database: who steals that can sign nothing."""
        key = settings.SECRET_KEY.encode()
        return hmac.new(key, f"modelrisk webhook {self.nonce}".encode(), hashlib.sha256).hexdigest()

    def wants(self, event: str) -> bool:
        return self.active and (not self.events or event in self.events)


class Delivery(models.Model):
    """One telling on one way out, and how it went: an e-mail of a notification, or a call of a webhook."""

    audited = False

    class State(models.TextChoices):
        PENDING = "pending", "pending"
        SENT = "sent", "sent"
        FAILED = "failed", "failed"

    notification = models.ForeignKey(Notification, models.CASCADE, related_name="deliveries", null=True, blank=True)
    webhook = models.ForeignKey(Webhook, models.PROTECT, related_name="deliveries", null=True, blank=True)
    key = models.CharField(max_length=200)
    payload = models.JSONField(default=dict, help_text="What a webhook is sent.")
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    answer = models.CharField(max_length=300, blank=True, help_text="What came back last, or why nothing did.")
    made_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = RecordedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(fields=["next_try_at"], name="deliveries_due", condition=models.Q(state="pending")),
            models.Index(fields=["webhook", "-id"], name="deliveries_of_webhook"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["webhook", "key"], name="webhook_told_once"),
            models.UniqueConstraint(fields=["notification"], name="mailed_once"),
        ]

    def __str__(self) -> str:
        return f"{self.key} to {self.webhook or self.notification}"

    @property
    def channel(self) -> str:
        return "webhook" if self.webhook_id else "e-mail"
