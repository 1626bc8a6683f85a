"""What can be asked and what it is judged by: the catalogue of tests, the policy."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from assessments.battery.spec import PLANS
from assessments.catalogue import catalogue
from assessments.policy import force


class NeedsSerializer(serializers.Serializer):
    tasks = serializers.ListField(child=serializers.CharField())
    scores = serializers.BooleanField()
    sensitive = serializers.BooleanField()


class ParamSerializer(serializers.Serializer):
    id = serializers.CharField()
    title = serializers.CharField()
    default = serializers.JSONField()
    quick = serializers.JSONField()
    thorough = serializers.JSONField()
    minimum = serializers.FloatField(allow_null=True)
    maximum = serializers.FloatField(allow_null=True)


class MetricSerializer(serializers.Serializer):
    id = serializers.CharField()
    title = serializers.CharField()
    better = serializers.ChoiceField(choices=["higher", "lower", "none"])
    unit = serializers.CharField()


class CatalogueEntrySerializer(serializers.Serializer):
    id = serializers.CharField()
    family = serializers.CharField()
    title = serializers.CharField()
    asks = serializers.CharField(help_text="What this test asks, for the reviewer.")
    needs = NeedsSerializer()
    params = ParamSerializer(many=True)
    metrics = MetricSerializer(many=True)
    controls = serializers.ListField(child=serializers.CharField())
    charts = serializers.ListField(child=serializers.CharField())
    headline = serializers.ListField(
        child=serializers.CharField(), help_text="Those of its charts that stand on the assessment's own page."
    )
    plans = serializers.ListField(
        child=serializers.ChoiceField(choices=PLANS), help_text="Which plans run it when no tests are named."
    )


class CriterionSerializer(serializers.Serializer):
    metric = serializers.CharField()
    test = serializers.CharField()
    title = serializers.CharField()
    family = serializers.CharField()
    group = serializers.CharField(allow_null=True)
    better = serializers.ChoiceField(choices=["higher", "lower", "none"])
    warn = serializers.FloatField(allow_null=True)
    fail = serializers.FloatField(allow_null=True)
    minimum_rows = serializers.IntegerField()
    basis = serializers.CharField()
    source = serializers.CharField(allow_blank=True)
    verified = serializers.CharField(required=False)
    note = serializers.CharField(required=False)
    rationale = serializers.CharField(required=False)
    owner = serializers.CharField(required=False)
    scope = serializers.DictField(
        required=False, help_text="Where it holds: {tiers, use_cases, legal_contexts}; everywhere if absent."
    )


class PolicySerializer(serializers.Serializer):
    name = serializers.CharField()
    version = serializers.IntegerField()
    notes = serializers.ListField(child=serializers.CharField())
    owner = serializers.CharField()
    evidence_days = serializers.DictField(
        child=serializers.IntegerField(), help_text="How old results may be at a decision, by tier."
    )
    mandatory = serializers.DictField(child=serializers.DictField(), help_text="{tier: {plan, tests}}")
    sha256 = serializers.CharField()
    criteria = CriterionSerializer(many=True)


class CatalogueView(APIView):
    @extend_schema(responses=CatalogueEntrySerializer(many=True))
    def get(self, request):
        """Every test of the battery, with its parameters, metrics and charts."""
        return Response(list(catalogue().values()))


class PolicyView(APIView):
    @extend_schema(responses=PolicySerializer)
    def get(self, request):
        """The policy that a new assessment is judged by."""
        return Response(force.required().sealed_document)
