"""What a person sees when nothing else can be shown. The API answers in JSON."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from modelrisk.errors import domain_error


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """An upload that was refused before any view was called says why, like the rest."""
    if exception is not None and (answer := domain_error(request, exception)):
        return answer
    return _answer(request, 400, "bad_request", "The request cannot be understood.", "Go back and try again.")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, 403, "forbidden", "This is not for your role.", "Ask the owner of the model.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    hint = "It does not exist, or you may not see it."
    return _answer(request, 404, "not_found", "There is nothing here.", hint)


def server_error(request: HttpRequest) -> HttpResponse:
    """Asks nothing of the database: it may be what failed."""
    told = _told(
        500,
        "server_error",
        "Something went wrong on our side.",
        "Nothing was changed. Try again; if it stays, tell your administrator the time and this address.",
    )
    if request.path.startswith("/api/"):
        return JsonResponse(told, status=500)
    return HttpResponse(render_to_string("error.html", told | {"request_id": getattr(request, "id", "")}), status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    hint = "The page was open for too long, or cookies are off. Reload it and send the form again."
    return _answer(request, 403, "csrf", "The form could not be verified.", hint)


def _answer(request: HttpRequest, status: int, code: str, message: str, hint: str) -> HttpResponse:
    told = _told(status, code, message, hint)
    if request.path.startswith("/api/"):
        return JsonResponse(told, status=status)
    return render(request, "error.html", told, status=status)


def _told(status: int, code: str, message: str, hint: str) -> dict:
    return {"status": status, "code": code, "message": message, "hint": hint, "field": "", "fields": {}, "detail": {}}
