"""Datasets and their versions: register, upload, say what the columns are."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action as route
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from registry import actions
from registry.api import inputs
from registry.api.offers import offer
from registry.api.reading import FILE_ANSWERS, AsAsked, HasHistory, VisibleRows
from registry.api.serializers import (
    DatasetRowSerializer,
    DatasetSerializer,
    DatasetVersionRowSerializer,
    DatasetVersionSerializer,
)
from registry.models import Dataset, DatasetVersion
from registry.relations import judge_relation
from registry.views.files import send


class DatasetViewSet(VisibleRows, HasHistory, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """A dataset is stable over its versions."""

    queryset = Dataset.objects.select_related("owner")

    def get_serializer_class(self):
        return DatasetRowSerializer if self.action == "list" else DatasetSerializer

    @extend_schema(request=inputs.NewDatasetSerializer, responses={201: DatasetSerializer})
    def create(self, request):
        """Register a dataset; you become its owner."""
        given = inputs.read(self, inputs.NewDatasetSerializer)
        dataset = actions.register_dataset(Dataset, actor=request.user, **given)
        return Response(self.get_serializer(dataset).data, status=201)

    @extend_schema(responses=DatasetVersionRowSerializer(many=True))
    @route(detail=True, methods=["get"], parser_classes=[MultiPartParser])
    def versions(self, request, pk=None):
        """The versions of one dataset, newest first."""
        rows = self.get_object().versions.select_related("dataset", "artifact", "created_by")
        return self.page_of(rows, DatasetVersionRowSerializer)

    @extend_schema(
        request={"multipart/form-data": inputs.NewDatasetVersionSerializer},
        responses={201: DatasetVersionSerializer},
    )
    @versions.mapping.post
    def upload(self, request, pk=None):
        """Upload a version. It is profiled on arrival; each column is read as in the version before, or guessed."""
        dataset = self.get_object()
        given = inputs.read(self, inputs.NewDatasetVersionSerializer)
        version = actions.upload_dataset_version(dataset, actor=request.user, **given)
        return Response(DatasetVersionSerializer(version, context=self.get_serializer_context()).data, status=201)


class DatasetVersionViewSet(VisibleRows, HasHistory, RetrieveModelMixin, GenericViewSet):
    """One file of a dataset. The file never changes; what its columns are for may be edited."""

    queryset = DatasetVersion.objects.select_related("dataset", "artifact", "created_by").prefetch_related(
        "columns", "relations"
    )
    serializer_class = DatasetVersionSerializer

    @extend_schema(responses=FILE_ANSWERS)
    @route(detail=True, methods=["get"], content_negotiation_class=AsAsked)
    def file(self, request, pk=None):
        """The file as it was uploaded."""
        version = self.get_object()
        return send(version.artifact, version.original_name)

    @extend_schema(request=inputs.EditedColumnsSerializer, responses={200: DatasetVersionSerializer})
    @route(detail=True, methods=["put"])
    def columns(self, request, pk=None):
        """Say what columns are for, and what a person could change about them. Those not named stay as they are."""
        version = self.get_object()
        given = inputs.read(self, inputs.EditedColumnsSerializer)
        given.setdefault("favourable", version.favourable)
        actions.edit_columns(version, actor=request.user, **given)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=inputs.JudgedRelationSerializer, responses={200: DatasetVersionSerializer})
    @route(detail=True, methods=["put"])
    def relations(self, request, pk=None):
        """Confirm or dismiss a relation between columns, or write a new one, which the data must bear out."""
        given = inputs.read(self, inputs.JudgedRelationSerializer)
        judge_relation(self.get_object(), actor=request.user, **given)
        return Response(self.get_serializer(self.get_object()).data)


offer(Dataset, actions.upload_dataset_version, route="dataset-versions")
offer(DatasetVersion, actions.edit_columns, method="PUT", route="dataset-version-columns")
offer(DatasetVersion, judge_relation, method="PUT", route="dataset-version-relations")
