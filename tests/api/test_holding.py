"""Conditions that were not kept close the pipeline's gate and every way into use, through page and API alike."""

import html
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from registry.approvals import use
from registry.models import Condition
from registry.roles import system_user
from tests import cases

pytestmark = pytest.mark.django_db
REASON = "Written down for those who must act on it."


def past_due() -> None:
    Condition.objects.update(due=timezone.localdate() - timedelta(days=1))


def breached() -> None:
    Condition.objects.update(state="breached")


BROKEN = {"condition_overdue": past_due, "condition_breached": breached}


@pytest.fixture
def approved(scene):
    with cases.without_gates():
        scene.model.purpose = "Ranks applicants for a call, never for a refusal."
        scene.model.save(update_fields=["purpose"])
        yield cases.bring(scene.version, "approved_with_conditions")


def signed_in(user) -> APIClient:
    client = APIClient()
    client.default_format = "json"
    assert client.login(username=user.username, password="a-long-enough-password")
    return client


def codes(client, version) -> list[str]:
    return [one["code"] for one in client.get(f"/api/v1/versions/{version.pk}/gate/").json()["reasons"]]


def both_doors(client, version, event: str, given: dict) -> dict:
    """What the API says, after the page was seen to say the same."""
    told = client.post(f"/api/v1/versions/{version.pk}/{event}/", given)
    page = reverse("version-step", args=[version.model.slug, version.number, event])
    shown = client.post(page, given, format="multipart")
    assert (told.status_code, shown.status_code) == (409, 409), told.content
    assert told.json()["message"] in html.unescape(shown.content.decode())
    return told.json()


@pytest.mark.parametrize("code", BROKEN)
def test_it_closes_the_gate_and_is_not_deployed(approved, owner, code):
    client = signed_in(owner)
    assert codes(client, approved) == []
    BROKEN[code]()
    assert codes(client, approved) == [code]
    given = {"sha256": approved.artifact.sha256, "environment": "production", "restrictions": REASON}
    told = both_doors(client, approved, "deploy", given)
    assert told["code"] == code
    assert not approved.deployments.exists()


@pytest.mark.parametrize("code", BROKEN)
def test_nor_is_it_brought_back_into_use(approved, code):
    cases.deploy(approved)
    use.restrict(cases._now(approved), actor=cases.people().mrm_lead, reason=REASON)
    BROKEN[code]()
    client = signed_in(cases.people().approver)
    assert both_doors(client, approved, "reinstate", {"reason": REASON})["code"] == code
    use.suspend(cases._now(approved), actor=system_user(), reason=REASON)
    assert set(codes(client, approved)) == {"suspended", code}


def test_once_it_is_met_the_gate_opens(approved, owner):
    breached()
    Condition.objects.update(state="satisfied", due=timezone.localdate() - timedelta(days=1))
    assert codes(signed_in(owner), approved) == []
