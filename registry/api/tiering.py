"""Risk ratings over REST: the questions and the matrix, ratings, and the second person."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from registry.api import inputs
from registry.api.offers import AvailableActions, offer
from registry.api.reading import ListFilters, VisibleRow, VisibleRows
from registry.api.serializers import Link, username
from registry.models import MLModel, TierRating
from registry.tiers import actions, matrix


class TierRatingSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:tier-rating-detail")
    model = Link(route="model-detail")
    answers = serializers.DictField(read_only=True)
    forced = serializers.ListField(child=serializers.CharField(), read_only=True)
    tier = serializers.IntegerField(read_only=True)
    rated_by = username()
    settled_by = username(allow_null=True)
    available_actions = AvailableActions()

    class Meta:
        model = TierRating
        fields = [
            "id",
            "url",
            "model",
            "tier",
            "state",
            "answers",
            "materiality",
            "inherent",
            "computed_tier",
            "forced",
            "override_tier",
            "reason",
            "matrix_version",
            "matrix_sha256",
            "rated_by",
            "rated_at",
            "settled_by",
            "settled_at",
            "settled_note",
            "available_actions",
        ]


class TierRatingRowSerializer(TierRatingSerializer):
    """As it stands in a list."""

    class Meta(TierRatingSerializer.Meta):
        fields = [name for name in TierRatingSerializer.Meta.fields if name != "available_actions"]


class NewTierRatingSerializer(serializers.Serializer):
    model = VisibleRow(queryset=MLModel.objects.all())
    answers = serializers.DictField(
        child=serializers.JSONField(), help_text="A score a question, true or false a forcing one; see `/tiering/`."
    )
    override_tier = serializers.ChoiceField(choices=MLModel.Tier.choices, required=False, allow_null=True)
    reason = serializers.CharField(required=False, allow_blank=True, help_text="Needed for an override.")


class ConfirmationSerializer(serializers.Serializer):
    note = serializers.CharField(required=False, allow_blank=True)


class RefusalSerializer(serializers.Serializer):
    reason = serializers.CharField()


class TierRatingFilters(ListFilters):
    model = VisibleRow(queryset=MLModel.objects.all(), required=False)
    state = serializers.ChoiceField(choices=TierRating.State.choices, required=False)


class TierRatingViewSet(VisibleRows, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """How much depends on a model and what could go wrong with it; each rating takes two people."""

    queryset = TierRating.objects.select_related("model__owner", "rated_by", "settled_by")

    def get_serializer_class(self):
        return TierRatingRowSerializer if self.action == "list" else TierRatingSerializer

    @extend_schema(parameters=[TierRatingFilters])
    def list(self, request):
        """Ratings, newest first."""
        return super().list(request)

    def filter_queryset(self, rows):
        return rows.filter(**TierRatingFilters.read(self)) if self.action == "list" else rows

    @extend_schema(request=NewTierRatingSerializer, responses={201: TierRatingSerializer})
    def create(self, request):
        """Rate a model. Its tier changes when a second person confirms."""
        given = inputs.read(self, NewTierRatingSerializer)
        made = actions.rate_model(given.pop("model"), actor=request.user, **given)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=ConfirmationSerializer, responses=TierRatingSerializer)
    @route(detail=True, methods=["post"])
    def confirm(self, request, pk=None):
        """As the second person, agree: the model has this tier from now on."""
        actions.confirm_rating(self.get_object(), actor=request.user, **inputs.read(self, ConfirmationSerializer))
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=RefusalSerializer, responses=TierRatingSerializer)
    @route(detail=True, methods=["post"])
    def refuse(self, request, pk=None):
        """As the second person, do not agree: the tier stays as it is."""
        actions.refuse_rating(self.get_object(), actor=request.user, **inputs.read(self, RefusalSerializer))
        return Response(self.get_serializer(self.get_object()).data)


class TieringSerializer(serializers.Serializer):
    sha256 = serializers.CharField(help_text="Of the document; each rating keeps it.")
    document = serializers.DictField(help_text="modelrisk.tiering/1: questions, scores, matrix, cadence, sources.")


class TieringView(APIView):
    @extend_schema(responses=TieringSerializer)
    def get(self, request):
        """The questions, the matrix, and what each tier asks for."""
        return Response({"sha256": matrix.sha256(), "document": matrix.tiering()})


offer(TierRating, actions.confirm_rating, route="tier-rating-confirm")
offer(TierRating, actions.refuse_rating, route="tier-rating-refuse")
offer(MLModel, actions.rate_model, route="tier-rating-list", at_row=False)
