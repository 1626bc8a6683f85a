"""Signing in over the API, and who one is there."""

import base64
import binascii
import hashlib

from django.contrib.auth import authenticate, get_user_model
from drf_spectacular.utils import extend_schema
from knox.auth import TokenAuthentication
from rest_framework import serializers
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from registry import access, actions, tokens
from registry.api.offers import AvailableActions, offer


class LoginSerializer(serializers.Serializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False, style={"input_type": "password"})


class TokenSerializer(serializers.Serializer):
    token = serializers.CharField(help_text="Send it as the header Authorization: Token …; it is not shown again.")
    expiry = serializers.DateTimeField()


class WhoAmISerializer(serializers.ModelSerializer):
    roles = serializers.SerializerMethodField()
    sees_everything = serializers.SerializerMethodField()
    available_actions = AvailableActions()

    class Meta:
        model = get_user_model()
        fields = ["id", "username", "first_name", "last_name", "roles", "sees_everything", "available_actions"]

    def get_roles(self, user) -> list[str]:
        return sorted(access.roles_of(user))

    def get_sees_everything(self, user) -> bool:
        return access.sees_everything(user)


class AttemptsFromAddress(SimpleRateThrottle):
    """Counted in the cache, which is per process by default: N web workers allow up to N times the rate."""

    scope = "login_address"

    def get_cache_key(self, request, view):
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


class AttemptsOnAccount(SimpleRateThrottle):
    """For guesses at one password from many addresses."""

    scope = "login_account"

    def get_cache_key(self, request, view):
        given = _credentials(request)
        name = str(given.get("username", "")) if isinstance(given, dict) else ""
        return self.cache_format % {"scope": self.scope, "ident": hashlib.sha256(name.encode()).hexdigest()}


class LoginView(APIView):
    """No session and no token is read here, so there is nothing that another site could misuse."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (AttemptsFromAddress, AttemptsOnAccount)

    @extend_schema(request=LoginSerializer, responses={200: TokenSerializer}, auth=[])
    def post(self, request):
        """Exchange username and password, in the body or as HTTP Basic, for a token."""
        form = LoginSerializer(data=_credentials(request))
        form.is_valid(raise_exception=True)
        user = authenticate(request, **form.validated_data)
        if user is None:
            raise AuthenticationFailed("The username or the password is wrong.", code="wrong_password")
        row, text = tokens.issue(user, actor=user)
        return Response(TokenSerializer({"token": text, "expiry": row.expiry}).data)

    def get_authenticate_header(self, request) -> str:
        return "Token"


class LogoutView(APIView):
    @extend_schema(request=None, responses={204: None})
    def post(self, request):
        """End the token that this request carries."""
        if not isinstance(request.successful_authenticator, TokenAuthentication):
            raise AuthenticationFailed("This request carries no token.")
        tokens.revoke(request.user, actor=request.user, token=request.auth)
        return Response(status=204)


class WhoAmIView(APIView):
    @extend_schema(responses=WhoAmISerializer)
    def get(self, request):
        """Who you are here, and what you may begin."""
        return Response(WhoAmISerializer(request.user, context={"request": request}).data)


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


offer(get_user_model(), actions.register_model, route="model-list", at_row=False)
offer(get_user_model(), actions.register_dataset, route="dataset-list", at_row=False)
