"""Retention over REST: the schedule and what is due under it, legal holds, purges."""

from itertools import islice

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from registry import access
from registry.api import inputs
from registry.api.audit import Readers
from registry.api.offers import AvailableActions, offer
from registry.api.reading import HasHistory, ListFilters, VisibleRow, VisibleRows
from registry.api.serializers import Link, username
from registry.models import Artifact, Dataset, LegalHold, MLModel, Purge
from registry.refusals import Refused
from registry.retention import holds, purging, rules
from registry.retention.standing import due, standing

LISTED = 200  # files that are due, in one answer


class RuleSerializer(serializers.Serializer):
    id = serializers.CharField()
    title = serializers.CharField()
    kinds = serializers.ListField(child=serializers.CharField())
    months = serializers.IntegerField(allow_null=True, help_text="After the use has ended; null: without end.")
    period = serializers.CharField()
    always = serializers.BooleanField()
    legal_contexts = serializers.ListField(child=serializers.CharField())
    use_cases = serializers.ListField(child=serializers.CharField())
    early = serializers.BooleanField(help_text="May go before the other rules end, where two people say so.")
    by_itself = serializers.BooleanField(help_text="The night purges under it; otherwise two people do.")
    record = serializers.CharField()
    minimum = serializers.CharField(help_text="As the source has it.")
    source = serializers.CharField()
    verified = serializers.CharField()
    basis = serializers.CharField()


class LegalHoldSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:legal-hold-detail")
    label = serializers.CharField(source="__str__", read_only=True)
    model = Link(route="model-detail", allow_null=True)
    dataset = Link(route="dataset-detail", allow_null=True)
    placed_by = username()
    lifted_by = username(allow_null=True)
    available_actions = AvailableActions()

    class Meta:
        model = LegalHold
        fields = [
            *("id", "url", "label", "model", "dataset", "reason", "placed_by", "placed_at"),
            *("lifted_by", "lifted_at", "lifted_reason", "available_actions"),
        ]


class PurgeSerializer(serializers.ModelSerializer):
    """What went, or is asked to go; under which rule; by whom."""

    url = serializers.HyperlinkedIdentityField(view_name="api:purge-detail")
    artifact = Link(route="artifact-detail")
    served = serializers.ListField(child=serializers.CharField(), help_text="What the file was.", read_only=True)
    rule = RuleSerializer(read_only=True)
    asked_by = username()
    settled_by = username(allow_null=True)
    available_actions = AvailableActions()

    class Meta:
        model = Purge
        fields = [
            *("id", "url", "artifact", "sha256", "size", "served", "rule", "schedule_sha256", "early", "reason"),
            *("state", "asked_by", "asked_at", "settled_by", "settled_at", "settled_note", "purged_at"),
            "available_actions",
        ]


class DueSerializer(serializers.Serializer):
    artifact = Link(route="artifact-detail")
    sha256 = serializers.CharField(source="artifact.sha256")
    size = serializers.IntegerField(source="artifact.size", help_text="bytes")
    served = serializers.ListField(child=serializers.CharField(), source="labels")
    rule = serializers.CharField(source="rule.id", help_text="The one that kept it longest.")
    until = serializers.DateField(help_text="The last day on which it did.")


class RetentionSerializer(serializers.Serializer):
    title = serializers.CharField()
    note = serializers.CharField()
    sha256 = serializers.CharField(help_text="Of the schedule; each purge keeps it.")
    rules = RuleSerializer(many=True)
    holds = LegalHoldSerializer(many=True, help_text="In force.")
    due = DueSerializer(many=True, help_text=f"What nothing keeps any more, oldest first; {LISTED} at most.")
    purged = PurgeSerializer(many=True, help_text="The newest; all are at /purges/?state=purged.")


class RetentionView(Readers, APIView):
    @extend_schema(responses=RetentionSerializer)
    def get(self, request):
        """What was purged, under which rule; what is held, and what is due. Answers the auditor's question 13."""
        schedule = rules.schedule()
        told = {"title": schedule["title"], "note": schedule["note"], "sha256": rules.sha256(), "rules": rules.rules()}
        told["holds"] = LegalHoldViewSet.queryset.in_force()
        told["due"] = list(islice(due(), LISTED))
        told["purged"] = PurgeViewSet.queryset.filter(state=Purge.State.PURGED)[:LISTED]
        return Response(RetentionSerializer(told, context={"request": request, "view": self}).data)


class UseSerializer(serializers.Serializer):
    kind = serializers.CharField()
    label = serializers.CharField()
    ended = serializers.DateField(allow_null=True, help_text="null: it goes on")
    until = serializers.DateField(allow_null=True, help_text="Until when its records were promised, where they were.")


class StandingSerializer(serializers.Serializer):
    sha256 = serializers.CharField(source="artifact.sha256")
    purged_at = serializers.DateTimeField(source="artifact.purged_at", allow_null=True)
    uses = UseSerializer(many=True)
    rule = serializers.CharField(source="rule.id", allow_null=True, default=None)
    until = serializers.DateField(allow_null=True, help_text="9999-12-31: without end")
    kept_by = serializers.ListField(child=serializers.CharField(), help_text="What keeps it; empty: it is due.")
    may_go_early = serializers.CharField(
        source="early.id", allow_null=True, default=None, help_text="The rule, or null."
    )


class RetentionOfFileView(APIView):
    @extend_schema(responses=StandingSerializer)
    def get(self, request, pk: str):
        """What keeps one file, or that it is due. For those who see every model."""
        found = get_object_or_404(Artifact.objects.visible_to(request.user), pk=pk)
        if reason := access.may_read_audit(None, request.user):
            raise Refused(reason)
        return Response(StandingSerializer(standing(found)).data)


class NewLegalHoldSerializer(serializers.Serializer):
    """On a model or on a dataset."""

    model = VisibleRow(queryset=MLModel.objects.all(), required=False)
    dataset = VisibleRow(queryset=Dataset.objects.all(), required=False)
    reason = serializers.CharField(help_text="Which matter asks for it; at least 10 characters.")


class WhySerializer(serializers.Serializer):
    reason = serializers.CharField(help_text="Kept with your name; at least 10 characters.")


class NewPurgeSerializer(WhySerializer):
    artifact = VisibleRow(queryset=Artifact.objects.all())
    early = serializers.BooleanField(
        required=False, default=False, help_text="As special-category data that has served, before other rules end."
    )


class PurgeNoteSerializer(serializers.Serializer):
    note = serializers.CharField(required=False, allow_blank=True)


class LegalHoldFilters(ListFilters):
    model = VisibleRow(queryset=MLModel.objects.all(), required=False)
    dataset = VisibleRow(queryset=Dataset.objects.all(), required=False)
    in_force = serializers.BooleanField(required=False, default=None, allow_null=True)


class LegalHoldViewSet(VisibleRows, HasHistory, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """While one is in force, nothing of its model or dataset is purged."""

    queryset = LegalHold.objects.select_related("model", "dataset", "placed_by", "lifted_by")
    serializer_class = LegalHoldSerializer

    @extend_schema(parameters=[LegalHoldFilters])
    def list(self, request):
        """Legal holds, newest first, lifted ones too."""
        return super().list(request)

    def filter_queryset(self, rows):
        wanted = LegalHoldFilters.read(self) if self.action == "list" else {}
        in_force = wanted.pop("in_force", None)
        if in_force is not None:
            rows = rows.filter(lifted_at__isnull=in_force)
        return rows.filter(**wanted)

    @extend_schema(request=NewLegalHoldSerializer, responses={201: LegalHoldSerializer})
    def create(self, request):
        """Place one, in your web session: a token signs nothing."""
        hold = holds.place_hold(LegalHold, actor=request.user, **inputs.read(self, NewLegalHoldSerializer))
        return Response(self.get_serializer(hold).data, status=201)

    @extend_schema(request=WhySerializer, responses=LegalHoldSerializer)
    @route(detail=True, methods=["post"])
    def lift(self, request, pk=None):
        """End it, in your web session: a token signs nothing."""
        holds.lift_hold(self.get_object(), actor=request.user, **inputs.read(self, WhySerializer))
        return Response(self.get_serializer(self.get_object()).data)


class PurgeFilters(ListFilters):
    state = serializers.ChoiceField(choices=Purge.State.choices, required=False)
    artifact = VisibleRow(queryset=Artifact.objects.all(), required=False)


class PurgeViewSet(VisibleRows, HasHistory, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """Files that went or are asked to go. One that is purged is the tombstone of its file."""

    queryset = Purge.objects.select_related("artifact", "asked_by", "settled_by")
    serializer_class = PurgeSerializer

    @extend_schema(parameters=[PurgeFilters])
    def list(self, request):
        """Purges, newest first."""
        return super().list(request)

    def filter_queryset(self, rows):
        return rows.filter(**PurgeFilters.read(self)) if self.action == "list" else rows

    @extend_schema(request=NewPurgeSerializer, responses={201: PurgeSerializer})
    def create(self, request):
        """Ask that a file goes; a second person confirms it. What a rule or a hold keeps is refused."""
        given = inputs.read(self, NewPurgeSerializer)
        purge = purging.ask_for_purge(given.pop("artifact"), actor=request.user, **given)
        return Response(self.get_serializer(purge).data, status=201)

    @extend_schema(request=PurgeNoteSerializer, responses=PurgeSerializer)
    @route(detail=True, methods=["post"])
    def confirm(self, request, pk=None):
        """As the second person, in your web session: the bytes go at once, and nobody brings them back."""
        given = {"note": ""} | inputs.read(self, PurgeNoteSerializer)
        purging.confirm_purge(self.get_object(), actor=request.user, **given)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=WhySerializer, responses=PurgeSerializer)
    @route(detail=True, methods=["post"])
    def refuse(self, request, pk=None):
        """Say no: the file stays."""
        purging.refuse_purge(self.get_object(), actor=request.user, **inputs.read(self, WhySerializer))
        return Response(self.get_serializer(self.get_object()).data)


# Asked of whoever answers for records, whichever model or dataset it is about.
offer(MLModel, holds.place_hold, route="legal-hold-list", at_row=False)
offer(Dataset, holds.place_hold, route="legal-hold-list", at_row=False)
offer(Artifact, purging.ask_for_purge, route="purge-list", at_row=False)
offer(LegalHold, holds.lift_hold, route="legal-hold-lift")
offer(Purge, purging.confirm_purge, route="purge-confirm")
offer(Purge, purging.refuse_purge, route="purge-refuse")
