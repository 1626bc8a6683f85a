"""Every (state, event, role) of a case and of a use, through the page and through the API: one result, one reason.

The table here is written from the governance document (section 3.1), not from the code. A service account has no
session, so it has no page: tests/api/test_people.py.
"""

import html
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from registry.models import ModelVersion
from tests import cases
from tests.conftest import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

DECIDERS = {"approver", "committee_chair", "compliance"}  # of tier 2
SECOND = {"validator", "another_validator"}
OF_CASE: dict[tuple[str, str], set[str]] = {
    ("draft", "submit"): {"owner"},
    ("returned", "submit"): {"owner"},
    ("expired", "submit"): {"owner"},
    ("submitted", "start_validation"): {"mrm_lead"},
    ("submitted", "return"): SECOND | {"mrm_lead"},
    ("in_validation", "return"): {"validator", "mrm_lead"},
    ("in_validation", "validate"): {"validator"},
    ("in_validation", "fail_validation"): {"validator"},
    ("validated", "put_to_decision"): {"mrm_lead"},
    ("pending_approval", "vote:approve"): DECIDERS,
    ("pending_approval", "vote:approve_with_conditions"): DECIDERS,
    ("pending_approval", "vote:reject"): DECIDERS,
    ("pending_approval", "vote:return"): DECIDERS,
    ("draft", "withdraw"): {"owner"},
    ("submitted", "withdraw"): {"owner"},
    ("in_validation", "withdraw"): {"owner"},
    ("returned", "withdraw"): {"owner"},
    ("validated", "withdraw"): {"owner"},
    ("pending_approval", "withdraw"): {"owner"},
    ("approved", "deploy"): {"owner"},
    ("approved_with_conditions", "deploy"): {"owner"},
}
OF_USE: dict[tuple[str, str], set[str]] = {
    ("in_use", "deploy"): {"owner"},
    ("in_use", "restrict"): {"mrm_lead"},
    ("in_use", "suspend"): {"mrm_lead"},
    ("restricted", "suspend"): {"mrm_lead"},
    ("restricted", "reinstate"): DECIDERS,
    # Out of a suspension it takes an assessment made since, which these have not: tests/registry/approvals/test_use.py.
    ("in_use", "decommission"): {"owner"},
    ("restricted", "decommission"): {"owner"},
    ("suspended", "decommission"): {"owner"},
    ("decommissioning", "retire"): {"mrm_lead"},
}
# Of what stands approved, once something asks for its revalidation: where its new case is.
ANEW = "revalidation: "
OF_ANEW: dict[tuple[str, str], set[str]] = {
    (ANEW, "submit"): {"owner"},
    (ANEW + "returned", "submit"): {"owner"},
    (ANEW + "submitted", "start_validation"): {"mrm_lead"},
    (ANEW + "submitted", "return"): SECOND | {"mrm_lead"},
    (ANEW + "in_validation", "return"): {"validator", "mrm_lead"},
    (ANEW + "in_validation", "validate"): {"validator"},
    (ANEW + "in_validation", "fail_validation"): {"validator"},
    (ANEW + "validated", "put_to_decision"): {"mrm_lead"},
    (ANEW + "pending_approval", "vote:approve"): DECIDERS,
    (ANEW + "pending_approval", "vote:approve_with_conditions"): DECIDERS,
    (ANEW + "pending_approval", "vote:reject"): DECIDERS,
    (ANEW + "pending_approval", "vote:return"): DECIDERS,
}
AT_ANEW = [ANEW + state for state in ModelVersion.Revalidation.values]
OF_ANEW |= {(state, "deploy"): {"owner"} for state in AT_ANEW}  # the approval stands meanwhile
TABLE = OF_CASE | OF_USE | OF_ANEW
STATES = [*(state for state in ModelVersion.ApprovalStatus.values), *ModelVersion.UseStatus.values[1:], *AT_ANEW]
EVENTS = sorted({event for _state, event in TABLE})
ROLES = [
    *("owner", "developer", "validator", "another_validator", "mrm_lead", "approver", "committee_chair", "compliance"),
    *("security_officer", "auditor", "admin", "outsider"),
]
SEE_NOTHING = {"admin", "outsider"}  # of a model that is not theirs
ROLE_OF = {"another_validator": "validator", "outsider": None}
REASON = "Written down for those who must act on it."


@pytest.fixture(autouse=True)
def no_gates():
    """The gates of other apps are their own tests' matter."""
    with cases.without_gates():
        yield


@pytest.fixture
def version(scene) -> ModelVersion:
    scene.model.purpose = "Ranks applicants for a call, never for a refusal."
    scene.model.save(update_fields=["purpose"])
    return scene.version


@pytest.fixture
def clients(owner, developer):
    """{name: (page, API)}: each in a session of a person who gave the password a moment ago."""
    known = {"owner": owner, "developer": developer}
    cases.people()
    for name in ROLES:
        user = known.get(name) or get_user_model().objects.filter(username=name).first()
        role = ROLE_OF.get(name, name)
        known[name] = user or make_user(name, *([role] if role else []))
    return {name: (_signed_in(user), _signed_in(user)) for name, user in known.items()}


def _signed_in(user) -> APIClient:
    client = APIClient()
    client.default_format = "json"
    assert client.login(username=user.username, password="a-long-enough-password")
    return client


def given_for(event: str, version: ModelVersion) -> dict:
    """What the event takes, in the API's words."""
    validator = cases.people().validator
    due = (timezone.localdate() + timedelta(days=60)).isoformat()
    condition = {"text": REASON, "owner": version.model.owner.username, "due": due, "check_method": "person"}
    if event.startswith("vote:"):
        outcome = event.removeprefix("vote:")
        conditions = [condition] if outcome == "approve_with_conditions" else []
        seen = cases.seen(version) or "0" * 64
        return {"outcome": outcome, "comment": REASON, "seen": seen, "conditions": conditions}
    return {
        "submit": {},
        "start_validation": {"validator": validator.username, "scope": REASON},
        "validate": {"report": REASON},
        "fail_validation": {"report": REASON},
        "put_to_decision": {},
        "deploy": {"sha256": version.artifact.sha256, "environment": "production", "restrictions": REASON},
        "retire": {"reason": REASON, "archive": "The records room."},
    }.get(event, {"reason": REASON})


def by_api(client, event: str, version: ModelVersion):
    name = event.partition(":")[0].replace("_", "-")
    return client.post(f"/api/v1/versions/{version.pk}/{name}/", given_for(event, version))


def by_page(client, event: str, version: ModelVersion):
    given = given_for(event, version)
    if "validator" in given:
        given["validator"] = cases.people().validator.pk
    for number, condition in enumerate(given.pop("conditions", []), start=1):
        condition["owner"] = version.model.owner_id
        given |= {f"condition-{number}-{name}": value for name, value in condition.items()} | {"rows": str(number)}
    at = [version.model.slug, version.number]
    address = reverse("review", args=at) if event.startswith("vote:") else reverse("version-step", args=[*at, event])
    return client.post(address, given, format="multipart")


def tried(knock: Callable, client, event: str, version: ModelVersion):
    """The answer; what it changed is undone."""
    point = transaction.savepoint()
    answer = knock(client, event, version)
    transaction.savepoint_rollback(point)
    return answer


def words(answer) -> str:
    text = html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode()))
    return " ".join(text.split())


# The others in the second target: a quarter of a minute each. At the action itself, every one is asked each time.
SHORT = {"pending_approval", ANEW}


@pytest.mark.parametrize("state", [pytest.param(s, marks=() if s in SHORT else pytest.mark.long) for s in STATES])
def test_both_doors_give_every_person_the_same_answer(version, clients, state):
    if state in AT_ANEW:
        version = cases.bring_anew(version, state.removeprefix(ANEW))
        assert (version.approval_status, ANEW + version.revalidation) == ("approved", state)
    else:
        version = cases.bring(version, state)
        assert state in {version.approval_status, version.use_status}
    for event in EVENTS:
        for name, (page, api) in clients.items():
            told, shown = tried(by_api, api, event, version), tried(by_page, page, event, version)
            what = f"{state}, {event}, {name}: {told.status_code} {told.content[:300]!r}, {shown.status_code}"
            may = name in TABLE.get((state, event), set())
            if name in SEE_NOTHING:
                assert (told.status_code, shown.status_code) == (404, 404), what
            elif may:
                assert told.status_code in {200, 201}, what
                assert shown.status_code == 302, what
            else:
                assert told.status_code == shown.status_code, what
                assert told.status_code in {403, 409}, what
                assert told.json()["message"] in words(shown), what
