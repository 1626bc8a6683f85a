"""Domain error -> HTTP, once: middleware for pages, exception handler for the API; and the request id.

Every error of the API has one form: {code, message, hint, field, fields, detail}. `message` says what is wrong, `hint`
what to do, `field` which input it is about, `fields` every input that is wrong: {name: [message, …]}, `detail` more
about it where there is more: of a refused file, its scan.
"""

import uuid

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpResponse, JsonResponse, UnreadablePostError
from django.shortcuts import render
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from modelrisk.pages.reauthenticate import ask_again
from registry import audit
from registry.refusals import BadInput, Conflict, Refused, Unavailable, Waits

STATUS = {Refused: 403, BadInput: 400, Conflict: 409, Waits: 429, Unavailable: 503}
STATUS_OF_CODE = {"too_big": 413, "purged": 410}

HINTS = {
    "not_authenticated": "Send the header Authorization: Token …; POST /api/v1/auth/login/ gives you a token.",
    "authentication_failed": "The token is wrong or has expired; POST /api/v1/auth/login/ gives you a new one.",
    "not_found": "It does not exist, or you may not see it. /api/v1/docs/ lists the addresses; each ends with a slash.",
    "method_not_allowed": "/api/v1/docs/ lists what each address accepts.",
    "not_acceptable": "Ask for application/json.",
    "unsupported_media_type": "Send application/json; files go as multipart/form-data.",
    "parse_error": "Send one JSON object, UTF-8 encoded; files go as multipart/form-data.",
    "throttled": "Wait for the seconds in the header Retry-After.",
    "permission_denied": "A session needs the header X-CSRFToken with each change; a token does not.",
    "reauthenticate": "Give it at /reauthenticate/, or POST it to /api/v1/auth/reauthenticate/ in the same session.",
}


class RequestId:
    """Give each request an id: in its answer's header and in the audit events it causes."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.id = uuid.uuid4().hex
        token, asking = audit.request_id.set(request.id), audit.asking.set(request)
        try:
            response = self.get_response(request)
        finally:
            audit.request_id.reset(token)
            audit.asking.reset(asking)
        response["X-Request-ID"] = request.id
        return response


class DomainErrors:
    """A refusal that no view handled becomes a page that says why."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, error: Exception) -> HttpResponse | None:
        return domain_error(request, error)


def domain_error(request, error: Exception) -> HttpResponse | None:
    """The answer to a domain error that arose outside the API's views; None for any other error."""
    status = status_of(error)
    if status is None:
        return None
    if request.path.startswith("/api/"):
        return JsonResponse(body_of(error), status=status, headers=headers_of(error))
    if getattr(error, "code", "") == "reauthenticate":
        return ask_again(request, str(error.reason))
    return render(request, "error.html", {"status": status, **body_of(error)}, status=status)


def headers_of(error: Exception) -> dict[str, str]:
    return {"Retry-After": str(error.seconds)} if isinstance(error, Waits) else {}


def status_of(error: Exception) -> int | None:
    """The HTTP status of a domain error; None for any other."""
    found = next((status for kind, status in STATUS.items() if isinstance(error, kind)), None)
    return found and STATUS_OF_CODE.get(error.code, found)


def body_of(error: Exception) -> dict:
    """What the API answers with, and what the error page shows, for a domain error."""
    if isinstance(error, BadInput):
        fields = {error.field: [error.message]} if error.field else {}
        return body(error.code, error.message, hint=error.hint, field=error.field, fields=fields, detail=error.detail)
    return body(error.code, str(error.reason), hint=HINTS.get(error.code, ""))


def body(
    code: str, message: str, *, hint: str = "", field: str = "", fields: dict | None = None, detail: dict | None = None
) -> dict:
    told = {"code": code, "message": message, "hint": hint, "field": field}
    return told | {"fields": fields or {}, "detail": detail or {}}


def api_exception_handler(error: Exception, context: dict) -> Response | None:
    """Every error below 500, in the one form. What is not foreseen stays a 500 and is logged by Django."""
    if (status := status_of(error)) is not None:
        set_rollback()
        return Response(body_of(error), status=status, headers=headers_of(error))
    response = exception_handler(_as_api_error(error), context)
    if response is not None:
        response.data = _api_error_body(_as_api_error(error))
    return response


def _as_api_error(error: Exception) -> Exception:
    """Django's own errors, which Django would answer with a page, as the API's."""
    if isinstance(error, Http404):
        return exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, RequestDataTooBig):
        return TooBig(str(error))
    if isinstance(error, SuspiciousOperation | UnreadablePostError):
        return exceptions.ParseError(str(error))
    return error


class TooBig(exceptions.APIException):
    status_code = 413
    default_code = "too_big"
    default_detail = "The request is too big."


def _api_error_body(error: exceptions.APIException) -> dict:
    if isinstance(error, exceptions.ValidationError):
        return _validation_body(error)
    code = error.get_codes()
    if not isinstance(code, str):
        code = error.default_code
    return body(code, _sentence(str(error.detail)), hint=HINTS.get(code, ""))


def _validation_body(error: exceptions.ValidationError) -> dict:
    fields = dict(_flat(error.detail))
    field = next(iter(fields), "")
    first = fields[field][0] if fields else "The request is not valid."
    message = f"{field}: {first}" if field else first
    return body(
        "invalid",
        message,
        hint="Correct the fields that are named, and send the request again.",
        field=field,
        fields=fields,
    )


def _flat(detail, path: str = ""):
    """(path, [message, …]) for each wrong input; a list's position becomes part of the path: columns.3.role."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            step = "" if name == "non_field_errors" else str(name)
            yield from _flat(inner, ".".join(part for part in (path, step) if part))
    elif isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        for position, item in enumerate(detail):
            yield from _flat(item, f"{path}.{position}" if path else str(position))
    else:
        yield path, [_sentence(str(item)) for item in (detail if isinstance(detail, list) else [detail])]


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
