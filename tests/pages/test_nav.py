"""Where one is stands out in the main navigation."""

import re

import pytest
from django.urls import reverse

from tests.registry.upkeep import decided

pytestmark = pytest.mark.django_db


def current(client, address: str) -> list[str]:
    page = client.get(address)
    assert page.status_code == 200
    found = re.findall(r'<a[^>]*aria-current="page"[^>]*>\s*([A-Za-z]+)', page.content.decode())
    return [name for name in found if name in {"Inbox", "Models", "Datasets", "Findings", "Policies", "Audit"}]


def test_a_decision_and_all_about_it_belongs_to_the_models(model_version, approver, auditor, sign_in):
    decision = decided(model_version, approver)
    client = sign_in(auditor)
    parts = ("authority", "evidence", "thresholds", "failed", "independence", "since", "pack")
    addresses = [reverse("decision", args=[decision.pk])]
    addresses += [reverse(f"decision-{part}", args=[decision.pk]) for part in parts]
    addresses.append(reverse("upkeep", args=[model_version.model.slug, model_version.number]))
    assert {address: current(client, address) for address in addresses} == dict.fromkeys(addresses, ["Models"])


def test_what_auditors_ask_belongs_to_the_audit(auditor, sign_in):
    client = sign_in(auditor)
    names = ("audit", "audit-questions", "findings-on", "expired-in-use", "without-approval", "population")
    assert {name: current(client, reverse(name)) for name in names} == dict.fromkeys(names, ["Audit"])
