"""Wrong passwords are counted, by account and by address, at every door; a wait ends by itself."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from registry.models import AuditEvent, SignInTry

pytestmark = pytest.mark.django_db
RIGHT, WRONG = "a-long-enough-password", "not-the-password"


@pytest.fixture(autouse=True)
def few(settings):
    settings.MODELRISK_SIGN_IN_TRIES = 3
    settings.MODELRISK_SIGN_IN_TRIES_PER_ADDRESS = 5
    settings.MODELRISK_SIGN_IN_WINDOW_MINUTES = 10


def page(name: str, password: str, address: str = "10.0.0.1", door: str = "login"):
    return Client(REMOTE_ADDR=address).post(reverse(door), {"username": name, "password": password})


def api(name: str, password: str, address: str = "10.0.0.1"):
    return APIClient(REMOTE_ADDR=address).post("/api/v1/auth/login/", {"username": name, "password": password}, "json")


def later(minutes: float) -> None:
    for tried in SignInTry.objects.all():
        SignInTry.objects.filter(pk=tried.pk).update(at=tried.at - timedelta(minutes=minutes))


def test_too_many_wrong_ones_wait_even_with_the_right_one(owner):
    for _ in range(3):
        assert page("owner", WRONG).status_code == 200
    answer = page("owner", RIGHT)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 600
    assert "Too many wrong passwords. Wait 10 minutes" in answer.content.decode()
    told = api("owner", RIGHT)
    assert told.status_code == 429
    assert told.json()["code"] == "throttled"
    assert "Too many wrong passwords" in told.json()["message"]


def test_the_api_and_the_admin_count_with_it(owner):
    assert api("owner", WRONG).status_code == 401
    assert page("owner", WRONG, door="admin:login").status_code == 200
    assert page("owner", WRONG).status_code == 200
    assert "Too many wrong passwords" in page("owner", RIGHT, door="admin:login").content.decode()
    assert page("owner", RIGHT).status_code == 429


def test_the_wait_ends_by_itself_and_is_not_made_longer_by_trying(owner):
    for _ in range(3):
        page("owner", WRONG)
    for _ in range(4):
        assert page("owner", WRONG).status_code == 429
    later(9)
    assert page("owner", RIGHT).status_code == 429
    later(2)
    assert page("owner", RIGHT).status_code == 302


def test_the_right_one_begins_anew(owner):
    for _ in range(3):
        page("owner", WRONG)
        page("owner", WRONG)
        assert page("owner", RIGHT).status_code == 302
    assert list(SignInTry.objects.values_list("right", flat=True)) == [True]


def test_guesses_from_elsewhere_do_not_keep_out_who_signed_in_from_here_lately(owner):
    assert page("owner", RIGHT, "10.0.0.7").status_code == 302
    for _ in range(3):
        page("owner", WRONG, "192.0.2.1")
    assert page("owner", RIGHT, "198.51.100.1").status_code == 429
    assert page("owner", RIGHT, "10.0.0.7").status_code == 302
    SignInTry.objects.filter(right=True).update(at=timezone.now() - timedelta(days=31))
    assert page("owner", RIGHT, "10.0.0.7").status_code == 429


def test_one_address_does_not_try_one_account_after_another(owner):
    for number in range(5):
        assert page(f"nobody-{number}", WRONG).status_code == 200
    assert page("owner", RIGHT).status_code == 429
    assert page("owner", RIGHT, "10.0.0.2").status_code == 302


def test_it_is_in_the_audit_trail_and_names_nobody_who_is_not_there(owner):
    page("my-password-typed-as-a-name", WRONG)
    for _ in range(4):
        page("owner", WRONG)
    found = AuditEvent.objects.filter(refused=True).order_by("pk")
    assert [event.action for event in found] == ["account.wrong_password"] * 3 + ["account.throttled"]
    assert {(event.actor_name, event.object_label) for event in found} == {("system", "owner")}
    assert found.first().detail == {"address": "10.0.0.1"}
    assert not SignInTry.objects.filter(account__contains="password").exists()
