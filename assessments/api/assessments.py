"""Assessments: start, poll, read, cancel; and the three direct doors of the original system."""

from django.db.models import Prefetch
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from assessments import estimates
from assessments.actions import assessments as actions
from assessments.api.documents import ResultsSerializer
from assessments.api.policies import PolicyOutcomeSerializer, named_or_in_force, outcome_json
from assessments.api.serializers import (
    AssessmentRowSerializer,
    AssessmentSerializer,
    ChartSerializer,
    EstimateSerializer,
    NewAssessmentSerializer,
)
from assessments.api.starting import IDEMPOTENCY_KEY, start
from assessments.catalogue import catalogue
from assessments.models import Assessment, Chart, PolicyVersion
from assessments.policy.replay import outcome_of
from assessments.stored import document
from assessments.views.charts import chart as draw
from registry.api import inputs
from registry.api.offers import offer
from registry.api.reading import HasHistory, ListFilters, VisibleRow, VisibleRows
from registry.models import DatasetVersion, ModelVersion
from registry.refusals import BadInput

STARTED = OpenApiResponse(AssessmentSerializer, "It waits for a worker. Poll the address in the header Location.")
FORMATS = {"svg": "image/svg+xml", "png": "image/png", "csv": "text/csv"}


class UnderPolicy(ListFilters):
    policy_version = VisibleRow(
        queryset=PolicyVersion.objects.all(), required=False, help_text="The one in force now, where absent."
    )


class AssessmentFilters(ListFilters):
    version = VisibleRow(queryset=ModelVersion.objects.all(), required=False)
    dataset_version = VisibleRow(queryset=DatasetVersion.objects.all(), required=False)
    state = serializers.ChoiceField(choices=Assessment.State.choices, required=False)


class AssessmentViewSet(VisibleRows, HasHistory, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """One planned set of tests on one model version, run in the background."""

    # The data by questions of their own: joined, PostgreSQL would join all rows before it takes those of a page.
    queryset = Assessment.objects.select_related("version__model", "requested_by").prefetch_related(
        "results",
        Prefetch("dataset_version", DatasetVersion.objects.select_related("dataset")),
        Prefetch("reference", DatasetVersion.objects.select_related("dataset")),
    )

    def get_serializer_class(self):
        return AssessmentRowSerializer if self.action == "list" else AssessmentSerializer

    @extend_schema(parameters=[AssessmentFilters])
    def list(self, request):
        """Assessments, newest first."""
        return super().list(request)

    def filter_queryset(self, rows):
        if self.action != "list":
            return rows
        return rows.filter(**AssessmentFilters.read(self)).defer("policy", "catalogue", "subject", "environment")

    @extend_schema(request=NewAssessmentSerializer, responses={202: STARTED}, parameters=[IDEMPOTENCY_KEY])
    def create(self, request):
        """Start an assessment: the whole plan, or chosen tests."""
        return _started(self, start(self, inputs.read(self, NewAssessmentSerializer)))

    @extend_schema(request=NewAssessmentSerializer, responses={200: EstimateSerializer})
    @route(detail=False, methods=["post"])
    def estimate(self, request):
        """How long an assessment would take: the same request as to start it, and nothing is started."""
        given = inputs.read(self, NewAssessmentSerializer)
        asked = {name: given[name] for name in ("plan_name", "tests") if name in given}
        return Response(estimates.before_start(given["version"], given["dataset_version"], **asked))

    @extend_schema(request=None, responses={200: AssessmentSerializer})
    @route(detail=True, methods=["post"])
    def cancel(self, request, pk=None):
        """Stop it; the tests that have finished are kept."""
        actions.cancel(self.get_object(), actor=request.user)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None, responses={200: AssessmentSerializer})
    @route(detail=True, methods=["post"])
    def retry(self, request, pk=None):
        """Queue it again; the tests that have finished are kept."""
        actions.retry(self.get_object(), actor=request.user)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(responses=ResultsSerializer)
    @route(detail=True, methods=["get"])
    def results(self, request, pk=None):
        """What it has found so far, in the format modelrisk.results/1; the verdicts come when all tests have ended."""
        return Response(document(self.get_object()))

    @extend_schema(parameters=[UnderPolicy], responses=PolicyOutcomeSerializer, filters=False)
    @route(detail=True, methods=["get"], url_path="under-policy", pagination_class=None)
    def under_policy(self, request, pk=None):
        """What another policy would say of what was measured; that in force today, if none is named."""
        policy = named_or_in_force(UnderPolicy.read(self).get("policy_version"))
        return Response(outcome_json(outcome_of(self.get_object(), policy.document), policy, request))

    @extend_schema(responses=ChartSerializer(many=True))
    @route(detail=True, methods=["get"], pagination_class=None)
    def charts(self, request, pk=None):
        """Its charts, and where each is as SVG, PNG and CSV."""
        assessment = self.get_object()
        found = Chart.objects.filter(result__assessment=assessment).select_related("result")
        return Response([self._chart(assessment, chart) for chart in found.order_by("result", "position")])

    @extend_schema(
        operation_id="assessments_chart_retrieve",
        responses={(200, media): OpenApiTypes.BINARY for media in FORMATS.values()},
        parameters=[
            OpenApiParameter("chart_id", str, OpenApiParameter.PATH, description="For example roc."),
            OpenApiParameter("picture", str, OpenApiParameter.PATH, enum=[*FORMATS]),
        ],
    )
    def chart(self, request, pk=None, chart_id="", picture="svg"):
        """One chart, drawn from the recorded numbers; or the numbers."""
        return draw(request._request, int(pk), chart_id, picture)

    def _chart(self, assessment: Assessment, chart: Chart) -> dict:
        where = {
            picture: reverse(
                "api:assessment-chart", args=[assessment.pk, chart.chart_id, picture], request=self.request
            )
            for picture in FORMATS
        }
        words = {name: getattr(chart, name) for name in ("title", "caption", "alt")}
        return {"id": chart.chart_id, "test": chart.result.test, "kind": chart.data.get("kind", ""), **words, **where}


class _DirectDoor(GenericViewSet):
    """One family's tests, without naming them."""

    family = ""
    serializer_class = NewAssessmentSerializer
    queryset = Assessment.objects.all()

    @extend_schema(responses={202: STARTED}, parameters=[IDEMPOTENCY_KEY])
    def create(self, request):
        """Start an assessment of this family's tests; or of those among them that `tests` names."""
        given = inputs.read(self, NewAssessmentSerializer)
        for chosen in given.setdefault("tests", [self.family]):
            test = chosen if isinstance(chosen, str) else chosen["id"]
            if test != self.family and catalogue().get(test, {}).get("family") != self.family:
                raise BadInput(
                    f"{test} is not a test of {self.family}.",
                    hint="GET /api/v1/catalogue/ lists the tests; POST /api/v1/assessments/ takes any of them.",
                    code="unknown_test",
                    field="tests",
                )
        return _started(self, start(self, given))


class RobustnessViewSet(_DirectDoor):
    family = "robustness"


class FairnessViewSet(_DirectDoor):
    family = "fairness"


class ExplainabilityViewSet(_DirectDoor):
    family = "explainability"


def _started(view, assessment: Assessment) -> Response:
    body = AssessmentSerializer(assessment, context=view.get_serializer_context()).data
    return Response(body, status=202, headers={"Location": body["url"]})


offer(ModelVersion, actions.start, route="assessment-list", at_row=False)
offer(Assessment, actions.cancel, route="assessment-cancel")
offer(Assessment, actions.retry, route="assessment-retry")
