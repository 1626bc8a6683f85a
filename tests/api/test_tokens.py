"""Signing in over the API."""

import base64
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from registry.models import AuditEvent

LOGIN, PASSWORD = "/api/v1/auth/login/", "a-long-enough-password"
pytestmark = pytest.mark.django_db


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def with_token(text: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {text}")
    return client


@pytest.mark.parametrize("how", ["body", "basic"])
def test_username_and_password_give_a_token_that_works(call, owner, how):
    given = {"username": "owner", "password": PASSWORD} if how == "body" else {}
    header = {"HTTP_AUTHORIZATION": basic("owner", PASSWORD)} if how == "basic" else {}
    answer = call(None).post(LOGIN, given, **header)
    who = with_token(answer.json()["token"]).get("/api/v1/whoami/").json()
    assert (answer.status_code, who["username"], who["roles"]) == (200, "owner", ["owner"])


@pytest.mark.parametrize("header", [None, basic("owner", "wrong"), "Basic ***", "Basic"])
def test_wrong_credentials_give_none(call, owner, header):
    given = {"username": "owner", "password": "wrong"}
    answer = call(None).post(LOGIN, given, **({"HTTP_AUTHORIZATION": header} if header else {}))
    assert answer.status_code in {400, 401}
    assert answer.json()["message"]
    assert not AuthToken.objects.exists()


def test_someone_inactive_gets_no_token(call, owner):
    get_user_model().objects.update(is_active=False)
    assert call(None).post(LOGIN, {"username": "owner", "password": PASSWORD}).status_code == 401


def test_the_token_is_kept_as_a_hash_and_its_making_is_on_record(call, owner):
    text = call(None).post(LOGIN, {"username": "owner", "password": PASSWORD}).json()["token"]
    kept = AuthToken.objects.get()
    assert text not in (kept.digest, kept.token_key)
    assert AuditEvent.objects.get(action="token.issue").actor == owner


def test_a_token_made_on_the_page_is_on_record_too(client, owner):
    client.force_login(owner)
    client.post("/account/")
    client.post("/account/tokens/revoke/", {"digest": AuthToken.objects.get().digest})
    assert list(AuditEvent.objects.filter(actor=owner).values_list("action", flat=True)) == [
        "token.revoke",
        "token.issue",
    ]
    assert not AuthToken.objects.exists()


def test_a_token_ends_when_its_time_is_over(call, owner):
    api = call(owner)
    assert api.get("/api/v1/whoami/").status_code == 200
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    answer = api.get("/api/v1/whoami/")
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_failed")


def test_signing_out_ends_this_token_only(call, owner):
    one, other = call(owner), call(owner)
    assert one.post("/api/v1/auth/logout/").status_code == 204
    assert (one.get("/api/v1/whoami/").status_code, other.get("/api/v1/whoami/").status_code) == (401, 200)


@pytest.mark.parametrize("header", ["Token", "Token a b", "Token \xff\xfe", "Token ünïcode", "Token " + "0" * 5000])
def test_a_header_that_is_no_token_is_refused(db, header):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=header)
    assert client.get("/api/v1/whoami/").status_code == 401


def test_guessing_is_slowed_down_for_an_account_whatever_the_address(call, owner, approver):
    api, given = call(None), {"username": "owner", "password": "wrong"}
    tried = [api.post(LOGIN, given, REMOTE_ADDR=f"10.0.0.{n}") for n in range(11)]
    assert [answer.status_code for answer in tried] == [401] * 10 + [429]
    assert int(tried[-1]["Retry-After"]) > 0
    other = {"username": "approver", "password": PASSWORD}
    assert api.post(LOGIN, other, REMOTE_ADDR="10.0.0.1").status_code == 200


def test_guessing_is_slowed_down_for_an_address_whatever_it_says_it_is(call, owner):
    api = call(None)
    tried = [
        api.post(LOGIN, {"username": f"user{n}", "password": "wrong"}, HTTP_X_FORWARDED_FOR=f"10.0.0.{n}").status_code
        for n in range(51)
    ]
    assert tried == [401] * 50 + [429]


def test_a_session_changes_nothing_without_its_csrf_token(owner):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(owner)
    assert client.get("/api/v1/whoami/").status_code == 200
    answer = client.post("/api/v1/models/", {"name": "Forged"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert "CSRF" in answer.json()["message"]


def test_a_session_with_its_csrf_token_may_change_things(owner):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(owner)
    client.cookies["csrftoken"] = token = "a" * 32
    answer = client.post("/api/v1/models/", {"name": "Mine"}, format="json", HTTP_X_CSRFTOKEN=token)
    assert answer.status_code == 201
