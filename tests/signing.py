"""A web session for calls that go past the web: what `signing` asks of a request, made by Django's own sign-in."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from django.conf import settings
from django.contrib.auth import login
from django.test import RequestFactory

from registry import audit


@contextmanager
def signed_in(user) -> Iterator:
    """What is called within counts as done by this person, in a session in which the password was just given."""
    request = RequestFactory().get("/")
    request.session = import_module(settings.SESSION_ENGINE).SessionStore()
    login(request, user)
    token = audit.asking.set(request)
    try:
        yield request
    finally:
        audit.asking.reset(token)
