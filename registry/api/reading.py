"""What the API's reads share: rows by who asks, filters that refuse a misspelt name, files, history."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.response import Response

from registry import access
from registry.audit.as_of import LATER, SET, TODAY, as_of
from registry.models import AuditEvent
from registry.refusals import BadInput

PAGING = {"cursor", "page_size"}
FILE_ANSWERS = {
    (200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, "The file."),
    302: OpenApiResponse(description="The file is at the address in Location, for a minute."),
}


class VisibleRows:
    """Rows that the person may see: what is not among them does not exist for them (404, not 403)."""

    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self):
        return super().get_queryset().visible_to(self.request.user)

    def page_of(self, rows, serializer_class):
        """One page of `rows` as the answer of a list."""
        page = self.paginate_queryset(rows)
        serializer = serializer_class(page, many=True, context=self.get_serializer_context())
        return self.get_paginated_response(serializer.data)


class ListFilters(serializers.Serializer):
    """The filters of a list. A misspelt one is refused: ignored, it would silently answer with everything."""

    @classmethod
    def read(cls, view) -> dict:
        """What was asked for, by name."""
        request = view.request
        known = set(cls().fields)
        if unknown := sorted(set(request.query_params) - known - PAGING):
            raise BadInput(
                f"There is no filter {unknown[0]}.",
                hint=f"This list knows {', '.join(sorted(known | PAGING))}.",
                code="unknown_filter",
                field=unknown[0],
            )
        filters = cls(data=request.query_params, context=view.get_serializer_context())
        filters.is_valid(raise_exception=True)
        return filters.validated_data


class VisibleRow(serializers.PrimaryKeyRelatedField):
    """The id of a row that the person may see; another's and none are told apart by nobody."""

    default_error_messages = {"does_not_exist": "There is no {kind} {pk_value} that you may see."}

    def get_queryset(self):
        return super().get_queryset().visible_to(self.context["request"].user)

    def fail(self, key, **kwargs):
        super().fail(key, kind=self.queryset.model._meta.verbose_name, **kwargs)


class AsAsked(DefaultContentNegotiation):
    """For files, whose address says what they are, whatever the client says it accepts."""

    def select_renderer(self, request, renderers, format_suffix=None):
        return renderers[0], renderers[0].media_type


class AuditEventSerializer(serializers.ModelSerializer):
    class Meta:
        model = AuditEvent
        fields = [
            "id",
            "at",
            "actor_name",
            "action",
            "refused",
            "object_type",
            "object_id",
            "object_label",
            "summary",
            "detail",
            "request_id",
        ]


class AsOfFilters(ListFilters):
    at = serializers.DateTimeField(help_text="The moment, for example 2026-03-14T23:59:59Z.")


class KnownSerializer(serializers.Serializer):
    """One field of a row on a date, and how it is known."""

    name = serializers.CharField()
    value = serializers.JSONField(allow_null=True)
    source = serializers.ChoiceField(
        choices=[SET, LATER, TODAY],
        help_text="set: by an event up to then; later: what a later event replaced; today: no event tells of it",
    )
    event = serializers.IntegerField(allow_null=True)
    at = serializers.DateTimeField(allow_null=True)
    actor_name = serializers.CharField(allow_blank=True)


class PictureSerializer(serializers.Serializer):
    """A row as it was on a date, rebuilt from the audit trail."""

    object_type = serializers.CharField()
    object_id = serializers.CharField()
    at = serializers.DateTimeField()
    existed = serializers.BooleanField(allow_null=True, help_text="null: the log does not tell")
    complete = serializers.BooleanField(help_text="Whether the log reaches back to the making of the row.")
    fields_then = KnownSerializer(many=True, source="fields")
    notes = serializers.ListField(child=serializers.CharField(), help_text="What the log does not know.")


class HasHistory:
    """`history/`: what happened to this row; `as-of/`: how it was on a date. For whoever sees the row."""

    @extend_schema(parameters=[AsOfFilters], responses=PictureSerializer, filters=False)
    @route(detail=True, methods=["get"], url_path="as-of", serializer_class=PictureSerializer, pagination_class=None)
    def as_of(self, request, pk=None):
        """How it was at a moment, rebuilt from the audit trail. It says what the log does not know."""
        row, asked = self.get_object(), AsOfFilters.read(self)
        all_names = access.sees_everything(request.user)
        picture = as_of(row._meta.label_lower, str(row.pk), asked["at"], all_names=all_names)
        return Response(PictureSerializer(picture).data)

    @extend_schema(responses=AuditEventSerializer(many=True), filters=False)
    @route(detail=True, methods=["get"], serializer_class=AuditEventSerializer)
    def history(self, request, pk=None):
        """What happened to it, who did it; newest first."""
        return self.page_of(self.history_of(self.get_object()), AuditEventSerializer)

    def history_of(self, row):
        return AuditEvent.objects.about(row)
