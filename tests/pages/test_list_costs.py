"""A list asks the database the same number of questions, however many rows there are."""

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from modelrisk import seeding

pytestmark = pytest.mark.django_db
PAGES = ["/", "/models/", "/models/?q=lending", "/datasets/", "/findings/", "/findings/?show=overdue",
         "/notifications/", "/api/v1/inbox/"]  # fmt: skip
LISTS = ["/api/v1/models/", "/api/v1/versions/", "/api/v1/versions/?gate=needs_waiver", "/api/v1/artifacts/",
         "/api/v1/datasets/", "/api/v1/assessments/", "/api/v1/findings/",
         "/api/v1/decisions/", "/api/v1/tier-ratings/", "/api/v1/notifications/"]  # fmt: skip
PEOPLE = ["owner", "developer", "validator", "mrm_lead", "approver", "committee_chair", "compliance",
          "security_officer", "auditor", "admin"]  # fmt: skip
WITH_LISTS = {"owner", "developer", "auditor"}  # the others see of them what the auditor sees, or nothing


@pytest.fixture(autouse=True)
def _few_people(monkeypatch):
    """So that those there are have many rows."""
    few = {"OWNERS": 2, "DEVELOPERS": 3, "NOTIFICATIONS": 4, "TEMPLATES": 20, "DRAFTS": 1, "HELD": 5, "PROPOSED": 6}
    for name, value in few.items():
        monkeypatch.setattr(seeding, name, value)


def asked(models: int) -> dict[tuple[str, str], int]:
    """{(address, person): queries} in a registry of so many models, undone again."""
    counts = {}
    with transaction.atomic():
        seeding.Seed(models=models, assessments=4 * models, events=10 * models, say=lambda _done: None).write()
        for person in PEOPLE:
            client = Client()
            client.force_login(get_user_model().objects.get(username=f"seeded_{person}_0"))
            for address in PAGES + LISTS * (person in WITH_LISTS):
                with CaptureQueriesContext(connection) as queries:
                    assert client.get(address).status_code == 200, address
                counts[address, person] = len(queries)
        transaction.set_rollback(True)
    return counts


def test_a_list_asks_the_same_however_long_it_is():
    few, many = asked(24), asked(60)
    assert {key: (few[key], many[key]) for key in few if few[key] != many[key]} == {}
    assert max(many.values()) <= 40
