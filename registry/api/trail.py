"""What was decided."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.viewsets import GenericViewSet

from registry.api.case_serializers import WholeDecisionSerializer
from registry.api.reading import ListFilters, VisibleRow, VisibleRows
from registry.api.serializers import DecisionSerializer
from registry.models import Decision, ModelVersion


class DecisionFilters(ListFilters):
    version = VisibleRow(queryset=ModelVersion.objects.all(), required=False)
    outcome = serializers.ChoiceField(choices=Decision.Outcome.choices, required=False)


class DecisionViewSet(VisibleRows, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """What people decided on versions, why, and on what evidence."""

    queryset = Decision.objects.select_related("decided_by", "request__requested_by", "request__version__model")

    def get_serializer_class(self):
        return DecisionSerializer if self.action == "list" else WholeDecisionSerializer

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
