"""What happened, who did it, to what; and what makes a later change of it visible. Rows are only ever added.

The database refuses UPDATE and DELETE on each of these tables but `AuditCheck` (registry/audit/triggers.py).
"""

from django.conf import settings
from django.db import models

from registry.querysets import AuditEventQuerySet


class AuditEvent(models.Model):
    """One act, or one refused attempt. Written by actions, in the same transaction as the act."""

    audited = False
    at = models.DateTimeField(auto_now_add=True, help_text="By the clock of the server, UTC.")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    actor_name = models.CharField(max_length=150, help_text="As it was then.")
    action = models.CharField(max_length=60, help_text="For example version.upload")
    refused = models.BooleanField(default=False)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=40, blank=True)
    object_label = models.CharField(max_length=255)
    summary = models.CharField(max_length=500)
    detail = models.JSONField(default=dict)
    changes = models.JSONField(
        default=list,
        help_text="Each row that the act made, changed or removed: "
        "[{type, id, label, change, fields: {name: [before, after]}}]",
    )
    request_id = models.CharField(max_length=40, blank=True, help_text="The same for all that one request or job did.")
    session = models.CharField(max_length=60, blank=True, help_text="How the person was signed in; never the secret.")

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["object_type", "object_id", "-id"], name="audit_by_object"),
            models.Index(fields=["object_label", "-id"], name="audit_by_label"),
            models.Index(fields=["actor_name", "-id"], name="audit_by_actor"),
            models.Index(fields=["actor_name", "action", "-id"], name="audit_by_actor_and_action"),
            models.Index(fields=["action", "-id"], name="audit_by_action"),
            models.Index(fields=["request_id", "-id"], name="audit_by_request"),
            models.Index(fields=["-id"], name="audit_refused", condition=models.Q(refused=True)),
            models.Index(fields=["at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor_name}: {self.summary}"


class AuditMention(models.Model):
    """A row that an event changed beside the one it is about: the way from a row to all of its events.

    Made from the event's `changes`; verification compares the two.
    """

    audited = False
    event = models.ForeignKey(AuditEvent, models.PROTECT, related_name="mentions")
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=40)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["object_type", "object_id", "event"], name="audit_mention_of_object")]

    def __str__(self) -> str:
        return f"{self.object_type} {self.object_id} in event {self.event_id}"


class AuditSeal(models.Model):
    """A batch of events under one Merkle root, chained to the batch before."""

    audited = False
    number = models.BigIntegerField(primary_key=True, help_text="1, 2, 3, … without a gap.")
    first_serial = models.BigIntegerField(unique=True)
    last_serial = models.BigIntegerField(unique=True)
    first_event = models.BigIntegerField()
    last_event = models.BigIntegerField()
    count = models.IntegerField()
    root = models.CharField(max_length=64)
    previous = models.CharField(max_length=64, unique=True, help_text="Unique: the chain cannot fork.")
    at = models.CharField(max_length=27, help_text="UTC, as it is hashed.")
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"Seal {self.number}"


class AuditLeaf(models.Model):
    """The place of one event in the sealed log.

    An id is drawn when an event is written; what is rolled back leaves a gap, and of two transactions the later id may
    be there first. So the place is given by the sealer: `serial` has no gap.
    """

    audited = False
    serial = models.BigIntegerField(primary_key=True)
    seal = models.ForeignKey(AuditSeal, models.PROTECT, related_name="leaves")
    event = models.OneToOneField(AuditEvent, models.PROTECT, related_name="leaf")
    leaf = models.CharField(max_length=64)

    class Meta:
        ordering = ["serial"]

    def __str__(self) -> str:
        return f"{self.serial}: event {self.event_id}"


class AuditKey(models.Model):
    """A public key that checkpoints were signed with, from when on, and the word of the key before it."""

    audited = False
    key_id = models.CharField(max_length=16, unique=True)
    public_key = models.CharField(max_length=64, unique=True, help_text="Ed25519, in hex.")
    since = models.DateTimeField(auto_now_add=True)
    endorsed_by = models.CharField(max_length=16, blank=True, help_text="The key that signed this one.")
    endorsement = models.CharField(max_length=128, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.key_id


class AuditCheckpoint(models.Model):
    """A signed statement of where the log stood, and where it was put."""

    audited = False
    number = models.BigIntegerField(primary_key=True)
    seal = models.ForeignKey(AuditSeal, models.PROTECT, related_name="checkpoints")
    events = models.BigIntegerField(help_text="Sealed up to here.")
    at = models.DateTimeField(auto_now_add=True)
    key = models.ForeignKey(AuditKey, models.PROTECT, related_name="checkpoints")
    statement_sha256 = models.CharField(max_length=64, unique=True)
    signature = models.CharField(max_length=128)
    place = models.CharField(max_length=500, help_text="The folder or bucket.")

    class Meta:
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"Checkpoint {self.number}"

    @property
    def file_name(self) -> str:
        return f"checkpoint-{self.number:08d}.json"


class AuditCheck(models.Model):
    """One verification of the whole log: asked by whom, and what it found."""

    audited = False
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    holds = models.BooleanField(null=True, blank=True)
    report = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Verification {self.pk}"
