"""Giving one's password again before a signature, and going on where one was.

A form that came too late is not lost: what was posted is carried along, shown, and posted again by its person.
"""

import re
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from registry import signing
from registry.forms import ActionForm
from registry.refusals import Waits

NOT_CARRIED = {"csrfmiddlewaretoken", "password"}
NOT_SHOWN = {"seen", "rows"}  # what the form keeps for itself
PART_OF_A_ROW = re.compile(r"(\w+)-(\d+)-(\w+)")


class PasswordForm(ActionForm):
    password = forms.CharField(
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
    held = forms.CharField(required=False, widget=forms.HiddenInput)


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def reauthenticate(request) -> HttpResponse:
    """`next` says where to go on; `held` is what a form had posted there, to be posted again."""
    after = _within(request, request.POST.get("next") or request.GET.get("next"))
    form = PasswordForm(request.POST or None)
    if request.method == "GET":
        return _page(request, form, after)
    try:
        done = form.perform(
            lambda: signing.reauthenticate(request.user, actor=request.user, password=form.cleaned_data["password"])
        )
    except Waits as wait:
        form.add_error(None, wait.reason)
        return _page(request, form, after, status=429)
    if done is None:
        return _page(request, form, after, status=form.status)
    if held := form.cleaned_data["held"]:
        pairs = [(name, value) for name, values in QueryDict(held).lists() for value in values]
        return render(request, "pages/send_again.html", {"next": after, "pairs": pairs, "shown": _shown(pairs)})
    messages.success(request, "Thank you. You may sign now.")
    return redirect(after)


def ask_again(request, reason: str) -> HttpResponse:
    """The answer to a signature that came too long after the password: ask for it, and keep what was posted."""
    pairs = [(name, value) for name, values in request.POST.lists() if name not in NOT_CARRIED for value in values]
    form = PasswordForm(initial={"held": urlencode(pairs)})
    return _page(request, form, request.get_full_path(), reason=reason, status=403)


def _shown(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What was filled in, as its person would say it: people by name, words for the names of fields."""
    return [(_label(name), _said(name, value)) for name, value in pairs if value and name not in NOT_SHOWN]


def _label(name: str) -> str:
    """condition-1-due: Condition 1, due"""
    row = PART_OF_A_ROW.fullmatch(name)
    return (f"{row[1]} {row[2]}, {row[3]}" if row else name).replace("_", " ").capitalize()


def _said(name: str, value: str) -> str:
    if name.endswith("-owner") and value.isdecimal():
        person = get_user_model().objects.filter(pk=int(value)).first()
        return str(person or value)
    return value.replace("_", " ") if name == "outcome" else value


def _page(request, form: PasswordForm, after: str, *, reason: str = "", status: int = 200) -> HttpResponse:
    return render(request, "pages/reauthenticate.html", {"form": form, "next": after, "reason": reason}, status=status)


def _within(request, address: str | None) -> str:
    """The address, where it is one of ours; else the inbox."""
    ours = address and url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return address if ours else reverse("inbox")
