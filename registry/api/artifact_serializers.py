"""Artefacts, scans and waivers as JSON."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from registry.api.offers import AvailableActions
from registry.api.serializers import Link, LinkSerializer, username
from registry.models import Artifact, DatasetVersion, ModelVersion, Scan, Waiver


class ReasonSerializer(serializers.Serializer):
    """Why a file is not simply allowed."""

    code = serializers.CharField(help_text="Stays the same over releases; compare this one.")
    message = serializers.CharField()
    hint = serializers.CharField(allow_blank=True)
    atlas = serializers.ListField(child=serializers.CharField(), help_text="MITRE ATLAS ids.")


class ImportSerializer(serializers.Serializer):
    """A name that loading the file would import, and how it is used."""

    name = serializers.CharField(help_text="module:name")
    uses = serializers.ListField(child=serializers.CharField(), help_text="For example import, new, call, build.")
    verdict = serializers.ChoiceField(choices=Scan.Verdict.choices)
    note = serializers.CharField(allow_blank=True, required=False)


class AllowListSerializer(serializers.Serializer):
    name = serializers.CharField()
    sha256 = serializers.CharField(allow_blank=True)


class ScanDocumentSerializer(serializers.Serializer):
    """The format modelrisk.scan/1."""

    schema = serializers.CharField()
    format = serializers.CharField()
    container = serializers.CharField()
    verdict = serializers.ChoiceField(choices=Scan.Verdict.choices)
    reasons = ReasonSerializer(many=True)
    imports = ImportSerializer(many=True)
    imports_sha256 = serializers.CharField(help_text="What a waiver is bound to, beside the file's SHA-256.")
    opcodes = serializers.IntegerField(allow_null=True, help_text="Operations read.")
    bytes = serializers.IntegerField(allow_null=True, help_text="After decompression.")
    libraries = serializers.DictField(child=serializers.CharField(), help_text="Versions found in the file.")
    allow_list = AllowListSerializer()
    sha256 = serializers.CharField()
    size = serializers.IntegerField(help_text="bytes")


class ScanSerializer(serializers.ModelSerializer):
    document = ScanDocumentSerializer(read_only=True)
    scanned_by = username(allow_null=True, help_text="null where it was scanned for a version that you do not see.")
    scanned_at = serializers.DateTimeField(allow_null=True, read_only=True, help_text="null as scanned_by.")

    class Meta:
        model = Scan
        fields = ["id", "verdict", "allow_list", "allow_list_sha256", "scanned_by", "scanned_at", "document"]


class ArtifactRowSerializer(serializers.ModelSerializer):
    """As it stands in a list."""

    url = serializers.HyperlinkedIdentityField(view_name="api:artifact-detail")
    created_at = serializers.DateTimeField(
        source="seen_since", read_only=True, help_text="When it was stored, for the first version that you see."
    )

    class Meta:
        model = Artifact
        fields = ["id", "url", "sha256", "size", "created_at", "purged_at"]


class ArtifactSerializer(ArtifactRowSerializer):
    scan = serializers.SerializerMethodField(help_text="The newest one; null for data.")
    model_versions = serializers.SerializerMethodField(help_text="Those that you see.")
    dataset_versions = serializers.SerializerMethodField(help_text="Those that you see.")
    scans_url = serializers.HyperlinkedIdentityField(view_name="api:artifact-scans")
    waivers_url = serializers.HyperlinkedIdentityField(view_name="api:artifact-waivers")
    available_actions = AvailableActions()

    class Meta(ArtifactRowSerializer.Meta):
        fields = [
            *ArtifactRowSerializer.Meta.fields,
            "scan",
            "model_versions",
            "dataset_versions",
            "scans_url",
            "waivers_url",
            "available_actions",
        ]

    @extend_schema_field(ScanSerializer(allow_null=True))
    def get_scan(self, artifact: Artifact) -> dict | None:
        """What it says follows from the bytes; who made it for which other model does not."""
        scan = artifact.scan
        if scan is None:
            return None
        told = dict(ScanSerializer(scan, context=self.context).data)
        if not artifact.scans.visible_to(self.context["request"].user).filter(pk=scan.pk).exists():
            told |= {"scanned_by": None, "scanned_at": None}
        return told

    @extend_schema_field(LinkSerializer(many=True))
    def get_model_versions(self, artifact: Artifact) -> list[dict]:
        return self._links(ModelVersion.objects.select_related("model"), artifact, "version-detail")

    @extend_schema_field(LinkSerializer(many=True))
    def get_dataset_versions(self, artifact: Artifact) -> list[dict]:
        return self._links(DatasetVersion.objects.select_related("dataset"), artifact, "dataset-version-detail")

    def _links(self, rows, artifact: Artifact, route: str) -> list[dict]:
        request = self.context["request"]
        rows = rows.visible_to(request.user).filter(artifact=artifact)
        return [
            {"id": row.pk, "label": str(row), "url": reverse(f"api:{route}", args=[row.pk], request=request)}
            for row in rows
        ]


class WaiverRowSerializer(serializers.ModelSerializer):
    """As it stands in a list."""

    url = serializers.HyperlinkedIdentityField(view_name="api:waiver-detail")
    artifact = Link(route="artifact-detail")
    state = serializers.ChoiceField(choices=Waiver.State.choices, read_only=True)
    granted_by = username()
    revoked_by = username(allow_null=True)

    class Meta:
        model = Waiver
        fields = [
            "id",
            "url",
            "artifact",
            "sha256",
            "imports_sha256",
            "state",
            "reason",
            "compensating_control",
            "granted_by",
            "granted_at",
            "expires_at",
            "revoked_by",
            "revoked_at",
            "revoked_reason",
        ]


class WaiverSerializer(WaiverRowSerializer):
    imports = serializers.SerializerMethodField(help_text="The exact list that it names.")
    available_actions = AvailableActions()

    class Meta(WaiverRowSerializer.Meta):
        fields = [*WaiverRowSerializer.Meta.fields, "imports", "available_actions"]

    @extend_schema_field(
        {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "uses"],
                "properties": {"name": {"type": "string"}, "uses": {"type": "array", "items": {"type": "string"}}},
            },
        }
    )
    def get_imports(self, waiver: Waiver) -> list[dict]:
        return [{"name": name, "uses": uses} for name, uses in waiver.imports]
