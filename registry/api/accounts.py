"""Signing in over the API, and who one is there."""

import base64
import binascii

from django.contrib.auth import authenticate, get_user_model
from drf_spectacular.utils import extend_schema, extend_schema_field
from knox.auth import TokenAuthentication
from rest_framework import serializers
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import access, actions, sign_ins, signing, tokens
from registry.api.offers import AvailableActions, offer
from registry.models import RoleGrant


class LoginSerializer(serializers.Serializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False, style={"input_type": "password"})


class TokenSerializer(serializers.Serializer):
    token = serializers.CharField(help_text="Send it as the header Authorization: Token …; it is not shown again.")
    expiry = serializers.DateTimeField()


class HeldRoleSerializer(serializers.ModelSerializer):
    since = serializers.DateTimeField(source="granted_at")
    granted_by = serializers.SlugRelatedField(slug_field="username", read_only=True)

    class Meta:
        model = RoleGrant
        fields = ["id", "role", "since", "granted_by"]


class WhoAmISerializer(serializers.ModelSerializer):
    roles = serializers.SerializerMethodField()
    role_grants = serializers.SerializerMethodField(help_text="The same, each with since when and by whom.")
    sees_everything = serializers.SerializerMethodField()
    available_actions = AvailableActions()

    class Meta:
        model = get_user_model()
        fields = [
            "id",
            "username",
            "first_name",
            "last_name",
            "roles",
            "role_grants",
            "sees_everything",
            "available_actions",
        ]

    def get_roles(self, user) -> list[str]:
        return sorted(access.roles_of(user))

    @extend_schema_field(HeldRoleSerializer(many=True))
    def get_role_grants(self, user) -> list[dict]:
        grants = RoleGrant.objects.in_force().filter(user=user).select_related("granted_by").order_by("granted_at")
        return HeldRoleSerializer(grants, many=True).data

    def get_sees_everything(self, user) -> bool:
        return access.sees_everything(user)


class LoginView(APIView):
    """No session and no token is read here, so there is nothing that another site could misuse."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    asks_password = True

    @extend_schema(request=LoginSerializer, responses={200: TokenSerializer}, auth=[])
    def post(self, request):
        """Exchange username and password, in the body or as HTTP Basic, for a token."""
        form = LoginSerializer(data=_credentials(request))
        form.is_valid(raise_exception=True)
        tried = sign_ins.begin(request, form.validated_data["username"])
        user = authenticate(request, **form.validated_data)
        if user is None:
            sign_ins.was_wrong(tried, form.validated_data["username"])
            raise AuthenticationFailed("The username or the password is wrong.", code="wrong_password")
        sign_ins.was_right(tried)
        row, text = tokens.issue(user, actor=user)
        return Response(TokenSerializer({"token": text, "expiry": row.expiry}).data)

    def get_authenticate_header(self, request) -> str:
        return "Token"


def _credentials(request):
    """Username and password of the HTTP Basic header; without one, the body."""
    scheme, _, encoded = get_authorization_header(request).partition(b" ")
    if scheme.lower() != b"basic":
        return request.data
    try:
        username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise AuthenticationFailed("The Basic header cannot be read.") from None
    return {"username": username, "password": password}


class LogoutView(APIView):
    @extend_schema(request=None, responses={204: None})
    def post(self, request):
        """End the token that this request carries."""
        if not isinstance(request.successful_authenticator, TokenAuthentication):
            raise AuthenticationFailed("This request carries no token.")
        tokens.revoke(request.user, actor=request.user, token=request.auth)
        return Response(status=204)


class PasswordSerializer(serializers.Serializer):
    password = serializers.CharField(max_length=4096, trim_whitespace=False, style={"input_type": "password"})


class SignsUntilSerializer(serializers.Serializer):
    authenticated_at = serializers.DateTimeField()
    signs_until = serializers.DateTimeField(
        allow_null=True, help_text="Until then decisions are signed without asking again; null: this person signs none."
    )


class ReauthenticateView(APIView):
    asks_password = True

    @extend_schema(request=PasswordSerializer, responses={200: SignsUntilSerializer})
    def post(self, request):
        """Give your password again in this web session, to sign a decision next. Tokens do not sign."""
        form = PasswordSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        signing.reauthenticate(request.user, actor=request.user, **form.validated_data)
        told = {"authenticated_at": signing.authenticated_at(), "signs_until": signing.signs_until(request.user)}
        return Response(SignsUntilSerializer(told).data)


class NewPasswordSerializer(PasswordSerializer):
    new = serializers.CharField(max_length=4096, trim_whitespace=False, style={"input_type": "password"})


class PasswordView(APIView):
    asks_password = True

    @extend_schema(request=NewPasswordSerializer, responses={204: None})
    def post(self, request):
        """Choose another password, giving the one of now, in your web session; your other sessions end."""
        form = NewPasswordSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        signing.choose_password(request.user, actor=request.user, **form.validated_data)
        return Response(status=204)


class WhoAmIView(APIView):
    @extend_schema(responses=WhoAmISerializer)
    def get(self, request):
        """Who you are here, and what you may begin."""
        return Response(WhoAmISerializer(request.user, context={"request": request}).data)


offer(get_user_model(), actions.register_model, route="model-list", at_row=False)
offer(get_user_model(), actions.register_dataset, route="dataset-list", at_row=False)
