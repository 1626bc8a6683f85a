"""A case as JSON: its dossiers, votes, decision and conditions; and where a version is used."""

from rest_framework import serializers

from registry.api.serializers import ApprovalRequestSerializer, DecisionSerializer, Link, username
from registry.models import Condition, Decision, Deployment, Dossier, Vote


class VoteSerializer(serializers.ModelSerializer):
    voter = username()
    dossier_sha256 = serializers.CharField(source="dossier.sha256", read_only=True)
    conflict_check = serializers.DictField(read_only=True, help_text="Who was compared with whom (guard G1).")
    conditions = serializers.ListField(child=serializers.DictField(), read_only=True)
    counts = serializers.SerializerMethodField(help_text="Whether no later revision voided it.")

    class Meta:
        model = Vote
        fields = [
            *("id", "dossier", "dossier_sha256", "voter", "role", "outcome", "comment", "conditions", "valid_until"),
            *("conflict_check", "authenticated_at", "cast_at", "cleared_at", "counts"),
        ]

    def get_counts(self, vote: Vote) -> bool:
        return vote.cleared_at is None


class DecidedConditionSerializer(serializers.ModelSerializer):
    owner = username()
    settled_by = username(allow_null=True)
    criterion = serializers.DictField(read_only=True)

    class Meta:
        model = Condition
        fields = [
            *("id", "number", "text", "owner", "due", "check_method", "criterion"),
            *("state", "evidence", "settled_by", "settled_at"),
        ]


class DossierRowSerializer(serializers.ModelSerializer):
    """As it stands in a list."""

    url = serializers.HyperlinkedIdentityField(view_name="api:dossier-detail")
    document_url = serializers.HyperlinkedIdentityField(
        view_name="api:dossier-document", help_text="The bytes that the SHA-256 is over."
    )
    version = Link(route="version-detail", source="request.version")
    frozen_by = username()

    class Meta:
        model = Dossier
        fields = [
            *("id", "url", "version", "request", "revision", "sha256", "document_url"),
            *("frozen_by", "frozen_at", "replaced_at", "replaced_because"),
        ]


class DossierSerializer(DossierRowSerializer):
    document = serializers.DictField(read_only=True, help_text="modelrisk.dossier/1")
    votes = VoteSerializer(many=True, read_only=True)

    class Meta(DossierRowSerializer.Meta):
        fields = [*DossierRowSerializer.Meta.fields, "document", "votes"]


class WholeDecisionSerializer(DecisionSerializer):
    """One decision, with whose votes made it and under which conditions it holds."""

    dossier = DossierRowSerializer(read_only=True, allow_null=True)
    quorum = serializers.DictField(read_only=True, help_text="What the tier asked for, and who filled which place.")
    votes = serializers.SerializerMethodField()
    conditions = DecidedConditionSerializer(many=True, read_only=True)

    class Meta(DecisionSerializer.Meta):
        fields = [*DecisionSerializer.Meta.fields, "dossier", "quorum", "votes", "conditions"]

    def get_votes(self, decision: Decision) -> list[dict]:
        votes = decision.dossier.votes.filter(cleared_at=None).select_related("voter", "dossier")
        return VoteSerializer(votes if decision.dossier else [], many=True, context=self.context).data


class DeploymentSerializer(serializers.ModelSerializer):
    version = Link(route="version-detail")
    deployed_by = username()

    class Meta:
        model = Deployment
        fields = ["id", "version", "sha256", "environment", "restrictions", "deployed_by", "deployed_at", "ended_at"]


class CaseSerializer(ApprovalRequestSerializer):
    """A case with the parts that its steps wrote."""

    validator = username(allow_null=True)
    validated_by = username(allow_null=True)
    dossiers = DossierRowSerializer(many=True, read_only=True)

    class Meta(ApprovalRequestSerializer.Meta):
        fields = [
            *ApprovalRequestSerializer.Meta.fields,
            *("tier", "validator", "scope", "report", "validated_by", "validated_at", "dossiers"),
        ]
