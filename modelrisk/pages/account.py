"""Who you are here, and your tokens for the API."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from knox.models import AuthToken

from registry import access, tokens


@never_cache
@require_http_methods(["GET", "POST"])
def account(request) -> HttpResponse:
    """Posting makes a token; it is in this one answer and nowhere else."""
    made = None
    if request.method == "POST":
        _, made = tokens.issue(request.user, actor=request.user)
    mine = AuthToken.objects.filter(user=request.user).order_by("-created")
    context = {"made": made, "tokens": mine, "roles": sorted(access.roles_of(request.user)), "now": timezone.now()}
    return render(request, "pages/account.html", context)


@require_POST
def revoke(request) -> HttpResponse:
    for token in AuthToken.objects.filter(user=request.user, digest=request.POST.get("digest", "").replace("\x00", "")):
        tokens.revoke(request.user, actor=request.user, token=token)
    messages.success(request, "The token is revoked.")
    return redirect("account")
