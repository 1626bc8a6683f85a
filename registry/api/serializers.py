"""The registry's rows as JSON.

A list holds short rows: what costs a question per row (`available_actions`), or much room, is in the whole object, at
its `url`.
"""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from registry import access
from registry.api.offers import AvailableActions
from registry.models import ApprovalRequest, Column, Dataset, DatasetVersion, Decision, MLModel, ModelVersion, Relation


class LinkSerializer(serializers.Serializer):
    """Another object: enough to show it and to go there."""

    id = serializers.IntegerField()
    label = serializers.CharField()
    url = serializers.URLField()


@extend_schema_field(LinkSerializer)
class Link(serializers.HyperlinkedRelatedField):
    """A related row as {id, label, url}."""

    def __init__(self, **kwargs) -> None:
        super().__init__(view_name=f"api:{kwargs.pop('route')}", read_only=True, **kwargs)

    def use_pk_only_optimization(self) -> bool:
        return False

    def to_representation(self, value) -> dict:
        return {"id": value.pk, "label": str(value), "url": super().to_representation(value)}


def username(**kwargs) -> serializers.SlugRelatedField:
    return serializers.SlugRelatedField(slug_field="username", read_only=True, **kwargs)


class ModelSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:model-detail")
    versions_url = serializers.HyperlinkedIdentityField(view_name="api:model-versions")
    owner = username()
    developers = username(many=True)
    legal_contexts = serializers.ListField(child=serializers.CharField(), read_only=True)
    available_actions = AvailableActions()

    class Meta:
        model = MLModel
        fields = [
            "id",
            "url",
            "name",
            "slug",
            "purpose",
            "domain",
            "use_case",
            "legal_contexts",
            "tier",
            "owner",
            "developers",
            "created_at",
            "versions_url",
            "available_actions",
        ]


class ModelRowSerializer(ModelSerializer):
    """As it stands in a list."""

    class Meta(ModelSerializer.Meta):
        fields = [name for name in ModelSerializer.Meta.fields if name not in {"available_actions"}]


class VersionSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:version-detail")
    model = Link(route="model-detail")
    sha256 = serializers.CharField(source="artifact.sha256", read_only=True)
    size = serializers.IntegerField(source="artifact.size", read_only=True, help_text="bytes")
    file_url = serializers.HyperlinkedIdentityField(view_name="api:version-file")
    artifact = Link(route="artifact-detail")
    gate = serializers.SerializerMethodField(help_text="Whether its file may be run now.")
    gate_reason = serializers.SerializerMethodField(help_text="Why not, and what to do; empty where it may.")
    estimator = serializers.DictField(
        read_only=True, help_text="What the sandbox read of it; empty until the gate lets the file be loaded."
    )
    created_by = username()
    available_actions = AvailableActions()

    class Meta:
        model = ModelVersion
        fields = [
            "id",
            "url",
            "model",
            "number",
            "sha256",
            "size",
            "format",
            "original_name",
            "file_url",
            "artifact",
            "gate",
            "gate_reason",
            "estimator",
            "notes",
            "approval_status",
            "revalidation",
            "use_status",
            "created_by",
            "created_at",
            "available_actions",
        ]

    @extend_schema_field(serializers.ChoiceField(choices=ModelVersion.Gate.choices))
    def get_gate(self, version: ModelVersion) -> str:
        return getattr(version, "gate_now", None) or version.gate

    def get_gate_reason(self, version: ModelVersion) -> str:
        return str(access.not_admitted(version) or "")


class VersionRowSerializer(VersionSerializer):
    """As it stands in a list."""

    class Meta(VersionSerializer.Meta):
        fields = [
            name
            for name in VersionSerializer.Meta.fields
            if name not in {"estimator", "gate_reason", "available_actions"}
        ]


class DatasetSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:dataset-detail")
    versions_url = serializers.HyperlinkedIdentityField(view_name="api:dataset-versions")
    owner = username()
    available_actions = AvailableActions()

    class Meta:
        model = Dataset
        fields = [
            "id",
            "url",
            "name",
            "slug",
            "description",
            "owner",
            "created_at",
            "versions_url",
            "available_actions",
        ]


class DatasetRowSerializer(DatasetSerializer):
    """As it stands in a list."""

    class Meta(DatasetSerializer.Meta):
        fields = [name for name in DatasetSerializer.Meta.fields if name not in {"available_actions"}]


class ColumnSerializer(serializers.ModelSerializer):
    profile = serializers.DictField(read_only=True, help_text="{dtype, missing, distinct, min, max, mean, std, top}")

    class Meta:
        model = Column
        fields = [
            "position",
            "name",
            "role",
            "kind",
            "mutable",
            "minimum",
            "maximum",
            "integer",
            "swap_price",
            "profile",
        ]


class RelationSerializer(serializers.ModelSerializer):
    class Meta:
        model = Relation
        fields = ["text", "state", "why", "rows", "broken"]


class DatasetVersionSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:dataset-version-detail")
    dataset = Link(route="dataset-detail")
    sha256 = serializers.CharField(source="artifact.sha256", read_only=True)
    size = serializers.IntegerField(source="artifact.size", read_only=True, help_text="bytes")
    file_url = serializers.HyperlinkedIdentityField(view_name="api:dataset-version-file")
    target = serializers.CharField(source="target.name", read_only=True, default=None, allow_null=True)
    columns = ColumnSerializer(many=True, read_only=True)
    relations = RelationSerializer(many=True, read_only=True)
    created_by = username()
    available_actions = AvailableActions()

    class Meta:
        model = DatasetVersion
        fields = [
            "id",
            "url",
            "dataset",
            "number",
            "sha256",
            "size",
            "format",
            "original_name",
            "file_url",
            "rows",
            "target",
            "favourable",
            "created_by",
            "created_at",
            "columns",
            "relations",
            "available_actions",
        ]


class DatasetVersionRowSerializer(DatasetVersionSerializer):
    """As it stands in a list."""

    class Meta(DatasetVersionSerializer.Meta):
        fields = [
            name
            for name in DatasetVersionSerializer.Meta.fields
            if name not in {"target", "columns", "relations", "available_actions"}
        ]


class EvidenceSerializer(serializers.Serializer):
    """One thing that a decision rests on, bound by hash."""

    kind = serializers.CharField()
    id = serializers.IntegerField()
    label = serializers.CharField()
    sha256 = serializers.CharField()
    summary = serializers.DictField()


class ApprovalRequestSerializer(serializers.ModelSerializer):
    version = Link(route="version-detail")
    requested_by = username()
    evidence = EvidenceSerializer(many=True, read_only=True)

    class Meta:
        model = ApprovalRequest
        fields = ["id", "version", "requested_by", "requested_at", "note", "evidence", "closed_at"]


class DecisionSerializer(serializers.ModelSerializer):
    request = ApprovalRequestSerializer(read_only=True)
    decided_by = username()

    class Meta:
        model = Decision
        fields = ["id", "request", "outcome", "note", "valid_until", "decided_by", "decided_at"]


class BlockerSerializer(serializers.Serializer):
    code = serializers.CharField(source="id", help_text="For programs.")
    message = serializers.CharField()
    hint = serializers.CharField(help_text="What to do about it.")


class ClearanceSerializer(serializers.Serializer):
    """Whether a version may be deployed at this moment."""

    allowed = serializers.BooleanField()
    version = Link(route="version-detail")
    sha256 = serializers.CharField(help_text="The file that the version is.")
    reasons = BlockerSerializer(many=True, help_text="Why not; empty where it may.")
    decision = DecisionSerializer(allow_null=True, help_text="The newest decision on the version.")
    checked_at = serializers.DateTimeField()
