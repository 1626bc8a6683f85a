"""The shapes of the audit trail's answers."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from registry.api.reading import AuditEventSerializer
from registry.audit import finding
from registry.models import AuditCheck, AuditCheckpoint, AuditKey, AuditSeal

CHANGE = {
    "type": "object",
    "required": ["type", "id", "label", "change", "fields"],
    "properties": {
        "type": {"type": "string", "examples": ["registry.modelversion"]},
        "id": {"type": "string"},
        "label": {"type": "string", "description": "As it was called then."},
        "change": {"type": "string", "enum": ["made", "changed", "removed"]},
        "fields": {
            "type": "object",
            "description": "{name: [before, after]}; a person or object is {id, name}.",
            "additionalProperties": {"type": "array", "items": {}, "minItems": 2, "maxItems": 2},
        },
    },
}


@extend_schema_field({"type": "array", "items": CHANGE})
class ChangesField(serializers.JSONField):
    """Each row that the act made, changed or removed."""


class PlaceSerializer(serializers.Serializer):
    """Where the event stands in the sealed log."""

    serial = serializers.IntegerField()
    seal = serializers.IntegerField(source="seal_id")
    leaf = serializers.CharField()


class WholeEventSerializer(AuditEventSerializer):
    """One event with everything that it changed."""

    changes = ChangesField(read_only=True)
    place = serializers.SerializerMethodField(help_text="null until the next seal")
    related = serializers.SerializerMethodField(help_text="The ids of what the same request or job did besides.")

    class Meta(AuditEventSerializer.Meta):
        fields = [*AuditEventSerializer.Meta.fields, "session", "changes", "place", "related"]

    @extend_schema_field(PlaceSerializer(allow_null=True))
    def get_place(self, event):
        leaf = getattr(event, "leaf", None)
        return PlaceSerializer(leaf).data if leaf else None

    def get_related(self, event) -> list[int]:
        return [other.pk for other in finding.related(event)]


class AuditSealSerializer(serializers.ModelSerializer):
    class Meta:
        model = AuditSeal
        fields = [
            "number",
            "first_serial",
            "last_serial",
            "first_event",
            "last_event",
            "count",
            "root",
            "previous",
            "at",
            "hash",
        ]


class AuditKeySerializer(serializers.ModelSerializer):
    class Meta:
        model = AuditKey
        fields = ["key_id", "public_key", "since", "endorsed_by", "endorsement"]


class AuditCheckpointSerializer(serializers.ModelSerializer):
    key = serializers.SlugRelatedField("key_id", read_only=True)

    class Meta:
        model = AuditCheckpoint
        fields = ["number", "seal", "events", "at", "key", "statement_sha256", "signature", "place", "file_name"]


class SignedCheckpointSerializer(serializers.Serializer):
    """The file itself: what `verify_log.py --checkpoints` reads."""

    schema = serializers.CharField()
    statement = serializers.DictField()
    public_key = serializers.CharField()
    signature = serializers.CharField()


class AuditCheckSerializer(serializers.ModelSerializer):
    asked_by = serializers.SlugRelatedField("username", read_only=True)
    report = serializers.DictField(
        help_text="{holds, first_problem: {kind, message, serial, event, seal}, events, seals, head, waiting, "
        "checkpoints, keys, problems, notes}; empty until it is finished"
    )

    class Meta:
        model = AuditCheck
        fields = ["id", "asked_by", "asked_at", "finished_at", "holds", "report"]
