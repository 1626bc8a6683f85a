"""Assessments as JSON, and what starting one takes."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from assessments import estimates
from assessments.api.documents import JudgedBySerializer
from assessments.models import Assessment
from assessments.stored import verdict_counts
from registry.api.offers import AvailableActions
from registry.api.reading import VisibleRow
from registry.api.serializers import Link, username
from registry.models import DatasetVersion, ModelVersion


class StepSerializer(serializers.Serializer):
    """One planned test and how it stands."""

    id = serializers.CharField()
    status = serializers.ChoiceField(
        choices=["waiting", "running", "done", "not_applicable", "error", "skipped"],
    )
    reason = serializers.CharField(allow_blank=True)
    hint = serializers.CharField(allow_blank=True)
    seconds = serializers.FloatField(allow_null=True)


class EstimateSerializer(serializers.Serializer):
    """How long a run takes, guessed before it runs; good to a factor of about two."""

    seconds = serializers.FloatField()
    text = serializers.CharField(help_text="For people: about 40 s.")
    basis = serializers.ChoiceField(
        choices=["typical", "measured"], help_text="measured: from the last finished assessment of this version."
    )
    tests = serializers.DictField(child=serializers.FloatField(), help_text="Seconds of each test, by its id.")


class ProgressSerializer(serializers.Serializer):
    finished_tests = serializers.IntegerField()
    planned_tests = serializers.IntegerField()
    current_test = serializers.CharField(allow_blank=True)
    current_done = serializers.IntegerField()
    current_of = serializers.IntegerField()


class AssessmentRowSerializer(serializers.ModelSerializer):
    """As it stands in a list."""

    url = serializers.HyperlinkedIdentityField(view_name="api:assessment-detail")
    version = Link(route="version-detail")
    dataset_version = Link(route="dataset-version-detail")
    reference = Link(route="dataset-version-detail", allow_null=True)
    plan = serializers.ChoiceField(source="plan_name", choices=Assessment.PlanName.choices, read_only=True)
    requested_by = username()
    progress = serializers.SerializerMethodField()

    class Meta:
        model = Assessment
        fields = [
            "id",
            "url",
            "version",
            "dataset_version",
            "reference",
            "plan",
            "seed",
            "state",
            "progress",
            "cancel_requested",
            "attempt",
            "error",
            "hint",
            "requested_by",
            "created_at",
            "started_at",
            "finished_at",
            "results_sha256",
        ]

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, assessment: Assessment) -> dict:
        return {
            "finished_tests": len(assessment.results.all()),  # prefetched
            "planned_tests": len(assessment.planned_tests),
            "current_test": assessment.current_test,
            "current_done": assessment.current_done,
            "current_of": assessment.current_of,
        }


class AssessmentSerializer(AssessmentRowSerializer):
    tests = serializers.SerializerMethodField()
    verdicts = serializers.SerializerMethodField()
    policy = serializers.SerializerMethodField()
    estimate = serializers.SerializerMethodField()
    results_url = serializers.HyperlinkedIdentityField(view_name="api:assessment-results")
    charts_url = serializers.HyperlinkedIdentityField(view_name="api:assessment-charts")
    available_actions = AvailableActions()

    class Meta(AssessmentRowSerializer.Meta):
        fields = [
            *AssessmentRowSerializer.Meta.fields,
            "tests",
            "verdicts",
            "policy",
            "estimate",
            "results_url",
            "charts_url",
            "available_actions",
        ]

    @extend_schema_field(StepSerializer(many=True))
    def get_tests(self, assessment: Assessment) -> list[dict]:
        found = {result.test: result for result in assessment.results.all()}
        return [_step(assessment, test, found.get(test)) for test in assessment.planned_tests]

    def get_verdicts(self, assessment: Assessment) -> dict[str, int]:
        """How many verdicts of each word, worst word first."""
        return verdict_counts(assessment)

    @extend_schema_field(EstimateSerializer)
    def get_estimate(self, assessment: Assessment) -> dict:
        return estimates.of(assessment)

    @extend_schema_field(JudgedBySerializer)
    def get_policy(self, assessment: Assessment) -> dict:
        return {part: assessment.policy[part] for part in ("name", "version", "sha256")}


def _step(assessment: Assessment, test: str, result) -> dict:
    if result is not None:
        seconds = round(result.seconds, 3)
        return {
            "id": test,
            "status": result.status,
            "reason": result.reason,
            "hint": result.hint,
            "seconds": seconds,
        }
    running = assessment.state == Assessment.State.RUNNING and test == assessment.current_test
    return {"id": test, "status": "running" if running else "waiting", "reason": "", "hint": "", "seconds": None}


class ChartSerializer(serializers.Serializer):
    """One chart: its words, and where its picture and its numbers are."""

    id = serializers.CharField()
    test = serializers.CharField()
    kind = serializers.CharField()
    title = serializers.CharField()
    caption = serializers.CharField(allow_blank=True)
    alt = serializers.CharField()
    svg = serializers.URLField()
    png = serializers.URLField()
    csv = serializers.URLField()


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string"},
            {
                "type": "object",
                "required": ["id"],
                "properties": {"id": {"type": "string"}, "params": {"type": "object"}},
                "additionalProperties": False,
            },
        ]
    }
)
class ChosenTest(serializers.Field):
    """The id of a test; or its id with the parameters that differ from the plan's."""

    default_error_messages = {"form": "Give the id of a test, or {{id, params}}; not {given}."}

    def to_internal_value(self, given) -> str | dict:
        if isinstance(given, str):
            return given
        if not (isinstance(given, dict) and isinstance(given.get("id"), str) and set(given) <= {"id", "params"}):
            self.fail("form", given=type(given).__name__)
        if not isinstance(given.get("params", {}), dict):
            self.fail("form", given="params that are not an object")
        return {"id": given["id"], "params": given.get("params", {})}

    def to_representation(self, value):
        return value


class NewAssessmentSerializer(serializers.Serializer):
    version = VisibleRow(queryset=ModelVersion.objects.all(), help_text="The model version to assess.")
    dataset_version = VisibleRow(queryset=DatasetVersion.objects.all(), help_text="The data to assess it on.")
    reference = VisibleRow(
        queryset=DatasetVersion.objects.all(),
        required=False,
        allow_null=True,
        help_text="The training data, where it is known.",
    )
    plan = serializers.ChoiceField(source="plan_name", choices=Assessment.PlanName.choices, required=False)
    tests = serializers.ListField(
        child=ChosenTest(),
        required=False,
        allow_empty=False,
        max_length=200,
        help_text="Instead of all tests of the plan, these.",
    )
    seed = serializers.IntegerField(
        required=False, min_value=0, max_value=2**32 - 1, help_text="The same seed gives the same numbers."
    )
