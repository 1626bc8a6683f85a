"""Roles, the people who have them, and the accounts of pipelines."""

from django.contrib.auth import get_user_model
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from registry import access, assignments, people, service_accounts, tokens
from registry.api import inputs
from registry.api.accounts import TokenSerializer
from registry.api.offers import AvailableActions, offer
from registry.api.reading import HasHistory, ListFilters, VisibleRow, VisibleRows
from registry.models import Assignment, MLModel, RoleGrant, ServiceAccount

USERNAME = {"slug_field": "username", "read_only": True}


class Username(serializers.SlugRelatedField):
    """A person, by the name that they sign in with."""

    def __init__(self, **kwargs) -> None:
        super().__init__(slug_field="username", queryset=get_user_model().objects.filter(is_active=True), **kwargs)


class ReasonSerializer(serializers.Serializer):
    reason = serializers.CharField(help_text="Kept with your name; at least 10 characters.")


# --- roles ----------------------------------------------------------------------------------------
class RoleGrantSerializer(serializers.ModelSerializer):
    user = serializers.SlugRelatedField(**USERNAME)
    requested_by = serializers.SlugRelatedField(**USERNAME)
    granted_by = serializers.SlugRelatedField(**USERNAME, allow_null=True)
    ended_by = serializers.SlugRelatedField(**USERNAME, allow_null=True)
    available_actions = AvailableActions()

    class Meta:
        model = RoleGrant
        fields = [
            *("id", "user", "role", "state", "reason", "requested_by", "requested_at", "granted_by", "granted_at"),
            *("ended_by", "ended_at", "available_actions"),
        ]


class NewRoleGrantSerializer(serializers.Serializer):
    user = Username(help_text="Whom it is for.")
    role = serializers.ChoiceField(choices=access.ROLE_CHOICES)
    reason = serializers.CharField(help_text="Why this person needs it; at least 10 characters.")


class RoleGrantFilters(ListFilters):
    user = Username(required=False)
    role = serializers.ChoiceField(choices=access.ROLE_CHOICES, required=False)
    state = serializers.ChoiceField(choices=RoleGrant.State.choices, required=False)


class RoleGrantViewSet(VisibleRows, HasHistory, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """A role that one person asked for and another granted. Ended ones stay: the past is asked later."""

    queryset = RoleGrant.objects.select_related("user", "requested_by", "granted_by", "ended_by")
    serializer_class = RoleGrantSerializer

    @extend_schema(parameters=[RoleGrantFilters])
    def list(self, request):
        """Who has, had or asked for which role, newest first."""
        return super().list(request)

    def filter_queryset(self, rows):
        return rows.filter(**RoleGrantFilters.read(self)) if self.action == "list" else rows

    @extend_schema(request=NewRoleGrantSerializer, responses={201: RoleGrantSerializer})
    def create(self, request):
        """Ask for a role, for yourself or, as MRM lead or admin, for another. A second person grants it."""
        given = inputs.read(self, NewRoleGrantSerializer)
        return self._told(people.request_role(given.pop("user"), actor=request.user, **given), status=201)

    @extend_schema(request=None, responses=RoleGrantSerializer)
    @route(detail=True, methods=["post"])
    def grant(self, request, pk=None):
        """Say yes, in your web session: tokens grant nothing. Never for yourself, nor to what you asked for."""
        return self._told(people.grant_role(self.get_object(), actor=request.user))

    @extend_schema(request=ReasonSerializer, responses=RoleGrantSerializer)
    @route(detail=True, methods=["post"])
    def refuse(self, request, pk=None):
        """Say no, or take back what you asked for."""
        given = inputs.read(self, ReasonSerializer)
        return self._told(people.refuse_role(self.get_object(), actor=request.user, **given))

    @extend_schema(request=ReasonSerializer, responses=RoleGrantSerializer)
    @route(detail=True, methods=["post"])
    def end(self, request, pk=None):
        """Take the role away, or give up your own, from now."""
        given = inputs.read(self, ReasonSerializer)
        return self._told(people.end_role(self.get_object(), actor=request.user, **given))

    def _told(self, grant: RoleGrant, *, status: int = 200) -> Response:
        return Response(self.get_serializer(grant).data, status=status)


# --- parts in a model -----------------------------------------------------------------------------
class AssignmentRowSerializer(serializers.ModelSerializer):
    user = serializers.SlugRelatedField(**USERNAME)
    assigned_by = serializers.SlugRelatedField(**USERNAME)
    ended_by = serializers.SlugRelatedField(**USERNAME, allow_null=True)

    class Meta:
        model = Assignment
        fields = ["id", "model", "user", "part", "since", "until", "assigned_by", "ended_by"]


class AssignmentSerializer(AssignmentRowSerializer):
    available_actions = AvailableActions()

    class Meta(AssignmentRowSerializer.Meta):
        fields = [*AssignmentRowSerializer.Meta.fields, "available_actions"]


class NewAssignmentSerializer(serializers.Serializer):
    user = Username()
    part = serializers.ChoiceField(choices=Assignment.Part.choices, help_text="A new owner takes the place of the old.")


class AssignmentFilters(ListFilters):
    model = VisibleRow(queryset=MLModel.objects.all(), required=False)
    user = Username(required=False)
    part = serializers.ChoiceField(choices=Assignment.Part.choices, required=False)


class AssignmentViewSet(VisibleRows, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """The part of a person in one model, from `since` to `until`. Ended ones stay of its lineage."""

    queryset = Assignment.objects.select_related("user", "assigned_by", "ended_by", "model")

    def get_serializer_class(self):
        return AssignmentRowSerializer if self.action == "list" else AssignmentSerializer

    @extend_schema(parameters=[AssignmentFilters])
    def list(self, request):
        """Who has or had which part in the models that you see, newest first."""
        return super().list(request)

    def filter_queryset(self, rows):
        return rows.filter(**AssignmentFilters.read(self)) if self.action == "list" else rows

    @extend_schema(request=None, responses=AssignmentSerializer)
    @route(detail=True, methods=["post"])
    def end(self, request, pk=None):
        """End the part from now. An owner's ends when the next owner is named."""
        ended = assignments.end_assignment(self.get_object(), actor=request.user)
        return Response(self.get_serializer(ended).data)


# --- service accounts -----------------------------------------------------------------------------
class ServiceAccountSerializer(serializers.ModelSerializer):
    account = serializers.SlugRelatedField(**USERNAME)
    owner = serializers.SlugRelatedField(**USERNAME)

    class Meta:
        model = ServiceAccount
        fields = ["id", "account", "owner", "purpose", "made_at"]


class NewServiceAccountSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=150, help_text="The username of the account.")
    purpose = serializers.CharField(help_text="What it does, and where; at least 10 characters.")


class ServiceAccountViewSet(VisibleRows, ListModelMixin, RetrieveModelMixin, GenericViewSet):
    """An account of a pipeline, and the person who answers for it. It never signs in, and decides nothing."""

    queryset = ServiceAccount.objects.select_related("account", "owner")
    serializer_class = ServiceAccountSerializer

    def filter_queryset(self, rows):
        return rows

    @extend_schema(request=NewServiceAccountSerializer, responses={201: ServiceAccountSerializer})
    def create(self, request):
        """Make an account that you answer for; a second person grants its role."""
        given = inputs.read(self, NewServiceAccountSerializer)
        made = service_accounts.make(ServiceAccount, actor=request.user, **given)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=None, responses={201: TokenSerializer})
    @route(detail=True, methods=["post"])
    def tokens(self, request, pk=None):
        """Make a token for it, as its owner. It is in this one answer and nowhere else."""
        row, text = tokens.issue(self.get_object().account, actor=request.user)
        return Response(TokenSerializer({"token": text, "expiry": row.expiry}).data, status=201)


offer(get_user_model(), people.request_role, route="role-grant-list", at_row=False)
offer(get_user_model(), service_accounts.make, route="service-account-list", at_row=False)
offer(RoleGrant, people.grant_role, route="role-grant-grant")
offer(RoleGrant, people.refuse_role, route="role-grant-refuse")
offer(RoleGrant, people.end_role, route="role-grant-end")
offer(Assignment, assignments.end_assignment, route="assignment-end")
for part in assignments.ASSIGNING.values():
    offer(MLModel, part, route="model-people")
