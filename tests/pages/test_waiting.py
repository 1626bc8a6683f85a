"""The inbox: its order, what a conflict forbids, and its twin in the API."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from modelrisk.pages import waiting
from modelrisk.pages.waiting.row import Waiting
from tests import cases
from tests.pages.page import read

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def pending(assessed, approver):
    with cases.without_gates():
        return cases.bring(assessed.version, "pending_approval")


def a_row(what: str, **given) -> Waiting:
    return Waiting(kind="x", what=what, note="", about="A v1", url="/", **{"since": NOW, **given})


def test_overdue_then_due_then_tier_then_longest_waiting(owner, monkeypatch):
    today = timezone.localdate()
    rows = [
        a_row("blocked", due=today - timedelta(9), blocked="You developed it."),
        a_row("undated, newer", tier=2),
        a_row("undated, longer", tier=2, since=NOW - timedelta(3)),
        a_row("undated, tier 1", tier=1),
        a_row("later", due=today + timedelta(5), tier=1),
        a_row("soon, tier 2", due=today + timedelta(1), tier=2),
        a_row("soon, tier 1", due=today + timedelta(1), tier=1),
        a_row("overdue", due=today - timedelta(1), tier=3),
    ]
    monkeypatch.setattr(waiting, "SOURCES", [lambda _user: rows[:4], lambda _user: rows[4:]])
    assert [row.what for row in waiting.for_user(owner)] == [
        *("overdue", "soon, tier 1", "soon, tier 2", "later"),
        *("undated, tier 1", "undated, longer", "undated, newer", "blocked"),
    ]
    assert waiting.count(owner) == 7


def test_who_built_it_sees_why_they_may_not_decide(as_reviewer, approver, pending):
    pending.model.developers.add(approver)
    [row] = waiting.for_user(approver)
    assert (row.kind, waiting.count(approver)) == ("decide", 0)
    assert "someone independent must do this" in row.blocked
    page = read(as_reviewer.get(reverse("inbox"))).text
    assert f"Not you: {row.blocked}" in page
    assert "waiting" not in page.split("Models")[0]


def test_the_api_tells_the_same_rows(as_reviewer, approver, pending):
    told = as_reviewer.get("/api/v1/inbox/").json()
    [row] = waiting.for_user(approver)
    assert told["count"] == waiting.count(approver) == 1
    assert [(one["kind"], one["about"], one["tier"], one["blocked"]) for one in told["rows"]] == [
        ("decide", "Credit score v1", 2, "")
    ]
    assert told["rows"][0]["page"].endswith(row.url)


def test_nobody_without_a_session_or_token_reads_an_inbox(client):
    assert client.get("/api/v1/inbox/").status_code == 401
