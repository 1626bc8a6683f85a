"""The questions of an auditor over REST."""

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from assessments.api.serializers import AssessmentSerializer
from assessments.models import Assessment
from modelrisk.answers import newest_decision, run_of, sent_population
from modelrisk.questions import asked, past, population, reproduction, standing
from registry.api.audit import Readers
from registry.api.reading import AsAsked, ListFilters, VisibleRow
from registry.models import Decision


class Asking(Readers, APIView):
    """For those who read the whole trail; with filters that know who asks."""

    def get_serializer_context(self) -> dict:
        return {"request": self.request, "view": self}


class QuestionFilters(ListFilters):
    decision = VisibleRow(queryset=Decision.objects.all(), required=False, help_text="The newest where not given.")


class QuestionSerializer(serializers.Serializer):
    number = serializers.IntegerField(source="question.number")
    question = serializers.CharField(source="question.text")
    page = serializers.CharField(
        help_text="Where a person reads the answer; empty where there is nothing to ask of yet."
    )
    method = serializers.CharField(source="question.method")
    call = serializers.CharField(help_text="Where a program asks.")


class QuestionsView(Asking):
    @extend_schema(parameters=[QuestionFilters], responses=QuestionSerializer(many=True))
    def get(self, request):
        """The thirteen questions of an auditor, each with the page and the call that answer it."""
        decision = QuestionFilters.read(self).get("decision") or newest_decision(request.user)
        return Response(QuestionSerializer(asked.asked_of(decision), many=True).data)


class DayFilters(ListFilters):
    on = serializers.DateField(required=False, help_text="The end of this day, UTC; today where not given.")


class StoodSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    version = serializers.CharField()
    title = serializers.CharField()
    raised_at = serializers.DateTimeField()
    severity = serializers.CharField()
    state = serializers.CharField()
    due = serializers.DateField(allow_null=True)
    age_days = serializers.IntegerField()
    age_group = serializers.CharField()
    overdue = serializers.BooleanField()


class SeverityRowSerializer(serializers.Serializer):
    severity = serializers.CharField()
    open = serializers.IntegerField()
    overdue = serializers.IntegerField()
    by_age = serializers.DictField(child=serializers.IntegerField())


class FindingsOnSerializer(serializers.Serializer):
    on = serializers.DateField()
    table = SeverityRowSerializer(many=True)
    findings = StoodSerializer(many=True)


class FindingsOnView(Asking):
    @extend_schema(parameters=[DayFilters], responses=FindingsOnSerializer)
    def get(self, request):
        """Open and overdue findings by severity and age as they stood at the end of a past day."""
        day = DayFilters.read(self).get("on") or timezone.localdate()
        return Response(FindingsOnSerializer(past.findings_on(day, request.user).as_dict()).data)


class EndedSerializer(serializers.Serializer):
    kind = serializers.CharField(help_text="exception or waiver")
    id = serializers.IntegerField()
    label = serializers.CharField()
    version = serializers.IntegerField()
    version_label = serializers.CharField()
    ended = serializers.DateField()
    answered_by = serializers.CharField(allow_blank=True)


class ExpiredInUseView(Asking):
    @extend_schema(responses=EndedSerializer(many=True))
    def get(self, request):
        """Exceptions and waivers that have ended while their version is in use."""
        found = [each.as_dict() for each in standing.expired_in_use(request.user)]
        return Response(EndedSerializer(found, many=True).data)


class UncoveredSerializer(serializers.Serializer):
    version = serializers.IntegerField()
    version_label = serializers.CharField()
    use_status = serializers.CharField()
    approval_status = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField())


class WithoutApprovalView(Asking):
    @extend_schema(responses=UncoveredSerializer(many=True))
    def get(self, request):
        """Versions in use without a current approval, each with why."""
        found = [each.as_dict() for each in standing.without_approval(request.user)]
        return Response(UncoveredSerializer(found, many=True).data)


class PeriodFilters(ListFilters):
    since = serializers.DateField(required=False, help_text="The first day, UTC; a year ago where not given.")
    until = serializers.DateField(required=False, help_text="The last day, within; today where not given.")

    @classmethod
    def period(cls, view) -> population.Period:
        given = cls.read(view)
        last = given.get("until") or timezone.localdate()
        return population.Period(given["since"], last) if "since" in given else population.Period.of_year(last)


class PopulationView(Asking):
    content_negotiation_class = AsAsked

    @extend_schema(
        parameters=[PeriodFilters],
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "A decision a line; control totals come last.")
        },
    )
    def get(self, request):
        """Every decision of a period as CSV. Last line: count, first and last id, SHA-256 of all bytes before it."""
        return sent_population(PeriodFilters.period(self), request.user)


class InputSerializer(serializers.Serializer):
    part = serializers.CharField()
    name = serializers.CharField(help_text="As the command has it.")
    sha256 = serializers.CharField()
    url = serializers.CharField(help_text="Where the file is.")


class RepeatedSerializer(serializers.Serializer):
    assessment = serializers.IntegerField()
    state = serializers.CharField()
    results_sha256 = serializers.CharField(allow_blank=True)
    same = serializers.BooleanField()
    differs = serializers.ListField(child=serializers.CharField(), help_text="Parts of results.json, where it does.")


class ReproductionSerializer(serializers.Serializer):
    assessment = serializers.IntegerField()
    command = serializers.CharField()
    seed = serializers.IntegerField()
    results_sha256 = serializers.CharField()
    inputs = InputSerializer(many=True)
    repeated = RepeatedSerializer(many=True, help_text="Runs with the same version, data, seed and tests.")


class ReproduceView(APIView):
    @extend_schema(responses=ReproductionSerializer)
    def get(self, request, pk: str):
        """How to get this result again: the command line, the inputs by their hashes, and runs that repeated it."""
        run = run_of(request.user, pk)
        told = {"assessment": run.pk, "command": reproduction.command_of(run), "seed": run.seed}
        told |= {"results_sha256": run.results_sha256, "inputs": inputs_of(run, request)}
        told["repeated"] = [each.as_dict() for each in reproduction.repeated(run)]
        return Response(ReproductionSerializer(told).data)

    @extend_schema(request=None, responses={202: AssessmentSerializer})
    def post(self, request, pk: str):
        """Run it again with the same seed and tests, for who may assess the version; GET then compares the digests."""
        started = reproduction.run_again(run_of(request.user, pk), actor=request.user)
        body = AssessmentSerializer(started, context={"request": request, "view": self}).data
        return Response(body, status=202, headers={"Location": body["url"]})


def inputs_of(run: Assessment, request=None) -> list[dict]:
    names = reproduction.names_of(run)
    rows = {"model": ("version-file", run.version_id), "data": ("dataset-version-file", run.dataset_version_id)}
    rows["reference"] = ("dataset-version-file", run.reference_id)
    return [
        {
            "part": part,
            "name": name,
            "sha256": run.plan[part]["sha256"],
            "url": reverse(f"api:{rows[part][0]}", args=[rows[part][1]], request=request),
        }
        for part, name in names.items()
    ]
