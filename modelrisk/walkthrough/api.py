"""The walk-through over REST: what each page of a decision shows, by the same ids."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from modelrisk.answers import decision_of, sent_pack, version_of
from modelrisk.walkthrough import authority, conflicts, evidence, identity, since, thresholds
from registry.api.audit import Readers
from registry.api.offers import offer
from registry.api.reading import AsAsked
from registry.models import ModelVersion

SHA256 = "64 hexadecimal digits; empty where there is none"


class AuthoritySerializer(serializers.Serializer):
    """One vote, and the grant of the role that it was cast under."""

    vote = serializers.IntegerField()
    person = serializers.CharField()
    role = serializers.CharField()
    outcome = serializers.CharField()
    comment = serializers.CharField()
    cast_at = serializers.DateTimeField()
    password_given_at = serializers.DateTimeField(allow_null=True)
    dossier_sha256 = serializers.CharField()
    grant = serializers.IntegerField(allow_null=True)
    granted_at = serializers.DateTimeField(allow_null=True)
    granted_by = serializers.CharField(allow_blank=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    in_force = serializers.BooleanField(help_text="Whether the grant was in force at the moment of the vote.")
    conflict_check = serializers.JSONField()


class AuthoritiesSerializer(serializers.Serializer):
    decision = serializers.IntegerField()
    outcome = serializers.CharField()
    decided_at = serializers.DateTimeField()
    decided_by = serializers.CharField()
    valid_until = serializers.DateField(allow_null=True)
    votes = AuthoritySerializer(many=True)


class RunSerializer(serializers.Serializer):
    """One assessment as evidence."""

    assessment = serializers.IntegerField()
    plan = serializers.CharField()
    model_sha256 = serializers.CharField()
    data = serializers.CharField()
    data_sha256 = serializers.CharField()
    reference_sha256 = serializers.CharField(help_text=SHA256)
    code_sha256 = serializers.CharField(help_text=f"Of the battery's own files; {SHA256}")
    seed = serializers.IntegerField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    results_sha256 = serializers.CharField()
    bound = serializers.BooleanField(help_text="Whether the case holds exactly this digest.")
    policy = serializers.DictField(help_text="{name, version, sha256}")


class RunsSerializer(serializers.Serializer):
    decision = serializers.IntegerField()
    runs = RunSerializer(many=True)


class LimitDifferenceSerializer(serializers.Serializer):
    """One criterion that the two policies do not have alike."""

    key = serializers.CharField()
    then = serializers.DictField(allow_null=True)
    today = serializers.DictField(allow_null=True)


class ChangedVerdictSerializer(serializers.Serializer):
    title = serializers.CharField()
    group = serializers.DictField(child=serializers.CharField())
    then = serializers.CharField()
    today = serializers.CharField()


class RunThresholdsSerializer(serializers.Serializer):
    assessment = serializers.IntegerField()
    started_at = serializers.DateTimeField(allow_null=True)
    policy = serializers.DictField(help_text="{name, version, sha256}")
    policy_version = serializers.IntegerField(allow_null=True)
    approved_at = serializers.DateTimeField(allow_null=True)
    effective_from = serializers.DateTimeField(allow_null=True)
    approved_by = serializers.ListField(child=serializers.CharField())
    in_force_before_start = serializers.BooleanField()
    summary = serializers.CharField()
    today = serializers.IntegerField(allow_null=True, help_text="The number of the policy version in force now.")
    differences = LimitDifferenceSerializer(many=True)
    verdicts_then = serializers.DictField(child=serializers.IntegerField())
    verdicts_today = serializers.DictField(child=serializers.IntegerField())
    changed_verdicts = ChangedVerdictSerializer(many=True)


class ThresholdsSerializer(serializers.Serializer):
    decision = serializers.IntegerField()
    runs = RunThresholdsSerializer(many=True)


class NotPassedSerializer(serializers.Serializer):
    assessment = serializers.IntegerField(source="assessment_id")
    test = serializers.CharField()
    metric = serializers.CharField()
    title = serializers.CharField()
    group = serializers.DictField(child=serializers.CharField())
    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    warn = serializers.FloatField(allow_null=True)
    fail = serializers.FloatField(allow_null=True)
    verdict = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)


class NotRunSerializer(serializers.Serializer):
    assessment = serializers.IntegerField(source="assessment_id")
    test = serializers.CharField()
    title = serializers.CharField()
    status = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)


class ExceptedSerializer(serializers.Serializer):
    kind = serializers.CharField()
    id = serializers.IntegerField()
    label = serializers.CharField()
    state = serializers.CharField()
    until = serializers.DateField(allow_null=True)
    accepted_by = serializers.CharField(allow_blank=True)
    why = serializers.CharField(allow_blank=True)


class FailedSerializer(serializers.Serializer):
    """What did not pass, what was not run, and who accepted what until when."""

    decision = serializers.IntegerField()
    not_passed = NotPassedSerializer(many=True)
    not_run = NotRunSerializer(many=True)
    accepted = ExceptedSerializer(many=True)


class PersonSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    parts = serializers.ListField(child=serializers.CharField())
    conflict = serializers.CharField(allow_blank=True)


class IndependenceSerializer(serializers.Serializer):
    """Whether owner, developer, validator and approver were different people."""

    sentence = serializers.CharField()
    independent = serializers.BooleanField()
    people = PersonSerializer(many=True)
    by_part = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))


class ItemSerializer(serializers.Serializer):
    kind = serializers.CharField(help_text="model, data, reference, results, evidence or dossier")
    label = serializers.CharField()
    state = serializers.ChoiceField(choices=[identity.MATCH, identity.MISMATCH, identity.MISSING, identity.PURGED])
    expected = serializers.CharField(help_text="SHA-256 as recorded then.")
    found = serializers.CharField(allow_blank=True, help_text="SHA-256 now.")
    id = serializers.IntegerField(allow_null=True)


class IdentitySerializer(serializers.Serializer):
    decision = serializers.IntegerField(allow_null=True, help_text="null: all that the version has")
    identical = serializers.BooleanField()
    summary = serializers.CharField()
    items = ItemSerializer(many=True)


class HappenedSerializer(serializers.Serializer):
    id = serializers.IntegerField(help_text="Of the event in the audit trail.")
    at = serializers.DateTimeField()
    actor_name = serializers.CharField()
    action = serializers.CharField()
    refused = serializers.BooleanField()
    object_type = serializers.CharField()
    object_id = serializers.CharField()
    object_label = serializers.CharField()
    summary = serializers.CharField()
    areas = serializers.ListField(child=serializers.CharField())


class SinceSerializer(serializers.Serializer):
    decision = serializers.IntegerField()
    after = serializers.DateTimeField()
    summary = serializers.CharField()
    events = HappenedSerializer(many=True)


class AuthorityView(APIView):
    @extend_schema(responses=AuthoritiesSerializer)
    def get(self, request, pk: str):
        """Who decided, when, in which role, and with what authority at that time."""
        decision = decision_of(request.user, pk)
        votes = [each.as_dict() for each in authority.of_decision(decision)]
        told = {"decision": decision.pk, "outcome": decision.outcome, "decided_at": decision.decided_at}
        told |= {"decided_by": decision.decided_by.get_username(), "valid_until": decision.valid_until}
        return Response(AuthoritiesSerializer({**told, "votes": votes}).data)


class EvidenceView(APIView):
    @extend_schema(responses=RunsSerializer)
    def get(self, request, pk: str):
        """The runs that the decision rests on: artefact, data and code by their hashes, seed, start and end."""
        decision = decision_of(request.user, pk)
        runs = [run.as_dict() for run in evidence.runs_of(decision.request)]
        return Response(RunsSerializer({"decision": decision.pk, "runs": runs}).data)


class ThresholdsView(APIView):
    @extend_schema(responses=ThresholdsSerializer)
    def get(self, request, pk: str):
        """Which thresholds were in force, who approved them, whether before the run; and what today's would say."""
        decision = decision_of(request.user, pk)
        runs = [thresholds.of_run(run).as_dict() for run in evidence.runs_of(decision.request)]
        return Response(ThresholdsSerializer({"decision": decision.pk, "runs": runs}).data)


class FailedView(APIView):
    @extend_schema(responses=FailedSerializer)
    def get(self, request, pk: str):
        """What failed, was skipped or was waived, and who accepted that until when."""
        decision = decision_of(request.user, pk)
        runs = evidence.runs_of(decision.request)
        found = {
            "decision": decision.pk,
            "not_passed": evidence.not_passed(runs),
            "not_run": evidence.not_run(runs),
            "accepted": evidence.accepted(decision),
        }
        return Response(FailedSerializer(found).data)


class IndependenceView(APIView):
    @extend_schema(responses=IndependenceSerializer)
    def get(self, request, pk: str):
        """Were owner, developer, validator and approver different people?"""
        return Response(IndependenceSerializer(conflicts.document(decision_of(request.user, pk).request)).data)


class SinceView(Readers, APIView):
    @extend_schema(responses=SinceSerializer)
    def get(self, request, pk: str):
        """Everything that happened on version, file, data, documents, policy, roles and conditions since, in order."""
        return Response(SinceSerializer(since.since(decision_of(request.user, pk)).as_dict()).data)


class CheckEvidenceView(APIView):
    @extend_schema(request=None, responses=IdentitySerializer)
    def post(self, request, pk: str):
        """Is its evidence byte-identical today? Every file is read and hashed; the trail keeps the answer."""
        decision = decision_of(request.user, pk)
        found = identity.check_evidence(decision.request.version, actor=request.user, decision=decision)
        return Response(IdentitySerializer(found.as_dict()).data)


class CheckVersionView(APIView):
    @extend_schema(request=None, responses=IdentitySerializer)
    def post(self, request, pk: str):
        """Is all evidence of this version byte-identical today? The trail keeps the answer."""
        version = version_of(request.user, pk)
        return Response(IdentitySerializer(identity.check_evidence(version, actor=request.user).as_dict()).data)


PACK = {
    (200, "application/zip"): OpenApiResponse(
        OpenApiTypes.BINARY, "The pack. The header X-Manifest-SHA256 is what `verify_pack.py --manifest` takes."
    )
}


class DecisionPackView(Readers, APIView):
    content_negotiation_class = AsAsked

    @extend_schema(responses=PACK)
    def get(self, request, pk: str):
        """The evidence pack of a decision: verify it offline with the verify_pack.py in it. Same state, same bytes."""
        decision = decision_of(request.user, pk)
        return sent_pack(decision.request.version, decision)


class VersionPackView(Readers, APIView):
    content_negotiation_class = AsAsked

    @extend_schema(responses=PACK)
    def get(self, request, pk: str):
        """The evidence pack of a version: every case and every finished assessment of it."""
        return sent_pack(version_of(request.user, pk))


offer(ModelVersion, identity.check_evidence, route="version-check-evidence")
