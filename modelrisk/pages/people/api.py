"""The pages of people over REST: what each role may do, and who may do what with one model."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from modelrisk.pages.people import rights
from modelrisk.pages.people.subjects import of_model
from registry import access, assignments, lineage
from registry.api.people import AssignmentSerializer, NewAssignmentSerializer
from registry.models import MLModel


class AnswerSerializer(serializers.Serializer):
    who = serializers.CharField(help_text="A username, or a role.")
    may = serializers.BooleanField(help_text="Whether this person could, in the right state.")
    later = serializers.BooleanField(help_text="Could, but not in the state that the thing is in now.")
    reason = serializers.CharField(allow_blank=True, help_text="Why not, or why not now.")


class RightSerializer(serializers.Serializer):
    action = serializers.CharField(help_text="As in the audit trail.")
    title = serializers.CharField()
    about = serializers.CharField(help_text="The thing that it is done to, or its kind.")
    answers = AnswerSerializer(many=True)


class RoleSerializer(serializers.Serializer):
    role = serializers.CharField()
    decides = serializers.BooleanField(help_text="Says yes or no to something that others made.")
    sees_everything = serializers.BooleanField()
    excludes = serializers.ListField(child=serializers.CharField(), help_text="Roles the same person may not have.")
    holders = serializers.ListField(child=serializers.CharField(), help_text="Who has it now.")


class RolesSerializer(serializers.Serializer):
    roles = RoleSerializer(many=True)
    rights = RightSerializer(many=True, help_text="Asked of the rules themselves, about the newest thing of each kind.")


class ModelPersonSerializer(serializers.Serializer):
    username = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    lineage = serializers.ListField(child=serializers.CharField(), help_text="Parts had in any version, ever.")


class ModelPeopleSerializer(serializers.Serializer):
    people = ModelPersonSerializer(many=True)
    assignments = AssignmentSerializer(many=True)
    rights = RightSerializer(many=True)


def roles() -> list[dict]:
    """Every role, with what follows from it: from the tables that the rules use."""
    found = []
    for role in access.ROLES:
        excludes = [other for other in access.ROLES if other != role and access.clash(role, [other])]
        found.append(
            {
                "role": role,
                "decides": role in access.DECIDING,
                "sees_everything": role in access.SEES_EVERYTHING,
                "excludes": excludes,
                "holders": list(access.people_with(role).order_by("username").values_list("username", flat=True)),
            }
        )
    return found


class RolesView(APIView):
    @extend_schema(responses=RolesSerializer)
    def get(self, request):
        """The roles, who has them, what they exclude, and what each may do by itself."""
        return Response(RolesSerializer({"roles": roles(), "rights": rights.of_roles(request.user)}).data)


class ModelPeopleView(APIView):
    @extend_schema(responses=ModelPeopleSerializer)
    def get(self, request, pk: int):
        """Who has which part in the model, and who may do what with it, with the reason why not."""
        model = get_object_or_404(MLModel.objects.visible_to(request.user), pk=pk)
        people, parts = rights.people_of(model), lineage.lineage(model)
        told = {
            "people": [
                {
                    "username": person.username,
                    "roles": sorted(access.roles_of(person)),
                    "lineage": [part for part in lineage.PARTS if part in parts.get(person.pk, ())],
                }
                for person in people
            ],
            "assignments": model.assignments.select_related("user", "assigned_by", "ended_by", "model"),
            "rights": rights.of_model(model, people, of_model(model)),
        }
        return Response(ModelPeopleSerializer(told, context={"request": request}).data)

    @extend_schema(request=NewAssignmentSerializer, responses={201: AssignmentSerializer})
    def post(self, request, pk: int):
        """Give a person a part in the model. A new owner takes the place of the old."""
        model = get_object_or_404(MLModel.objects.visible_to(request.user), pk=pk)
        form = NewAssignmentSerializer(data=request.data, context={"request": request})
        form.is_valid(raise_exception=True)
        made = assignments.assign(model, actor=request.user, **form.validated_data)
        return Response(AssignmentSerializer(made, context={"request": request}).data, status=201)
