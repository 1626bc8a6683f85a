"""Giving the password again, and going on where one was; in the browser and over the API."""

from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import path, reverse
from django.utils import timezone
from rest_framework.test import APIClient

from modelrisk import urls
from registry import signing
from registry.refusals import PasswordNeeded, Refused
from tests.pages.page import read

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-enough-password"
API = "/api/v1/auth/reauthenticate/"


def sign(request) -> HttpResponse:
    """A page that needs a signature."""
    reason = signing.refusal(request.user)
    if reason is not None:
        raise Refused(reason, code="reauthenticate" if isinstance(reason, PasswordNeeded) else "refused")
    return HttpResponse(f"signed with {request.POST['comment']}")


urlpatterns = [*urls.urlpatterns, path("sign/", sign)]
handler404 = urls.handler404


@pytest.fixture
def tired(sign_in, approver) -> Client:
    """The approver, an hour after the sign-in."""
    client = sign_in(approver)
    session = client.session
    session[signing.KEPT_AS] = (timezone.now() - timedelta(hours=1)).isoformat()
    session.save()
    return client


def give(client, password=PASSWORD, **more):
    return client.post(reverse("reauthenticate"), {"password": password, **more})


def given_at(client):
    return client.session[signing.KEPT_AS]


def test_it_goes_on_where_the_person_was(tired):
    before = given_at(tired)
    answer = give(tired, next="/models/?tier=1")
    assert (answer.status_code, answer.url) == (302, "/models/?tier=1")
    assert given_at(tired) > before


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_it_leads_nowhere_else(tired, elsewhere):
    assert give(tired, next=elsewhere).url == reverse("inbox")
    assert "evil" not in tired.get(reverse("reauthenticate"), {"next": elsewhere}).content.decode()


def test_a_wrong_password_is_told_and_counts_for_nothing(tired):
    before = given_at(tired)
    answer = give(tired, "guess", next="/models/")
    assert answer.status_code == 400
    assert "The password is wrong." in read(answer).text
    assert read(answer).fields["next"]["value"] == "/models/"
    assert "guess" not in answer.content.decode()
    assert given_at(tired) == before


def test_guessing_is_slowed_down(tired):
    tried = [give(tired, "guess").status_code for _ in range(11)]
    assert tried == [400] * 10 + [429]
    assert give(tired).status_code == 429


@pytest.mark.urls(__name__)
def test_what_was_written_is_kept_and_sent_again(tired):
    asked = tired.post("/sign/", {"comment": "Sound, & well documented.", "outcome": "approve"})
    shown = read(asked)
    assert asked.status_code == 403
    assert "Give it again, then sign." in shown.text
    answer = give(tired, next=shown.fields["next"]["value"], held=shown.fields["held"]["value"])
    fields = {name: field["value"] for name, field in read(answer).fields.items() if name in {"comment", "outcome"}}
    assert fields == {"comment": "Sound, & well documented.", "outcome": "approve"}
    assert tired.post("/sign/", fields).content == b"signed with Sound, & well documented."


@pytest.mark.urls(__name__)
def test_what_was_written_is_shown_in_words(tired, owner):
    written = {"outcome": "approve_with_conditions", "condition-1-owner": str(owner.pk), "rows": "1", "seen": "abc"}
    shown = read(tired.post("/sign/", {"comment": "x", **written}))
    text = read(give(tired, next=shown.fields["next"]["value"], held=shown.fields["held"]["value"])).text
    assert "Outcome approve with conditions" in text
    assert f"Condition 1, owner {owner}" in text
    assert "Rows" not in text


@pytest.mark.urls(__name__)
def test_the_password_is_never_carried_along(tired):
    asked = tired.post("/sign/", {"comment": "x", "password": "secret-word"})
    assert b"secret-word" not in asked.content


def test_a_stranger_is_sent_to_the_sign_in(db):
    assert Client().get(reverse("reauthenticate")).url.startswith(reverse("login"))


def test_the_api_does_it_for_a_session(approver):
    client = APIClient()
    client.force_login(approver)
    answer = client.post(API, {"password": PASSWORD}, format="json")
    assert answer.status_code == 200
    assert answer.json()["signs_until"] > answer.json()["authenticated_at"]
    wrong = client.post(API, {"password": "guess"}, format="json")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "wrong_password")


def test_the_api_refuses_a_token(approver):
    from registry import tokens

    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {tokens.issue(approver, actor=approver)[1]}")
    answer = client.post(API, {"password": PASSWORD}, format="json")
    assert (answer.status_code, answer.json()["message"]) == (403, signing.NOT_A_SESSION)
