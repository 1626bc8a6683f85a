"""The validation and approval case of a version: submission, dossier, votes, decision, and what follows from it.

Rows are written once, but for the fields that say how a case, a condition or a use stands.
"""

from django.conf import settings
from django.db import models
from django.utils import timezone

from registry.changes import RecordedQuerySet
from registry.models.ml_model import MLModel, ModelVersion
from registry.querysets import OfCaseQuerySet

USER = settings.AUTH_USER_MODEL


class ApprovalRequest(models.Model):
    """One case: a version put to validation and decision, from its submission to its end."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="approval_requests")
    requested_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(auto_now_add=True)
    note = models.TextField(blank=True)
    tier = models.PositiveSmallIntegerField(choices=MLModel.Tier, default=MLModel.Tier.TWO, help_text="At submission.")
    validator = models.ForeignKey(
        USER, models.PROTECT, related_name="+", null=True, blank=True, help_text="The lead validator."
    )
    scope = models.TextField(blank=True, help_text="What is validated, and what is not.")
    report = models.TextField(blank=True, help_text="The validator's opinion and the reasons for it.")
    validated_by = models.ForeignKey(USER, models.PROTECT, related_name="+", null=True, blank=True)
    validated_at = models.DateTimeField(null=True, blank=True)
    evidence = models.JSONField(default=list, help_text="What the gates gave: [{kind, id, label, sha256, summary}]")
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = RecordedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["version"], condition=models.Q(closed_at__isnull=True), name="one_open_request_per_version"
            )
        ]

    def __str__(self) -> str:
        return f"Approval request {self.pk}: {self.version}"


class Dossier(models.Model):
    """What the deciders sign: frozen, with a hash over all of it. A change of what it rests on makes a new revision."""

    request = models.ForeignKey(ApprovalRequest, models.PROTECT, related_name="dossiers")
    revision = models.PositiveIntegerField()
    document = models.JSONField(help_text="modelrisk.dossier/1: model, data, policy, results, findings, documentation.")
    sha256 = models.CharField(max_length=64, help_text="Over the document as canonical JSON.")
    frozen_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    frozen_at = models.DateTimeField(auto_now_add=True)
    replaced_at = models.DateTimeField(null=True, blank=True)
    replaced_because = models.TextField(blank=True)

    objects = OfCaseQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["request", "revision"], name="one_revision_of_a_dossier")]

    def __str__(self) -> str:
        return f"Dossier {self.pk}, revision {self.revision}"


class Vote(models.Model):
    """One person's signature under one revision of a dossier."""

    class Outcome(models.TextChoices):
        APPROVE = "approve", "Approve"
        CONDITIONS = "approve_with_conditions", "Approve with conditions"
        REJECT = "reject", "Reject"
        RETURN = "return", "Return"

    dossier = models.ForeignKey(Dossier, models.PROTECT, related_name="votes")
    voter = models.ForeignKey(USER, models.PROTECT, related_name="+")
    role = models.CharField(max_length=30, help_text="In which the vote was cast.")
    grant = models.ForeignKey("registry.RoleGrant", models.PROTECT, related_name="+", null=True, blank=True)
    outcome = models.CharField(max_length=30, choices=Outcome)
    comment = models.TextField()
    conditions = models.JSONField(default=list, help_text="[{text, owner, due, check}]")
    valid_until = models.DateField(null=True, blank=True)
    conflict_check = models.JSONField(default=dict, help_text="Who was compared with whom, and what came of it.")
    authenticated_at = models.DateTimeField(null=True, blank=True, help_text="When they last gave their password.")
    cast_at = models.DateTimeField(default=timezone.now)
    cleared_at = models.DateTimeField(null=True, blank=True, help_text="Void: a new revision replaced what it signed.")

    objects = RecordedQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["dossier", "voter"], name="one_vote_a_person")]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()} by {self.voter}"


class Decision(models.Model):
    """What was decided on a case, on which dossier, by whose votes. Never changed."""

    class Outcome(models.TextChoices):
        APPROVE = "approve", "Approve"
        CONDITIONS = "approve_with_conditions", "Approve with conditions"
        REJECT = "reject", "Reject"

    request = models.OneToOneField(ApprovalRequest, models.PROTECT, related_name="decision")
    dossier = models.OneToOneField(Dossier, models.PROTECT, related_name="decision", null=True, blank=True)
    outcome = models.CharField(max_length=30, choices=Outcome)
    note = models.TextField()
    valid_until = models.DateField(null=True, blank=True)
    quorum = models.JSONField(default=dict, help_text="What the tier asked for, and who filled which place.")
    decided_by = models.ForeignKey(USER, models.PROTECT, related_name="+", help_text="Who cast the deciding vote.")
    decided_at = models.DateTimeField(auto_now_add=True)

    objects = OfCaseQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()}: {self.request.version}"


class ConditionQuerySet(RecordedQuerySet):
    def visible_to(self, user):
        """Whoever sees the version, and whoever has to meet it."""
        seen = models.Q(decision__request__version__in=ModelVersion.objects.visible_to(user))
        return self.filter(seen | models.Q(owner=user))

    def overdue(self, at=None):
        return self.exclude(state="satisfied").filter(due__lt=at or timezone.localdate())


class Condition(models.Model):
    """A measurable obligation under which an approval holds (guard G7). Breached, it suspends the use."""

    class State(models.TextChoices):
        OPEN = "open", "open"
        SUBMITTED = "evidence_submitted", "evidence submitted"
        SATISFIED = "satisfied", "satisfied"
        BREACHED = "breached", "breached"

    class Check(models.TextChoices):
        PERSON = "person", "a person of the validating side looks at the evidence"
        CRITERION = "criterion", "a criterion of the policy passes in an assessment made since"

    decision = models.ForeignKey(Decision, models.PROTECT, related_name="conditions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    owner = models.ForeignKey(USER, models.PROTECT, related_name="conditions_to_meet")
    due = models.DateField()
    check_method = models.CharField(max_length=10, choices=Check, default=Check.PERSON)
    criterion = models.JSONField(default=dict, help_text="{test, metric, group}: with the method criterion.")
    state = models.CharField(max_length=20, choices=State, default=State.OPEN)
    evidence = models.TextField(blank=True)
    settled_by = models.ForeignKey(USER, models.PROTECT, related_name="+", null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    objects = ConditionQuerySet.as_manager()

    class Meta:
        ordering = ["decision", "number"]
        indexes = [models.Index(fields=["state", "due"], name="condition_by_due")]
        constraints = [models.UniqueConstraint(fields=["decision", "number"], name="one_number_per_condition")]

    def __str__(self) -> str:
        return f"Condition C-{self.number} of decision {self.decision_id}"


class Deployment(models.Model):
    """The use of one version, from the day its owner put it there (guard G9: the deployed hash is the approved one)."""

    version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="deployments")
    sha256 = models.CharField(max_length=64)
    environment = models.CharField(max_length=120, help_text="Where it runs, for example production.")
    restrictions = models.TextField(blank=True, help_text="What users must respect, as they acknowledged it.")
    deployed_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    deployed_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = RecordedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.version} in {self.environment}"
