"""Regulatory coverage over REST: the clauses, and which of them a version has evidence toward."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from assessments.regulation import clauses
from assessments.regulation.coverage import CHOICES, by_clause, coverage
from registry.models import ModelVersion

CHECKED = ["text", "secondary", "unverified"]


class FrameworkSerializer(serializers.Serializer):
    id = serializers.CharField()
    title = serializers.CharField()
    issuer = serializers.CharField()
    status = serializers.CharField()
    binding = serializers.CharField(allow_blank=True)
    jurisdiction = serializers.CharField()
    source = serializers.CharField()
    verified = serializers.ChoiceField(choices=CHECKED)


class ClauseSerializer(serializers.Serializer):
    key = serializers.CharField()
    framework = serializers.CharField()
    id = serializers.CharField()
    title = serializers.CharField()
    summary = serializers.CharField(help_text="In our own words; not legal advice.")
    verified = serializers.ChoiceField(choices=CHECKED)


class ListedClauseSerializer(ClauseSerializer):
    tests = serializers.ListField(child=serializers.CharField(), help_text="Those that give evidence toward it.")


class RegulationSerializer(serializers.Serializer):
    as_of = serializers.DateField()
    frameworks = FrameworkSerializer(many=True)
    clauses = ListedClauseSerializer(many=True)


class TestEvidenceSerializer(serializers.Serializer):
    test = serializers.CharField()
    title = serializers.CharField()
    status = serializers.ChoiceField(choices=CHOICES)
    reason = serializers.CharField(allow_blank=True, help_text="Why it is not evidence for today.")
    assessment = serializers.IntegerField(source="result.assessment_id", default=None, allow_null=True)
    verdicts = serializers.DictField(source="counts", child=serializers.IntegerField(), help_text="{word: how many}")


class ClauseCoverageSerializer(serializers.Serializer):
    clause = ClauseSerializer()
    status = serializers.ChoiceField(choices=CHOICES, help_text="Tested says nothing of how the test went.")
    tests = TestEvidenceSerializer(many=True)


class FrameworkCoverageSerializer(serializers.Serializer):
    framework = FrameworkSerializer()
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="{status: clauses}")
    clauses = ClauseCoverageSerializer(many=True)


class RegulationView(APIView):
    @extend_schema(responses=RegulationSerializer)
    def get(self, request):
        """Every framework and clause that is known, and the tests that give evidence toward each."""
        tests = by_clause()
        listed = [vars(clause) | {"tests": tests.get(key, [])} for key, clause in clauses.clauses().items()]
        told = {"as_of": clauses.as_of(), "frameworks": list(clauses.frameworks().values()), "clauses": listed}
        return Response(RegulationSerializer(told).data)


class CoverageView(APIView):
    @extend_schema(responses=FrameworkCoverageSerializer(many=True))
    def get(self, request, pk: int):
        """Which clauses the tests of a version give evidence toward: tested, stale, not tested, not applicable."""
        version = get_object_or_404(ModelVersion.objects.visible_to(request.user), pk=pk)
        return Response(FrameworkCoverageSerializer(coverage(version), many=True).data)
