"""Exceptions over REST: read, ask, renew, and each step of their life."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from assessments.actions.exceptions import STEPS, renew, request_exception
from assessments.api.findings import NamedVerdictSerializer, StepSerializer, named_verdict
from assessments.exceptions.lists import SHOWN, filtered
from assessments.exceptions.states import Event, Kind, least_role
from assessments.models import Finding, PolicyException
from registry.api import inputs
from registry.api.offers import AvailableActions, offer
from registry.api.reading import HasHistory, ListFilters, VisibleRow, VisibleRows
from registry.api.serializers import Link, username
from registry.models import ModelVersion


class ExceptionSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:exception-detail")
    version = Link(route="version-detail")
    finding = Link(route="finding-detail", allow_null=True)
    renewed_from = Link(route="exception-detail", allow_null=True)
    subject = serializers.CharField(read_only=True, help_text="What it is about, in a few words.")
    criterion = serializers.DictField(read_only=True)
    in_force = serializers.SerializerMethodField()
    least_role = serializers.SerializerMethodField(help_text="The lowest role that may approve it.")
    requested_by = username()
    approved_by = username(allow_null=True)
    ended_by = username(allow_null=True)
    available_actions = AvailableActions()

    class Meta:
        model = PolicyException
        fields = [
            *("id", "url", "version", "kind", "state", "in_force", "subject", "finding", "test", "criterion"),
            *("reason", "compensating_control", "expiry", "renewed_from", "least_role"),
            *("requested_by", "requested_as", "requested_at", "approved_by", "approved_as", "approved_at"),
            *("ended_by", "ended_at", "ended_because", "available_actions"),
        ]

    def get_in_force(self, row) -> bool:
        return row.in_force()

    def get_least_role(self, row) -> str:
        return least_role(row)


class ExceptionRowSerializer(ExceptionSerializer):
    """As it stands in a list."""

    class Meta(ExceptionSerializer.Meta):
        fields = [name for name in ExceptionSerializer.Meta.fields if name not in {"available_actions", "least_role"}]


class RenewalSerializer(serializers.Serializer):
    reason = serializers.CharField(help_text="Why the policy cannot be kept now.")
    compensating_control = serializers.CharField(help_text="What keeps the risk small meanwhile, and who sees to it.")
    expiry = serializers.DateField(help_text="The last day on which it holds.")


class NewExceptionSerializer(RenewalSerializer):
    version = VisibleRow(queryset=ModelVersion.objects.all())
    kind = serializers.ChoiceField(choices=Kind.choices)
    finding = VisibleRow(queryset=Finding.objects.all(), required=False, help_text="With risk_acceptance.")
    test = serializers.CharField(required=False, max_length=80, help_text="With missing_test: its id.")
    verdict = NamedVerdictSerializer(required=False, help_text="With failed_criterion, of this version.")


class ExceptionFilters(ListFilters):
    version = VisibleRow(queryset=ModelVersion.objects.all(), required=False)
    kind = serializers.ChoiceField(choices=Kind.choices, required=False)
    state = serializers.ChoiceField(choices=PolicyException.State.choices, required=False)
    show = serializers.ChoiceField(
        choices=list(SHOWN.items()),
        required=False,
        help_text="relied_on: expired, on a version in use, with nothing in its place.",
    )


class ExceptionViewSet(VisibleRows, HasHistory, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """Approved, time-limited deviations from policy, each with a compensating control."""

    queryset = PolicyException.objects.select_related(
        "version__model__owner", "finding", "renewed_from", "requested_by", "approved_by", "ended_by"
    )

    def get_serializer_class(self):
        return ExceptionRowSerializer if self.action == "list" else ExceptionSerializer

    @extend_schema(parameters=[ExceptionFilters])
    def list(self, request):
        """Exceptions, newest first."""
        return super().list(request)

    def filter_queryset(self, rows):
        if self.action != "list":
            return rows
        wanted = ExceptionFilters.read(self)
        return filtered(rows, wanted.pop("show", "all")).filter(**wanted)

    @extend_schema(request=NewExceptionSerializer, responses={201: ExceptionSerializer})
    def create(self, request):
        """Ask for an exception. Someone of a higher rank decides, in a web session."""
        given = inputs.read(self, NewExceptionSerializer)
        version = given.pop("version")
        if (asked := given.pop("verdict", None)) is not None:
            given["verdict"] = named_verdict(asked, version)
        made = request_exception(version, actor=request.user, **given)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=RenewalSerializer, responses={201: ExceptionSerializer})
    @route(detail=True, methods=["post"])
    def renew(self, request, pk=None):
        """Ask for it again, once."""
        made = renew(self.get_object(), actor=request.user, **inputs.read(self, RenewalSerializer))
        return Response(self.get_serializer(made).data, status=201)

    def _move(self, request, event: Event) -> Response:
        STEPS[event](self.get_object(), actor=request.user, **inputs.read(self, StepSerializer))
        return Response(ExceptionSerializer(self.get_object(), context=self.get_serializer_context()).data)


def _add_route(event: Event) -> None:
    """One address for one step."""

    @extend_schema(request=StepSerializer, responses={200: ExceptionSerializer})
    def move(self, request, pk=None):
        return self._move(request, event)

    move.__name__, move.__doc__ = event.value, STEPS[event].__doc__
    setattr(ExceptionViewSet, event.value, route(detail=True, methods=["post"], url_name=event.value)(move))
    offer(PolicyException, STEPS[event], route=f"exception-{event.value}")


for _event in STEPS:
    _add_route(_event)
offer(PolicyException, renew, route="exception-renew")
offer(ModelVersion, request_exception, route="exception-list", at_row=False)
