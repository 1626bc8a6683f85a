"""What the steps of a case, and of a use, are given over the API."""

from django.contrib.auth import get_user_model
from rest_framework import serializers

from registry.models import Condition, Vote


class Person(serializers.SlugRelatedField):
    """Somebody by username."""

    def __init__(self, **kwargs) -> None:
        super().__init__(slug_field="username", queryset=get_user_model().objects.filter(is_active=True), **kwargs)


class SubmissionSerializer(serializers.Serializer):
    note = serializers.CharField(required=False, allow_blank=True, help_text="What to look at; the answer to each gap.")


class AssignmentOfValidatorSerializer(serializers.Serializer):
    validator = Person(help_text="Username; somebody without a part in building it.")
    scope = serializers.CharField(help_text="What is validated, and what is not.")


class StepReasonSerializer(serializers.Serializer):
    reason = serializers.CharField(help_text="Recorded with your name.")


class ReportSerializer(serializers.Serializer):
    report = serializers.CharField(help_text="The opinion, and the reasons for it.")


class NewConditionSerializer(serializers.Serializer):
    text = serializers.CharField(help_text="What must be done, so that somebody else can tell whether it was.")
    owner = Person(help_text="Username of who answers for it.")
    due = serializers.DateField(help_text="The day after, it is breached, and the use suspended.")
    check_method = serializers.ChoiceField(choices=Condition.Check.choices)
    criterion = serializers.DictField(required=False, help_text="{test, metric, group}, with the method criterion.")


class NewVoteSerializer(serializers.Serializer):
    outcome = serializers.ChoiceField(choices=Vote.Outcome.choices)
    comment = serializers.CharField(help_text="Why; it is kept with the vote.")
    conditions = NewConditionSerializer(many=True, required=False)
    valid_until = serializers.DateField(
        required=False, allow_null=True, help_text="Default: as long as the tier allows."
    )
    seen = serializers.CharField(help_text="SHA-256 of the dossier that you read; another one by now is a conflict.")


class NewDeploymentSerializer(serializers.Serializer):
    sha256 = serializers.RegexField("^[0-9A-Fa-f]{64}$", help_text="Of the file in your hands.")
    environment = serializers.CharField(max_length=120, help_text="Where it runs, for example production.")
    restrictions = serializers.CharField(
        required=False, allow_blank=True, help_text="What its users must respect, as they acknowledged it."
    )


class DecommissioningSerializer(StepReasonSerializer):
    replacement = serializers.CharField(required=False, allow_blank=True, help_text="What takes its place.")


class RetirementSerializer(StepReasonSerializer):
    archive = serializers.CharField(help_text="Where its records are kept.")
    retain_until = serializers.DateField(required=False, allow_null=True)
