"""What the registry's actions are given over the API. The rules on it are the actions'; here is only its form."""

from django.contrib.auth import get_user_model
from rest_framework import serializers

from registry import contexts
from registry.models import Column, MLModel, Relation


def read(view, kind: type[serializers.Serializer]) -> dict:
    """What the request gives, in the form that the action takes. Raises ValidationError."""
    form = kind(data=view.request.data, context=view.get_serializer_context())
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


class ContextSerializer(serializers.Serializer):
    """What a model is used for. What is left out stays."""

    purpose = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="What decisions it serves, for whom, and what it must not be used for.",
    )
    use_case = serializers.ChoiceField(choices=list(contexts.use_cases().items()), required=False, allow_blank=True)
    legal_contexts = serializers.ListField(
        child=serializers.ChoiceField(choices=list(contexts.legal_contexts().items())),
        required=False,
        help_text="Which laws look at that use: the policy and the battery go by them.",
    )


class NewModelSerializer(ContextSerializer):
    name = serializers.CharField(max_length=120)
    domain = serializers.CharField(max_length=80, required=False, allow_blank=True)
    tier = serializers.ChoiceField(choices=MLModel.Tier.choices, required=False)
    developers = serializers.SlugRelatedField(
        slug_field="username",
        queryset=get_user_model().objects.filter(is_active=True),
        many=True,
        required=False,
        help_text="Usernames of those who build it; they may not judge it.",
    )


class NewDatasetSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=120)
    description = serializers.CharField(required=False, allow_blank=True)


class UploadedFile(serializers.FileField):
    """A file, streamed to disk. An empty one reaches the action, which says more about it than the form could."""

    def __init__(self, **kwargs) -> None:
        super().__init__(allow_empty_file=True, max_length=255, **kwargs)


class NewVersionSerializer(serializers.Serializer):
    file = UploadedFile(help_text="A fitted model, in one of the formats that the upload page names.")
    notes = serializers.CharField(required=False, allow_blank=True)


class NewDatasetVersionSerializer(serializers.Serializer):
    file = UploadedFile(help_text="CSV, Parquet, or a DataFrame written by joblib.")
    target = serializers.CharField(
        max_length=255, required=False, help_text="The column to predict; guessed if absent."
    )
    favourable = serializers.CharField(
        max_length=200, required=False, help_text="The label of the target that people want; guessed if absent."
    )


class EditedColumnSerializer(serializers.Serializer):
    """Names a column; what is left out stays as it is."""

    name = serializers.CharField(max_length=255, trim_whitespace=False)
    role = serializers.ChoiceField(choices=Column.Role.choices, required=False)
    kind = serializers.ChoiceField(choices=Column.Kind.choices, required=False)
    mutable = serializers.ChoiceField(choices=Column.Mutable.choices, required=False)
    minimum = serializers.FloatField(required=False, allow_null=True)
    maximum = serializers.FloatField(required=False, allow_null=True)
    integer = serializers.BooleanField(required=False)
    swap_price = serializers.FloatField(
        required=False, min_value=0, help_text="Of another category; 1 is what a number's whole range costs."
    )


class EditedColumnsSerializer(serializers.Serializer):
    columns = EditedColumnSerializer(many=True, max_length=5000)
    favourable = serializers.CharField(max_length=200, required=False, allow_blank=True)


class NewWaiverSerializer(serializers.Serializer):
    imports_sha256 = serializers.RegexField(
        "^[0-9a-f]{64}$", help_text="Of the scan that you read: the waiver is for exactly these imports."
    )
    reason = serializers.CharField(help_text="Why this file is needed, and what you looked at.")
    compensating_control = serializers.CharField(help_text="What keeps the risk small while it holds.")
    valid_until = serializers.DateField(help_text="The last day on which it holds.")


class RevocationSerializer(serializers.Serializer):
    reason = serializers.CharField()


class JudgedRelationSerializer(serializers.Serializer):
    """Names a relation by its text; a new one is counted on the data first."""

    text = serializers.CharField(max_length=4000, help_text="For example: open_accounts <= total_accounts.")
    state = serializers.ChoiceField(choices=Relation.State.choices, default=Relation.State.CONFIRMED)
