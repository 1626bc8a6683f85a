"""Models and their versions: register, upload, and what else a version answers. Its case: registry.api.case."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from registry import actions, waivers
from registry.api import inputs
from registry.api.case import CaseSteps
from registry.api.offers import offer
from registry.api.reading import FILE_ANSWERS, AsAsked, HasHistory, ListFilters, VisibleRow, VisibleRows
from registry.api.serializers import (
    ClearanceSerializer,
    ModelRowSerializer,
    ModelSerializer,
    VersionRowSerializer,
    VersionSerializer,
)
from registry.api.use import UseSteps
from registry.approvals.deployment import clearance
from registry.models import MLModel, ModelVersion
from registry.views.files import send


class ModelViewSet(VisibleRows, HasHistory, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """The inventory: each model is a method for a purpose, stable over its versions."""

    queryset = MLModel.objects.select_related("owner").prefetch_related("developers")

    def get_serializer_class(self):
        return ModelRowSerializer if self.action == "list" else ModelSerializer

    @extend_schema(request=inputs.NewModelSerializer, responses={201: ModelSerializer})
    def create(self, request):
        """Register a model; you become its owner."""
        model = actions.register_model(MLModel, actor=request.user, **inputs.read(self, inputs.NewModelSerializer))
        return Response(self.get_serializer(model).data, status=201)

    @extend_schema(request=inputs.ContextSerializer, responses={200: ModelSerializer})
    @route(detail=True, methods=["put"])
    def context(self, request, pk=None):
        """Say what it is used for, and which laws look at that."""
        actions.edit_context(self.get_object(), actor=request.user, **inputs.read(self, inputs.ContextSerializer))
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(responses=VersionRowSerializer(many=True))
    @route(detail=True, methods=["get"], parser_classes=[MultiPartParser])
    def versions(self, request, pk=None):
        """The versions of one model, newest first."""
        rows = self.get_object().versions.with_gate().select_related("model", "artifact", "created_by")
        return self.page_of(rows, VersionRowSerializer)

    @extend_schema(request={"multipart/form-data": inputs.NewVersionSerializer}, responses={201: VersionSerializer})
    @versions.mapping.post
    def upload(self, request, pk=None):
        """Upload a version. The file is scanned in a sandbox before it is loaded, and stored under its SHA-256.

        What the scan refuses is answered with the code `refused_file` and the scan in `detail`; nothing of it is kept.
        What needs a waiver is stored and waits for a security officer.
        """
        model = self.get_object()
        version = actions.upload_version(model, actor=request.user, **inputs.read(self, inputs.NewVersionSerializer))
        return Response(VersionSerializer(version, context=self.get_serializer_context()).data, status=201)


class VersionFilters(ListFilters):
    model = VisibleRow(queryset=MLModel.objects.all(), required=False)
    gate = serializers.ChoiceField(
        choices=ModelVersion.Gate.choices, required=False, help_text="Whether its file may be run now."
    )
    approval_status = serializers.ChoiceField(choices=ModelVersion.ApprovalStatus.choices, required=False)
    revalidation = serializers.ChoiceField(choices=ModelVersion.Revalidation.choices[1:], required=False)
    use_status = serializers.ChoiceField(choices=ModelVersion.UseStatus.choices, required=False)


class GateQuestion(ListFilters):
    sha256 = serializers.RegexField(
        "^[0-9A-Fa-f]{64}$", required=False, help_text="Of the file that would be deployed, in hexadecimal."
    )


class VersionViewSet(CaseSteps, UseSteps, VisibleRows, HasHistory, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """One artefact of a model under test and approval."""

    queryset = ModelVersion.objects.select_related("model", "model__owner", "artifact", "created_by")

    def get_serializer_class(self):
        return VersionRowSerializer if self.action == "list" else VersionSerializer

    def get_queryset(self):
        return super().get_queryset().with_gate()

    @extend_schema(parameters=[VersionFilters])
    def list(self, request):
        """Versions of all models that you see, newest first."""
        return super().list(request)

    def filter_queryset(self, rows):
        if self.action != "list":
            return rows
        wanted = dict(VersionFilters.read(self))
        if "gate" in wanted:
            rows = rows.gate_is(wanted.pop("gate"))
        return rows.filter(**wanted)

    @extend_schema(responses=FILE_ANSWERS)
    @route(detail=True, methods=["get"], content_negotiation_class=AsAsked)
    def file(self, request, pk=None):
        """The file as it was uploaded."""
        version = self.get_object()
        return send(version.artifact, version.original_name)

    @extend_schema(parameters=[GateQuestion], responses=ClearanceSerializer, filters=False)
    @route(detail=True, methods=["get"], pagination_class=None)
    def gate(self, request, pk=None):
        """May this exact file be deployed now? For pipelines: `allowed`, and every reason why not.

        Give the SHA-256 of the file in your hands. The stored file is read and hashed at each question.
        """
        found = clearance(self.get_object(), **GateQuestion.read(self))
        return Response(ClearanceSerializer(found, context=self.get_serializer_context()).data)

    @extend_schema(request=None, responses={200: VersionSerializer})
    @route(detail=True, methods=["post"])
    def rescan(self, request, pk=None):
        """Read its file with the allow-list of today. Earlier scans are kept; the newest one counts."""
        waivers.rescan(self.get_object(), actor=request.user)
        return Response(self.get_serializer(self.get_object()).data)


offer(MLModel, actions.edit_context, method="PUT", route="model-context")
offer(MLModel, actions.upload_version, route="model-versions")
offer(ModelVersion, waivers.rescan, route="version-rescan")
