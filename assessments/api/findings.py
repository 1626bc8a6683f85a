"""Findings over REST: read, raise, and each step of their life."""

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from assessments.actions.findings import raise_finding, steps
from assessments.findings.states import Event
from assessments.models import Assessment, Finding, Verdict
from registry.api import inputs
from registry.api.offers import AvailableActions, offer
from registry.api.reading import HasHistory, ListFilters, VisibleRow, VisibleRows
from registry.api.serializers import Link, username
from registry.models import ModelVersion
from registry.refusals import BadInput


class FindingSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:finding-detail")
    version = Link(route="version-detail")
    assessment = Link(route="assessment-detail", allow_null=True)
    criterion = serializers.DictField(read_only=True, help_text="The verdict that it was raised from, as it was.")
    owner = username()
    raised_by = username()
    overdue = serializers.BooleanField(source="is_overdue", read_only=True)
    available_actions = AvailableActions()

    class Meta:
        model = Finding
        fields = [
            "id",
            "url",
            "version",
            "assessment",
            "criterion",
            "title",
            "description",
            "severity",
            "state",
            "owner",
            "due",
            "overdue",
            "plan",
            "remedy",
            "raised_by",
            "raised_at",
            "ended_at",
            "available_actions",
        ]


class FindingRowSerializer(FindingSerializer):
    """As it stands in a list."""

    class Meta(FindingSerializer.Meta):
        fields = [name for name in FindingSerializer.Meta.fields if name != "available_actions"]


class NamedVerdictSerializer(serializers.Serializer):
    """A verdict as the results name it."""

    assessment = serializers.IntegerField(min_value=1)
    metric = serializers.CharField()
    group = serializers.DictField(child=serializers.CharField(), required=False, default=dict)


class NewFindingSerializer(serializers.Serializer):
    version = VisibleRow(queryset=ModelVersion.objects.all())
    title = serializers.CharField(max_length=200)
    description = serializers.CharField()
    severity = serializers.ChoiceField(choices=Finding.Severity.choices)
    due = serializers.DateField(required=False, help_text="Without one, the day of its severity.")
    verdict = NamedVerdictSerializer(required=False, help_text="What it is raised from, of this version.")
    draft = serializers.BooleanField(required=False, help_text="Only the second line sees it until it is issued.")


class StepSerializer(serializers.Serializer):
    text = serializers.CharField(help_text="What is said with this step; it is kept in the history.")


class FindingFilters(ListFilters):
    version = VisibleRow(queryset=ModelVersion.objects.all(), required=False)
    state = serializers.ChoiceField(choices=Finding.State.choices, required=False)
    severity = serializers.ChoiceField(choices=Finding.Severity.choices, required=False)
    standing = serializers.BooleanField(required=False, default=None, allow_null=True)
    overdue = serializers.BooleanField(required=False, default=None, allow_null=True)


class FindingViewSet(VisibleRows, HasHistory, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """Issues that the validating side raises and closes, and the building side answers."""

    queryset = Finding.objects.select_related("version__model__owner", "owner", "raised_by").prefetch_related(
        Prefetch("assessment", Assessment.objects.only("pk"))  # it is only named
    )

    def get_serializer_class(self):
        return FindingRowSerializer if self.action == "list" else FindingSerializer

    @extend_schema(parameters=[FindingFilters])
    def list(self, request):
        """Findings, newest first."""
        return super().list(request)

    def filter_queryset(self, rows):
        if self.action != "list":
            return rows
        wanted = FindingFilters.read(self)
        for name in ("standing", "overdue"):
            asked = wanted.pop(name)
            if asked is not None:
                held = getattr(Finding.objects.all(), name)().values("pk")
                rows = rows.filter(pk__in=held) if asked else rows.exclude(pk__in=held)
        return rows.filter(**wanted)

    @extend_schema(request=NewFindingSerializer, responses={201: FindingSerializer})
    def create(self, request):
        """Raise a finding against a version."""
        given = inputs.read(self, NewFindingSerializer)
        version = given.pop("version")
        if (asked := given.pop("verdict", None)) is not None:
            given["verdict"] = named_verdict(asked, version)
        made = raise_finding(version, actor=request.user, **given)
        return Response(self.get_serializer(made).data, status=201)

    def _move(self, request, event: Event) -> Response:
        given = inputs.read(self, StepSerializer)
        steps[event](self.get_object(), actor=request.user, **given)
        return Response(FindingSerializer(self.get_object(), context=self.get_serializer_context()).data)


def named_verdict(asked: dict, version: ModelVersion) -> Verdict:
    named = Verdict.objects.filter(assessment__version=version, assessment=asked["assessment"], metric=asked["metric"])
    found = next((one for one in named.select_related("assessment") if one.group == asked["group"]), None)
    if found is None:
        hint = "Name assessment, metric and group as its results do."
        raise BadInput(f"There is no such verdict about {version}.", hint=hint, field="verdict")
    return found


def _add_route(event: Event) -> None:
    """One address for one step."""

    @extend_schema(request=StepSerializer, responses={200: FindingSerializer})
    def move(self, request, pk=None):
        return self._move(request, event)

    move.__name__, move.__doc__ = event.value, steps[event].__doc__
    address = event.value.replace("_", "-")
    setattr(FindingViewSet, event.value, route(detail=True, methods=["post"], url_path=address, url_name=address)(move))
    offer(Finding, steps[event], route=f"finding-{address}")


for _event in Event:
    _add_route(_event)
offer(ModelVersion, raise_finding, route="finding-list", at_row=False)
