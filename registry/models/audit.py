"""What happened, who did it, to what. Written by actions, in the same transaction as the act; never changed."""

from django.conf import settings
from django.db import models

from registry.querysets import AuditEventQuerySet


class AuditEvent(models.Model):
    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    actor_name = models.CharField(max_length=150, help_text="As it was then.")
    action = models.CharField(max_length=60, help_text="For example version.upload")
    refused = models.BooleanField(default=False)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=40, blank=True)
    object_label = models.CharField(max_length=255)
    summary = models.CharField(max_length=500)
    detail = models.JSONField(default=dict)
    request_id = models.CharField(max_length=40, blank=True)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["object_type", "object_id", "-id"], name="audit_by_object")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor_name}: {self.summary}"
