"""One's notifications, and the administrator's webhooks, through page and API."""

import pytest
from django.test import Client

from registry import access
from registry.models import Notification, Webhook
from registry.notifying import notify
from tests.conftest import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(db):
    return make_user("admin", access.ADMIN)


def test_only_an_administrator_keeps_webhooks_and_reads_the_secret_once(call, admin, owner, auditor):
    given = {"name": "Chat", "url": "https://hooks.example.com/x", "events": ["case.decided"]}
    made = call(admin).post("/api/v1/webhooks/", given)
    assert made.status_code == 201
    assert made.json()["secret"] == Webhook.objects.get().secret
    assert "secret" not in call(admin).get("/api/v1/webhooks/").json()["results"][0]
    for user in (owner, auditor):
        assert call(user).post("/api/v1/webhooks/", given | {"name": "B"}).status_code == 403
        assert call(user).get("/api/v1/webhooks/").json()["results"] == []
        assert call(user).post(f"/api/v1/webhooks/{made.json()['id']}/end/").status_code == 404
    assert call(admin).post("/api/v1/webhooks/", given).json()["field"] == "name"
    assert call(admin).post(f"/api/v1/webhooks/{made.json()['id']}/end/").json()["active"] is False
    assert call(admin).post(f"/api/v1/webhooks/{made.json()['id']}/end/").status_code == 409


def test_webhooks_on_their_page(admin, owner):
    browser = Client()
    browser.force_login(admin)
    given = {"name": "Chat", "url": "https://hooks.example.com/x"}
    page = browser.post("/webhooks/", given)
    assert page.status_code == 201
    assert Webhook.objects.get().secret in page.content.decode()
    assert Webhook.objects.get().secret not in browser.get("/webhooks/").content.decode()
    assert browser.post(f"/webhooks/{Webhook.objects.get().pk}/end/").status_code == 302
    browser.force_login(owner)
    assert browser.get("/webhooks/").status_code == 403
    assert browser.post("/webhooks/", given | {"name": "B"}).status_code == 403
    assert browser.post(f"/webhooks/{Webhook.objects.get().pk}/end/").status_code == 404


def test_each_reads_their_own_notifications_on_page_and_api(call, owner, developer):
    for n in range(3):
        notify([owner], f"case.decided:{n}", f"Decision {n}", url="/models/")
    browser = Client()
    browser.force_login(owner)
    assert browser.get("/notifications/").content.decode().count(">unread<") == 3
    first = Notification.objects.get(key="case.decided:0")
    gone = browser.post("/notifications/read/", {"notification": first.pk})
    assert (gone.status_code, gone["Location"]) == (302, "/models/")
    api = call(owner)
    assert [told["subject"] for told in api.get("/api/v1/notifications/?unread=true").json()["results"]] == [
        "Decision 2",
        "Decision 1",
    ]
    assert api.post("/api/v1/notifications/read/", {"ids": [first.pk + 1]}).json() == {"unread": 1}
    assert browser.post("/notifications/read/").status_code == 302
    assert api.get("/api/v1/notifications/?unread=true").json()["results"] == []
    assert call(developer).get("/api/v1/notifications/").json()["results"] == []
    assert call(developer).get(f"/api/v1/notifications/{first.pk}/").status_code == 404
    browser.force_login(developer)
    assert browser.post("/notifications/read/", {"notification": first.pk}).status_code == 404


def test_the_list_costs_the_same_however_long(owner, django_assert_max_num_queries):
    browser = Client()
    browser.force_login(owner)
    for n in range(30):
        notify([owner], f"case.decided:{n}", f"Decision {n}")
    with django_assert_max_num_queries(20):
        browser.get("/notifications/")
