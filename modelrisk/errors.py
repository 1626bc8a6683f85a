"""Domain error -> HTTP, once: middleware for pages, exception handler for the API; and the request id."""

import uuid

from django.http import HttpResponse
from django.shortcuts import render
from rest_framework.response import Response
from rest_framework.views import exception_handler

from registry import audit
from registry.refusals import BadInput, Conflict, Refused, Unavailable

STATUS = {Refused: 403, BadInput: 400, Conflict: 409, Unavailable: 503}


class RequestId:
    """Give each request an id: in its answer's header and in the audit events it causes."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.id = uuid.uuid4().hex
        token = audit.request_id.set(request.id)
        try:
            response = self.get_response(request)
        finally:
            audit.request_id.reset(token)
        response["X-Request-ID"] = request.id
        return response


def body_of(error: Exception) -> dict:
    """The JSON that the API answers with, and what the error page shows."""
    if isinstance(error, BadInput):
        return {"code": error.code, "message": error.message, "hint": error.hint, "field": error.field}
    return {"code": error.code, "message": error.reason, "hint": "", "field": ""}


class DomainErrors:
    """A refusal that no view handled becomes a page that says why."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, error: Exception) -> HttpResponse | None:
        status = STATUS.get(type(error))
        if status is None:
            return None
        return render(request, "error.html", {"status": status, **body_of(error)}, status=status)


def api_exception_handler(error: Exception, context: dict) -> Response | None:
    status = STATUS.get(type(error))
    if status is None:
        return exception_handler(error, context)
    return Response(body_of(error), status=status)
