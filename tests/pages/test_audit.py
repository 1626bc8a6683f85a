"""The audit trail in the browser: the log and its filters, one event, a day in the past, verification, export."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from registry import audit
from registry.approvals import gates
from registry.approvals.actions import submit
from registry.audit import checkpoints, checks, sealing
from registry.models import AuditCheck, AuditEvent
from registry.roles import system_user
from tests.conftest import make_user
from tests.pages.page import read
from tests.registry.audit.conftest import owner_of_the_tables, places  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db


@pytest.fixture
def reading(auditor, sign_in):
    """The auditor's client."""
    return sign_in(auditor)


def said(response) -> str:
    return " ".join(read(response).words)


def note(actor, text: str, *, action: str = "note.write", refused: bool = False) -> AuditEvent:
    return audit.record(actor=actor, action=action, obj=actor, summary=text, refused=refused)


@pytest.fixture
def notes(owner, developer):
    note(owner, "Alpha")
    note(developer, "Beta", action="note.read")
    note(developer, "Gamma", refused=True)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {"Alpha", "Beta", "Gamma"}),
        ("actor=developer", {"Beta", "Gamma"}),
        ("action=note.read", {"Beta"}),
        ("outcome=refused", {"Gamma"}),
        ("refused=1", {"Gamma"}),
        ("outcome=done", {"Alpha", "Beta"}),
        ("object=owner", {"Alpha"}),
        ("actor=developer&action=note.read", {"Beta"}),
        ("kind=registry.mlmodel", set()),
        ("from={today}&to={today}", {"Alpha", "Beta", "Gamma"}),
        ("since={tomorrow}", set()),
        ("until={yesterday}", set()),
    ],
)
def test_the_log_is_filtered(reading, notes, query, shown):
    today = timezone.now().date()
    days = {"today": today, "tomorrow": today + timedelta(days=1), "yesterday": today - timedelta(days=1)}
    words = said(reading.get(f"{reverse('audit')}?{query.format(**days)}"))
    assert {name for name in ("Alpha", "Beta", "Gamma") if name in words} == shown


@pytest.mark.parametrize("query", ["from=x", "since=2026-13-01", "kind=no.such", "actor=" + "x" * 200])
def test_a_filter_that_cannot_be_read_shows_no_event(reading, notes, query):
    answer = reading.get(f"{reverse('audit')}?{query}")
    assert answer.status_code == 400
    assert "A filter cannot be read" in said(answer)
    assert "Alpha" not in said(answer)


def queries_of(client, query: str) -> tuple[int, int]:
    """(all queries, those that read events) of the page of the log."""
    with CaptureQueriesContext(connection) as seen:
        assert client.get(reverse("audit") + query).status_code == 200
    return len(seen), sum('FROM "registry_auditevent"' in each["sql"] for each in seen)


@pytest.mark.parametrize(
    ("query", "reads"), [("", 1), ("?actor=owner&outcome=done", 1), ("?from=2020-01-01&to=2030-01-01", 3)]
)
def test_the_log_costs_the_same_however_long(reading, owner, query, reads):
    """Days are two more reads: of the ids between which they lie."""
    note(owner, "One")
    short = queries_of(reading, query)
    for number in range(60):
        note(owner, f"Note {number}")
    assert queries_of(reading, query) == short
    assert short[1] == reads


def test_an_event_tells_before_and_after(reading, model_version, owner, monkeypatch):
    monkeypatch.setattr(gates, "_gates", [])
    submit(model_version, actor=owner)
    event = AuditEvent.objects.get(action="approval.submit")
    words = said(reading.get(reverse("audit-event", args=[event.pk])))
    assert "in development" in words
    assert "submitted" in words
    assert "waits for the next seal" in words


def test_an_event_leads_to_what_the_same_request_did(reading, model_version):
    upload = AuditEvent.objects.get(action="version.upload")
    scan = AuditEvent.objects.get(action="artifact.scan")
    assert reverse("audit-event", args=[scan.pk]) in read(reading.get(reverse("audit-event", args=[upload.pk]))).links


def test_an_event_is_as_hidden_as_its_object(cast, sign_in, model_version):
    event = AuditEvent.objects.get(action="version.upload")
    url = reverse("audit-event", args=[event.pk])
    found = {name: sign_in(user).get(url).status_code for name, user in cast.items()}
    assert {name for name, status in found.items() if status == 404} == {"outsider"}
    assert sign_in(make_user("neighbour", "owner")).get(url).status_code == 404


def test_history_leads_to_the_past(reading, model_version, owner):
    url = reverse("history", args=["version", model_version.pk])
    assert reverse("as-of", args=["version", model_version.pk]) in read(reading.get(url)).links
    page = reading.get(reverse("as-of", args=["version", model_version.pk]))
    assert "reaches back to its making" in said(page)
    assert "developer" in said(page)


def test_a_day_before_it_was_made_is_empty(reading, model_version):
    words = said(reading.get(reverse("as-of", args=["version", model_version.pk]) + "?on=2001-01-01"))
    assert "It was not there yet" in words


@pytest.mark.parametrize("day", ["x", "2026-02-30", "0001-01-01", "9999-01-01"])
def test_what_is_no_day_is_said(reading, model_version, day):
    answer = reading.get(reverse("as-of", args=["version", model_version.pk]), {"on": day})
    assert answer.status_code == 400
    assert "is no date" in said(answer)


@pytest.mark.parametrize("name", ["audit-verify", "audit-export"])
def test_only_readers_of_the_whole_log_prove_and_export(cast, sign_in, name):
    url = reverse(name, args=["csv"] if name == "audit-export" else [])
    found = {person for person, user in cast.items() if sign_in(user).get(url).status_code == 403}
    assert found == {"owner", "developer", "outsider"}


def test_the_auditor_verifies_with_one_click(reading, owner):
    note(owner, "One")
    sealing.seal()
    answer = reading.post(reverse("audit-verify"), follow=True)
    assert "complete and unaltered" in said(answer)
    assert AuditCheck.objects.get().asked_by.username == "auditor"


def test_the_page_names_the_first_event_that_does_not_fit(reading, owner):
    event = note(owner, "One")
    sealing.seal()
    with owner_of_the_tables() as cursor:
        cursor.execute("UPDATE registry_auditevent SET summary = 'Other' WHERE id = %s", [event.pk])
    words = said(reading.post(reverse("audit-verify"), follow=True))
    assert f"Event {event.pk} was altered." in words
    assert "not as it was written" in words


def test_a_large_log_is_verified_by_the_worker(reading, owner, monkeypatch, django_capture_on_commit_callbacks):
    rung = []
    monkeypatch.setattr(checks, "AT_ONCE", 0)
    monkeypatch.setattr(checks, "async_task", lambda *given: rung.append(given))
    note(owner, "One")
    sealing.seal()
    with django_capture_on_commit_callbacks(execute=True):
        answer = reading.post(reverse("audit-verify"), follow=True)
    assert "waiting for a worker" in said(answer)
    row = AuditCheck.objects.get()
    assert rung == [("registry.audit.tasks.verify", row.pk)]
    checks.tasks.verify(row.pk)
    assert "complete and unaltered" in said(reading.get(reverse("audit-verify")))


def test_a_checkpoint_is_downloaded_as_it_was_signed(reading, owner):
    note(owner, "One")
    made = checkpoints.make(actor=system_user())
    answer = reading.get(reverse("audit-checkpoint", args=[made.number]))
    assert json.loads(answer.content)["signature"] == made.signature
    assert made.file_name in answer["Content-Disposition"]


def test_the_export_has_the_filters_of_the_page(reading, notes):
    page = read(reading.get(reverse("audit") + "?actor=developer"))
    (link,) = [link for link in page.links if ".jsonl" in link]
    lines = [json.loads(line) for line in b"".join(reading.get(link).streaming_content).splitlines()]
    assert [line["event"]["summary"] for line in lines if line["type"] == "event"] == ["Beta", "Gamma"]
    assert lines[-1]["count"] == 2


def test_the_verifier_is_given_to_whoever_asks(as_owner):
    assert b"def verify_export" in as_owner.get(reverse("audit-verifier")).content
