"""Conditions, triggers of a revalidation, attestations and change notes over REST."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from registry import attestations, change_notes, conditions, revalidation
from registry.api import inputs
from registry.api.offers import AvailableActions, offer
from registry.api.reading import HasHistory, ListFilters, VisibleRow, VisibleRows
from registry.api.serializers import Link, username
from registry.models import Attestation, ChangeNote, Condition, ModelVersion, RevalidationTrigger


class ConditionRowSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:condition-detail")
    label = serializers.CharField(source="__str__", read_only=True)
    version = Link(route="version-detail", source="decision.request.version")
    decision = Link(route="decision-detail")
    criterion = serializers.DictField(read_only=True)
    owner = username()
    settled_by = username(allow_null=True)

    class Meta:
        model = Condition
        fields = [
            *("id", "url", "label", "version", "decision", "number", "text", "owner", "due", "check_method"),
            *("criterion", "state", "evidence", "settled_by", "settled_at"),
        ]


class ConditionSerializer(ConditionRowSerializer):
    available_actions = AvailableActions()

    class Meta(ConditionRowSerializer.Meta):
        fields = [*ConditionRowSerializer.Meta.fields, "available_actions"]


class ConditionStepSerializer(serializers.Serializer):
    text = serializers.CharField(help_text="What is said with this step; it is kept in the history.")


class ConditionFilters(ListFilters):
    version = VisibleRow(queryset=ModelVersion.objects.all(), required=False)
    state = serializers.ChoiceField(choices=Condition.State.choices, required=False)
    show = serializers.ChoiceField(choices=list(conditions.SHOWN.items()), required=False)


class ConditionViewSet(VisibleRows, HasHistory, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """Measurable obligations under which approvals hold."""

    queryset = Condition.objects.select_related(
        "owner", "settled_by", "decision__request__version__model", "decision__decided_by"
    ).order_by("-pk")

    def get_serializer_class(self):
        return ConditionRowSerializer if self.action == "list" else ConditionSerializer

    @extend_schema(parameters=[ConditionFilters])
    def list(self, request):
        """Conditions, newest first."""
        return super().list(request)

    def filter_queryset(self, rows):
        if self.action != "list":
            return rows
        wanted = ConditionFilters.read(self)
        rows = conditions.filtered(rows, wanted.pop("show", "all"))
        names = {"version": "decision__request__version", "state": "state"}
        return rows.filter(**{names[name]: value for name, value in wanted.items()})

    def _move(self, request, event: conditions.Event) -> Response:
        given = inputs.read(self, ConditionStepSerializer)
        conditions.STEPS[event](self.get_object(), actor=request.user, **given)
        return Response(ConditionSerializer(self.get_object(), context=self.get_serializer_context()).data)


def _add_route(event: conditions.Event) -> None:
    """One address for one step."""

    @extend_schema(request=ConditionStepSerializer, responses={200: ConditionSerializer})
    def move(self, request, pk=None):
        return self._move(request, event)

    move.__name__, move.__doc__ = event.value, conditions.STEPS[event].__doc__
    address = event.value.replace("_", "-")
    setattr(
        ConditionViewSet, event.value, route(detail=True, methods=["post"], url_path=address, url_name=address)(move)
    )
    offer(Condition, conditions.STEPS[event], route=f"condition-{address}")


for _event in conditions.STEPS:
    _add_route(_event)


class OfVersionFilters(ListFilters):
    version = VisibleRow(queryset=ModelVersion.objects.all(), required=False)


class OfVersion(VisibleRows, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """Rows about versions, listed and read alike."""

    filters: type[ListFilters] = OfVersionFilters

    def filter_queryset(self, rows):
        return rows.filter(**self.filters.read(self)) if self.action == "list" else rows


class TriggerSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:revalidation-trigger-detail")
    version = Link(route="version-detail")
    decision = Link(route="decision-detail", allow_null=True)
    raised_by = username()

    class Meta:
        model = RevalidationTrigger
        fields = ["id", "url", "version", "kind", "reason", "raised_by", "raised_at", "closed_at", "decision"]


class NewTriggerSerializer(serializers.Serializer):
    version = VisibleRow(queryset=ModelVersion.objects.all())
    kind = serializers.ChoiceField(choices=RevalidationTrigger.Kind.choices)
    reason = serializers.CharField(help_text="What happened, when, and where it can be read.")


class TriggerFilters(OfVersionFilters):
    kind = serializers.ChoiceField(choices=RevalidationTrigger.Kind.choices, required=False)
    open = serializers.BooleanField(required=False, default=None, allow_null=True)


class RevalidationTriggerViewSet(OfVersion):
    """What asks for a revalidation. Only a new decision answers it."""

    queryset = RevalidationTrigger.objects.select_related(
        "version__model", "raised_by", "decision__request__version__model"
    )
    serializer_class = TriggerSerializer
    filters = TriggerFilters

    @extend_schema(parameters=[TriggerFilters])
    def list(self, request):
        """Triggers, newest first."""
        return super().list(request)

    def filter_queryset(self, rows):
        if self.action != "list":
            return rows
        wanted = TriggerFilters.read(self)
        asked = wanted.pop("open")
        if asked is not None:
            open_ones = RevalidationTrigger.objects.open().values("pk")
            rows = rows.filter(pk__in=open_ones) if asked else rows.exclude(pk__in=open_ones)
        return rows.filter(**wanted)

    @extend_schema(request=NewTriggerSerializer, responses={201: TriggerSerializer})
    def create(self, request):
        """Say that something happened."""
        given = inputs.read(self, NewTriggerSerializer)
        made = revalidation.open_trigger(given.pop("version"), actor=request.user, **given)
        return Response(self.get_serializer(made).data, status=201)


class AnswerSerializer(serializers.Serializer):
    holds = serializers.BooleanField()
    note = serializers.CharField(required=False, allow_blank=True, default="", help_text="Needed with a no.")


class AttestationSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:attestation-detail")
    version = Link(route="version-detail")
    attested_by = username()
    holds = serializers.BooleanField(read_only=True)
    answers = serializers.DictField(read_only=True)

    class Meta:
        model = Attestation
        fields = ["id", "url", "version", "holds", "answers", "due", "attested_by", "attested_at"]


class NewAttestationSerializer(serializers.Serializer):
    version = VisibleRow(queryset=ModelVersion.objects.all())
    answers = serializers.DictField(
        child=AnswerSerializer(), help_text=f"By fact: {', '.join(Attestation.Fact.values)}"
    )


class AttestationViewSet(OfVersion):
    """What owners stated, from time to time, of what they use."""

    queryset = Attestation.objects.select_related("version__model", "attested_by")
    serializer_class = AttestationSerializer

    @extend_schema(parameters=[OfVersionFilters])
    def list(self, request):
        """Attestations, newest first."""
        return super().list(request)

    @extend_schema(request=NewAttestationSerializer, responses={201: AttestationSerializer})
    def create(self, request):
        """State of each fact whether it still holds."""
        given = inputs.read(self, NewAttestationSerializer)
        answers = {fact: dict(answer) for fact, answer in given["answers"].items()}
        made = attestations.attest(given["version"], actor=request.user, answers=answers)
        return Response(self.get_serializer(made).data, status=201)


class ChangeNoteSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:change-note-detail")
    version = Link(route="version-detail")
    made_by = username()

    class Meta:
        model = ChangeNote
        fields = ["id", "url", "version", "weight", "reason", "made_by", "made_at"]


class NewChangeNoteSerializer(serializers.Serializer):
    version = VisibleRow(queryset=ModelVersion.objects.all())
    weight = serializers.ChoiceField(choices=ChangeNote.Weight.choices)
    reason = serializers.CharField(help_text="What changed, and why it weighs so.")


class ChangeNoteViewSet(OfVersion):
    """How much versions change. Of each version the newest note counts."""

    queryset = ChangeNote.objects.select_related("version__model", "made_by")
    serializer_class = ChangeNoteSerializer

    @extend_schema(parameters=[OfVersionFilters])
    def list(self, request):
        """Change notes, newest first."""
        return super().list(request)

    @extend_schema(request=NewChangeNoteSerializer, responses={201: ChangeNoteSerializer})
    def create(self, request):
        """Say how much a version changes against the one before it."""
        given = inputs.read(self, NewChangeNoteSerializer)
        made = change_notes.classify(given.pop("version"), actor=request.user, **given)
        return Response(self.get_serializer(made).data, status=201)


offer(ModelVersion, revalidation.open_trigger, route="revalidation-trigger-list", at_row=False)
offer(ModelVersion, attestations.attest, route="attestation-list", at_row=False)
offer(ModelVersion, change_notes.classify, route="change-note-list", at_row=False)
