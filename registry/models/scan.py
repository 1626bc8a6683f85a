"""What the gate read in a model file, and the waivers for files that it lets in only on a person's word."""

import hashlib
import json
from datetime import date, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from registry.models.artifact import Artifact
from registry.querysets import ScanQuerySet, WaiverQuerySet


class Scan(models.Model):
    """One reading of a model file without running it. Written once; a changed allow-list gives a new one."""

    class Verdict(models.TextChoices):
        ALLOWED = "allowed", "allowed"
        NEEDS_WAIVER = "needs_waiver", "needs a waiver"
        REFUSED = "refused", "refused"

    artifact = models.ForeignKey(Artifact, models.PROTECT, related_name="scans")
    version = models.ForeignKey(
        "registry.ModelVersion",
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="For which it was made: other models may be the same file. None: for all of them.",
    )
    format = models.CharField(max_length=20)
    verdict = models.CharField(max_length=20, choices=Verdict)
    imports_sha256 = models.CharField(max_length=64, help_text="Of the exact list of imports and their uses.")
    allow_list = models.CharField(max_length=500, blank=True)
    allow_list_sha256 = models.CharField(max_length=64, blank=True)
    document = models.JSONField(help_text="The whole of modelrisk.scan/1.")
    scanned_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    scanned_at = models.DateTimeField(auto_now_add=True)

    objects = ScanQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Scan {self.pk} of {self.artifact}"

    @property
    def imports(self) -> list[list]:
        """[[name, [use, …]], …]: what a waiver is bound to."""
        return [[found["name"], sorted(found["uses"])] for found in self.document["imports"]]

    @property
    def atlas(self) -> list[str]:
        """The ids of MITRE ATLAS that its reasons name."""
        return sorted({each for reason in self.document["reasons"] for each in reason["atlas"]})

    @property
    def digest(self) -> str:
        """SHA-256 of the document as canonical JSON."""
        told = json.dumps(self.document, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(told.encode()).hexdigest()


class Waiver(models.Model):
    """A security officer's word that one file may run in spite of what it imports, until a day, under a control.

    It holds for exactly these bytes with exactly these imports. Written once, then perhaps revoked.
    """

    class State(models.TextChoices):
        IN_FORCE = "in_force", "in force"
        EXPIRED = "expired", "expired"
        REVOKED = "revoked", "revoked"

    artifact = models.ForeignKey(Artifact, models.PROTECT, related_name="waivers")
    sha256 = models.CharField(max_length=64, help_text="The file's, as the officer saw it.")
    imports_sha256 = models.CharField(max_length=64)
    imports = models.JSONField(help_text="The exact list: [[name, [use, …]], …]")
    reason = models.TextField()
    compensating_control = models.TextField(help_text="What keeps the risk small while it holds.")
    granted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    granted_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_reason = models.TextField(blank=True)

    objects = WaiverQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Waiver {self.pk} for {self.artifact}"

    @property
    def last_day(self) -> date:
        """The last day on which it holds, or would have held."""
        return (self.expires_at - timedelta(microseconds=1)).date()

    @property
    def state(self) -> str:
        if self.revoked_at is not None:
            return self.State.REVOKED
        return self.State.EXPIRED if self.expires_at <= timezone.now() else self.State.IN_FORCE

    def get_state_display(self) -> str:
        return self.State(self.state).label

    def is_visible_to(self, user) -> bool:
        return Waiver.objects.visible_to(user).filter(pk=self.pk).exists()
