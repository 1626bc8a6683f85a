"""Who you are here, and your tokens for the API."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from knox.models import AuthToken

from registry import access, signing, tokens
from registry.forms import ActionForm
from registry.refusals import Waits


class NewPasswordForm(ActionForm):
    password = forms.CharField(
        label="Your password now",
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        label="The new one",
        max_length=4096,
        strip=False,
        help_text="At least 12 characters, none that many people use.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="The new one, once more",
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_again(self) -> str:
        if self.cleaned_data.get("new") not in (None, self.cleaned_data["again"]):
            raise forms.ValidationError("It is not the same. Type the new one twice.")
        return self.cleaned_data["again"]


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


@never_cache
@sensitive_post_parameters("password", "new", "again")
@require_http_methods(["GET", "POST"])
def password(request) -> HttpResponse:
    """Choose another password."""
    form = NewPasswordForm(request.POST or None)
    if request.method == "POST":
        try:
            done = form.perform(lambda: _chosen(request.user, form.cleaned_data))
        except Waits as wait:
            form.add_error(None, wait.reason)
            return render(request, "pages/password.html", {"form": form}, status=429)
        if done is not None:
            messages.success(request, "Your password is the new one. Your other sessions have ended.")
            return redirect("account")
    return render(request, "pages/password.html", {"form": form}, status=form.status)


def _chosen(user, given: dict[str, str]):
    return signing.choose_password(user, actor=user, password=given["password"], new=given["new"])
