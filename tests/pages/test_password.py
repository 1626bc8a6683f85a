"""A password of one's own: on the page and over the API."""

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from registry import tokens
from registry.models import AuditEvent, Notification
from tests.conftest import make_user
from tests.pages.page import read

pytestmark = pytest.mark.django_db
OLD, NEW = "a-long-enough-password", "seven quiet harbours"
API = "/api/v1/auth/password/"


def by_page(person, **given):
    client = Client()
    client.force_login(person)
    return client, client.post(reverse("password"), {"password": OLD, "new": NEW, "again": NEW, **given})


def by_api(person, **given):
    client = APIClient()
    client.force_login(person)
    return client, client.post(API, {"password": OLD, "new": NEW, **given}, format="json")


@pytest.mark.parametrize(("door", "done"), [(by_page, 302), (by_api, 204)])
def test_the_new_one_counts_and_other_sessions_end(door, done, owner):
    elsewhere = Client()
    elsewhere.force_login(owner)
    client, answer = door(owner)
    assert answer.status_code == done, answer.content
    owner.refresh_from_db()
    assert owner.check_password(NEW)
    assert not owner.check_password(OLD)
    assert client.get(reverse("account")).status_code == 200
    assert elsewhere.get(reverse("account")).status_code == 302
    event = AuditEvent.objects.about(owner).get(action="account.choose_password")
    assert (event.actor, event.changes) == (owner, [])
    assert NEW not in str(event.detail) + event.summary


@pytest.mark.parametrize("door", [by_page, by_api])
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"password": "another one of them"}, "The password is wrong."),
        ({"new": OLD, "again": OLD}, "That is your password already."),
        ({"new": "password1234", "again": "password1234"}, "too common"),
        ({"new": "short", "again": "short"}, "too short"),
    ],
)
def test_what_will_not_do_is_said_and_nothing_changes(door, given, says, owner):
    _, answer = door(owner, **given)
    assert answer.status_code == 400
    assert says in answer.content.decode()
    owner.refresh_from_db()
    assert owner.check_password(OLD)


def test_guessing_is_slowed_down_as_at_the_sign_in(owner):
    client = Client()
    client.force_login(owner)
    guess = {"password": "guess", "new": NEW, "again": NEW}
    assert [client.post(reverse("password"), guess).status_code for _ in range(11)] == [400] * 10 + [429]
    answer = Client().post(reverse("login"), {"username": "owner", "password": OLD})
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (429, True)
    _, answer = by_api(owner)
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (429, True)


def test_a_slip_of_the_finger_is_noticed(owner):
    _, answer = by_page(owner, again="seven quiet harbour")
    assert "Type the new one twice." in read(answer).text
    owner.refresh_from_db()
    assert owner.check_password(OLD)


def test_a_token_chooses_none(owner):
    _row, text = tokens.issue(owner, actor=owner)
    client = APIClient(headers={"Authorization": f"Token {text}"})
    assert client.post(API, {"password": OLD, "new": NEW}, format="json").status_code == 403
    owner.refresh_from_db()
    assert owner.check_password(OLD)


def test_whose_password_an_admin_set_is_told(owner):
    admin = make_user("root")
    admin.is_staff = admin.is_superuser = True
    admin.save()
    client = Client()
    client.force_login(admin)
    address = reverse("admin:auth_user_password_change", args=[owner.pk])
    answer = client.post(address, {"password1": NEW, "password2": NEW, "usable_password": "true"})
    assert answer.status_code == 302
    told = Notification.objects.get(recipient=owner)
    assert (told.subject, told.url) == ("root set your password", reverse("password"))
