"""What was decided, and what happened."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.viewsets import GenericViewSet

from registry import access
from registry.api.reading import AuditEventSerializer, ListFilters, VisibleRow
from registry.api.serializers import DecisionSerializer
from registry.models import AuditEvent, Decision, ModelVersion
from registry.refusals import Refused


class DecisionFilters(ListFilters):
    version = VisibleRow(queryset=ModelVersion.objects.all(), required=False)
    outcome = serializers.ChoiceField(choices=Decision.Outcome.choices, required=False)


class DecisionViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """What people decided on versions, why, and on what evidence."""

    queryset = Decision.objects.select_related("decided_by", "request__requested_by", "request__version__model")
    serializer_class = DecisionSerializer
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self):
        """Whoever sees the version sees what was decided on it."""
        return super().get_queryset().filter(request__version__in=ModelVersion.objects.visible_to(self.request.user))

    @extend_schema(parameters=[DecisionFilters])
    def list(self, request):
        """Decisions, newest first."""
        return super().list(request)

    def filter_queryset(self, rows):
        if self.action != "list":
            return rows
        wanted = DecisionFilters.read(self)
        names = {"version": "request__version", "outcome": "outcome"}
        return rows.filter(**{names[name]: value for name, value in wanted.items()})


class AuditFilters(ListFilters):
    object_type = serializers.CharField(required=False, max_length=60, help_text="For example registry.modelversion")
    object_id = serializers.CharField(required=False, max_length=40)
    action = serializers.CharField(required=False, max_length=60, help_text="For example version.upload")
    actor_name = serializers.CharField(required=False, max_length=150)
    refused = serializers.BooleanField(required=False, default=None, allow_null=True)
    request_id = serializers.CharField(required=False, max_length=40)


class AuditEventViewSet(ListModelMixin, GenericViewSet):
    """The audit trail, for those who see everything; each object's own part of it is at its `history/`."""

    queryset = AuditEvent.objects.all()
    serializer_class = AuditEventSerializer

    @extend_schema(parameters=[AuditFilters])
    def list(self, request):
        """What happened, who did it, to what; newest first. Refused attempts are in it."""
        if not access.sees_everything(request.user):
            roles = ", ".join(role.replace("_", " ") for role in sorted(access.SEES_EVERYTHING))
            raise Refused(f"Reading the whole audit trail takes the role of one of these: {roles}.")
        return super().list(request)

    def filter_queryset(self, rows):
        wanted = AuditFilters.read(self)
        return rows.filter(**{name: value for name, value in wanted.items() if value is not None})
