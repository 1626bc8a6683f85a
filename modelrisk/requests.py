"""How API requests are read: token, JSON body, and how often a sign-in may be tried."""

import json
import math
import re

from django.conf import settings
from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from knox.auth import TokenAuthentication
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, ParseError
from rest_framework.parsers import BaseParser

from registry import tokens
from registry.refusals import BadInput


class ApiToken(TokenAuthentication):
    """Knox, for headers of any bytes: Knox decodes the token as UTF-8 without asking. And of a program only while it
    has its role, and somebody answers for it."""

    def authenticate(self, request):
        if not get_authorization_header(request).isascii():
            raise AuthenticationFailed("Invalid token.")
        found = super().authenticate(request)
        if found is not None and (reason := tokens.not_answered_for(found[0])):
            raise AuthenticationFailed(reason)
        return found


class ApiTokenScheme(KnoxTokenScheme):
    target_class = "modelrisk.requests.ApiToken"
    name = "token"


class StrictJSON(BaseParser):
    """A JSON body of limited size and depth, in UTF-8, without NaN. The framework's own parser limits neither."""

    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None):
        request = parser_context["request"]
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if length > limit:
            raise BadInput(
                f"The body has {length} bytes; at most {limit} are read.",
                hint="Files go as multipart/form-data; JSON carries only what describes them.",
                code="too_big",
            )
        try:
            text = stream.read(limit + 1).decode("utf-8")
            given = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
            _check_text(given)
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body cannot be read as JSON: {error}") from error
        return given


# NUL, written as an escape that is itself not escaped.
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def _check_text(given) -> None:
    """JSON can spell text that neither UTF-8 (lone surrogates) nor PostgreSQL (NUL) can hold."""
    written = json.dumps(given, ensure_ascii=False)
    try:
        written.encode()
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair") from None
    if NUL.search(written):
        raise ValueError("it holds the character NUL")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is too large for a number")
    return number


def _no_constant(name: str):
    raise ValueError(f"{name} is not a JSON number")
