"""What an owner, an MRM lead and the page tell of a revalidation; and that it takes evidence of its own."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from assessments import case
from assessments.models import Assessment
from modelrisk.pages.waiting import cases as waiting
from registry.models import Decision
from tests import cases

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(model_version):
    model_version.model.purpose = "Ranks applicants for a call, never for a refusal."
    model_version.model.save(update_fields=["purpose"])
    with cases.without_gates():
        yield cases.bring_anew(model_version, "", use="in_use")


def test_the_owner_is_asked_to_submit_it_and_the_lead_to_go_on(client, asked, owner):
    assert [one.kind for one in waiting.found(owner)] == ["revalidate"]
    client.force_login(owner)
    url = f"/models/{asked.model.slug}/v{asked.number}/"
    assert "submits it for revalidation" in client.get(url).content.decode()
    assert client.post(f"{url}steps/submit/", {"note": ""}).status_code == 302
    assert not list(waiting.found(owner))
    assert [one.kind for one in waiting.found(cases.people().mrm_lead)] == ["start_validation"]
    shown = client.get(url).content.decode()
    assert "revalidation submitted" in shown
    assert "stands until this new case is decided." in shown
    assert reverse("decision", args=[Decision.objects.get().pk]) in shown
    assert ">approved<" in shown


def test_the_api_tells_both_and_filters_by_it(asked, owner):
    client = APIClient()
    client.force_login(owner)
    assert client.post(f"/api/v1/versions/{asked.pk}/submit/", {}, format="json").status_code == 201
    told = client.get("/api/v1/versions/", {"revalidation": "submitted"}).json()["results"]
    assert [(row["approval_status"], row["revalidation"], row["use_status"]) for row in told] == [
        ("approved", "submitted", "in_use")
    ]
    assert client.get("/api/v1/versions/", {"revalidation": "validated"}).json()["results"] == []


def test_deciders_are_asked_again(asked):
    people = cases.people()
    for _state, act in cases._way("pending_approval"):
        act(cases._now(asked))
    assert [one.kind for one in waiting.found(people.approver)] == ["decide"]
    assert not list(waiting.found(people.validator))


def test_the_evidence_of_last_time_is_no_revalidation(asked, monkeypatch):
    decided = Decision.objects.get().decided_at
    old = Assessment(pk=7, version=asked, finished_at=decided - timedelta(days=1))
    monkeypatch.setattr(case, "deciding", lambda _version: old)
    assert [found.id for found in case.assessed_since_approval(asked)] == ["not_assessed_since"]
    old.finished_at = timezone.now() + timedelta(seconds=1)
    assert not list(case.assessed_since_approval(asked))
