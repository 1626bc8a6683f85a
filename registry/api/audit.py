"""The audit trail for programs: the log, one event, exports, the proof that it is complete, any object on any date."""

import json

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from registry import access
from registry.api.audit_serializers import (
    AuditCheckpointSerializer,
    AuditCheckSerializer,
    AuditKeySerializer,
    AuditSealSerializer,
    SignedCheckpointSerializer,
    WholeEventSerializer,
)
from registry.api.reading import AsOfFilters, AuditEventSerializer, ListFilters, PictureSerializer
from registry.audit import checkpoints, checks, export, finding
from registry.audit.as_of import as_of
from registry.models import AuditCheck, AuditCheckpoint, AuditEvent, AuditKey, AuditSeal
from registry.refusals import Refused
from registry.views.files import attached


class Readers:
    """For those who read the whole log; a refusal says which roles do."""

    def check_permissions(self, request) -> None:
        super().check_permissions(request)
        if reason := access.may_read_audit(None, request.user):
            raise Refused(reason)


class AuditFilters(ListFilters):
    object_type = serializers.CharField(required=False, max_length=60, help_text="For example registry.modelversion")
    object_id = serializers.CharField(required=False, max_length=40)
    object_label = serializers.CharField(required=False, max_length=255, help_text="As it was called then.")
    action = serializers.CharField(required=False, max_length=60, help_text="For example version.upload")
    actor_name = serializers.CharField(required=False, max_length=150)
    refused = serializers.BooleanField(required=False, default=None, allow_null=True)
    request_id = serializers.CharField(required=False, max_length=40)
    since = serializers.DateTimeField(required=False, help_text="This moment is within.")
    until = serializers.DateTimeField(required=False, help_text="This moment is not.")

    @classmethod
    def wanted(cls, view) -> finding.Wanted:
        given = cls.read(view)
        return finding.Wanted(**{name: value for name, value in given.items() if value is not None})


class ObjectAsOf(AsOfFilters):
    object_type = serializers.CharField(max_length=60, help_text="For example registry.modelversion")
    object_id = serializers.CharField(max_length=40)


class AuditEventViewSet(Readers, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """The audit trail, for those who see everything; each object's own part of it is at its `history/`."""

    queryset = AuditEvent.objects.all()
    serializer_class = AuditEventSerializer
    lookup_value_regex = "[0-9]{1,18}"

    def get_serializer_class(self):
        return WholeEventSerializer if self.action == "retrieve" else AuditEventSerializer

    def get_queryset(self):
        rows = super().get_queryset()
        return rows.select_related("leaf") if self.action == "retrieve" else rows

    @extend_schema(parameters=[AuditFilters])
    def list(self, request):
        """What happened, who did it, to what; newest first. Refused attempts are in it."""
        return super().list(request)

    def filter_queryset(self, rows):
        return finding.events(AuditFilters.wanted(self)).defer("changes") if self.action == "list" else rows

    @extend_schema(parameters=[ObjectAsOf], responses=PictureSerializer)
    @route(detail=False, methods=["get"], url_path="as-of")
    def as_of(self, request):
        """Any audited row as it was at a moment, a removed one too. It says what the log does not know."""
        asked = ObjectAsOf.read(self)
        return Response(PictureSerializer(as_of(asked["object_type"], asked["object_id"], asked["at"])).data)

    @extend_schema(
        parameters=[
            AuditFilters,
            OpenApiParameter("form", str, OpenApiParameter.PATH, enum=[export.CSV, export.JSONL]),
        ],
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "The events, and a last line of control totals."),
            (200, "application/jsonl"): OpenApiResponse(OpenApiTypes.STR, "What `verify_log.py` reads."),
        },
    )
    def export(self, request, form: str):
        """The log as a file, oldest first. Without a filter the JSON lines are the whole sealed log, to verify offline.

        The last line holds the control totals: count, first and last id, SHA-256 of all bytes before it.
        """
        wanted = AuditFilters.wanted(self)
        content = StreamingHttpResponse(export.stream(wanted, form), content_type=export.TYPES[form])
        return attached(content, export.file_name(wanted, form))


class AuditSealViewSet(Readers, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """Batches of events under one Merkle root, each chained to the one before."""

    queryset = AuditSeal.objects.all()
    serializer_class = AuditSealSerializer
    lookup_value_regex = "[0-9]{1,18}"


class AuditCheckpointViewSet(Readers, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """Signed statements of where the log stood, kept outside the database."""

    queryset = AuditCheckpoint.objects.select_related("key")
    serializer_class = AuditCheckpointSerializer
    lookup_value_regex = "[0-9]{1,18}"

    @extend_schema(responses=SignedCheckpointSerializer)
    @route(detail=True, methods=["get"])
    def document(self, request, pk=None):
        """The signed file, as it is in its store."""
        return Response(json.loads(checkpoints.document(self.get_object())))


class AuditCheckViewSet(Readers, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """Verifications of the whole log."""

    queryset = AuditCheck.objects.select_related("asked_by")
    serializer_class = AuditCheckSerializer
    lookup_value_regex = "[0-9]{1,18}"

    @extend_schema(request=None, responses={202: AuditCheckSerializer})
    def create(self, request):
        """Recompute everything and name the first event that does not fit. A large log waits for the worker: poll."""
        row = checks.ask(request.user)
        return Response(self.get_serializer(row).data, status=202)


class AuditKeyView(Readers, APIView):
    """The public keys that checkpoints were signed with."""

    @extend_schema(responses=AuditKeySerializer(many=True))
    def get(self, request):
        """Newest first. Compare with the key you were given by other means."""
        return Response(AuditKeySerializer(AuditKey.objects.all(), many=True).data)
