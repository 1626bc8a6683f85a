"""Stored files: what the gate read in them, and the waivers for those that it lets in only on a person's word."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from registry import waivers
from registry.api import inputs
from registry.api.artifact_serializers import (
    ArtifactRowSerializer,
    ArtifactSerializer,
    ScanSerializer,
    WaiverRowSerializer,
    WaiverSerializer,
)
from registry.api.offers import offer
from registry.api.reading import HasHistory, ListFilters, VisibleRow, VisibleRows
from registry.models import Artifact, AuditEvent, Waiver


class ArtifactFilters(ListFilters):
    sha256 = serializers.RegexField("^[0-9a-f]{64}$", required=False)


class ArtifactViewSet(VisibleRows, HasHistory, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """A file, stored once under its SHA-256, that versions of models or datasets are."""

    queryset = Artifact.objects.all()

    def get_queryset(self):
        return super().get_queryset().with_seen_since(self.request.user)

    def history_of(self, row):
        return AuditEvent.objects.about_file(row, self.request.user)

    def get_serializer_class(self):
        return ArtifactRowSerializer if self.action == "list" else ArtifactSerializer

    @extend_schema(parameters=[ArtifactFilters])
    def list(self, request):
        """The files of the versions that you see, newest first."""
        return super().list(request)

    def filter_queryset(self, rows):
        return rows.filter(**ArtifactFilters.read(self)) if self.action == "list" else rows

    @extend_schema(responses=ScanSerializer(many=True), filters=False)
    @route(detail=True, methods=["get"], serializer_class=ScanSerializer)
    def scans(self, request, pk=None):
        """What the gate read in it each time for versions that you see, newest first; the newest one of all counts."""
        rows = self.get_object().scans.visible_to(request.user).select_related("scanned_by")
        return self.page_of(rows, ScanSerializer)

    @extend_schema(responses=WaiverRowSerializer(many=True), filters=False)
    @route(detail=True, methods=["get"])
    def waivers(self, request, pk=None):
        """The waivers granted for versions that you see, newest first: in force, expired, revoked."""
        rows = self.get_object().waivers.visible_to(request.user)
        rows = rows.select_related("artifact", "granted_by", "revoked_by")
        return self.page_of(rows, WaiverRowSerializer)

    @extend_schema(request=inputs.NewWaiverSerializer, responses={201: WaiverSerializer})
    @waivers.mapping.post
    def grant(self, request, pk=None):
        """Grant a waiver: answer for this file with exactly the imports of the scan that you read."""
        artifact = self.get_object()
        waiver = waivers.grant(artifact, actor=request.user, **inputs.read(self, inputs.NewWaiverSerializer))
        return Response(WaiverSerializer(waiver, context=self.get_serializer_context()).data, status=201)


class WaiverFilters(ListFilters):
    artifact = VisibleRow(queryset=Artifact.objects.all(), required=False)
    in_force = serializers.BooleanField(required=False, default=None, allow_null=True)


class WaiverViewSet(VisibleRows, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """A security officer's word that a file may run in spite of what it imports."""

    queryset = Waiver.objects.select_related("artifact", "granted_by", "revoked_by")

    def get_serializer_class(self):
        return WaiverRowSerializer if self.action == "list" else WaiverSerializer

    @extend_schema(parameters=[WaiverFilters])
    def list(self, request):
        """Waivers, newest first."""
        return super().list(request)

    def filter_queryset(self, rows):
        if self.action != "list":
            return rows
        wanted = WaiverFilters.read(self)
        if "artifact" in wanted:
            rows = rows.filter(artifact=wanted["artifact"])
        if wanted["in_force"] is None:
            return rows
        held = Waiver.objects.in_force().values("pk")
        return rows.filter(pk__in=held) if wanted["in_force"] else rows.exclude(pk__in=held)

    @extend_schema(request=inputs.RevocationSerializer, responses={200: WaiverSerializer})
    @route(detail=True, methods=["post"])
    def revoke(self, request, pk=None):
        """End it now: nothing starts under it any more, and what runs is stopped."""
        waivers.revoke(self.get_object(), actor=request.user, **inputs.read(self, inputs.RevocationSerializer))
        return Response(self.get_serializer(self.get_object()).data)


offer(Artifact, waivers.grant, route="artifact-waivers")
offer(Waiver, waivers.revoke, route="waiver-revoke")
