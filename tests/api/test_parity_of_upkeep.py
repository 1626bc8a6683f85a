"""Exceptions, conditions, triggers, attestations, change notes, drafts of findings: page and API are the same door."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from assessments.actions import exceptions
from assessments.actions.findings import raise_finding, steps
from assessments.findings.states import Event as FindingEvent
from assessments.models import Finding, PolicyException
from registry import access, attestations, change_notes, conditions, revalidation
from registry.models import Attestation, Condition
from registry.roles import system_user
from tests.api.contract import ContractClient
from tests.api.test_parity import Door, tried, version_page
from tests.conftest import make_user
from tests.registry.upkeep import conditional, decided
from tests.signing import signed_in

pytestmark = pytest.mark.django_db
CAST = ["owner", "developer", "validator", "approver", "security_officer", "auditor", "outsider", "neighbour"]
CAST += ["lead", "chair"]
TEXT = "A sentence that says enough."
SIGNED = {"exception.approve"}
ASKED = {
    "kind": "missing_test",
    "test": "robustness.noise",
    "reason": TEXT,
    "compensating_control": TEXT,
    "expiry": (timezone.localdate() + timedelta(days=30)).isoformat(),
}
RENEWAL = {name: ASKED[name] for name in ("reason", "compensating_control", "expiry")}
ANSWERS = {fact: {"holds": True, "note": ""} for fact in Attestation.Fact.values}


def ask(scene) -> None:
    given = ASKED | {"expiry": timezone.localdate() + timedelta(days=30)}
    exceptions.request_exception(scene.version, actor=scene.model.owner, **given)


def ask_and_approve(scene) -> None:
    ask(scene)
    by = make_user("another_lead", access.MRM_LEAD)
    PolicyException.objects.update(state="active", approved_by=by, approved_at=timezone.now(), approved_as="mrm_lead")


def approve_it(scene) -> None:
    decided(scene.version, system_user())


def condition_it(scene) -> None:
    conditional(decided(scene.version, system_user(), outcome="approve_with_conditions"), scene.model.owner)


def submit_it(scene) -> None:
    condition_it(scene)
    Condition.objects.update(state="evidence_submitted", evidence=TEXT)


def draft_it(scene) -> None:
    by = make_user("another_validator", access.VALIDATOR)
    raise_finding(scene.version, actor=by, title="t", description=TEXT, severity="low", draft=True)


def exception_of(scene) -> PolicyException:
    return PolicyException.objects.get()


def condition_of(scene) -> Condition:
    return Condition.objects.get()


def exception_step(event: str, before) -> Door:
    given = {"text": TEXT}
    return Door(
        action=exceptions.STEPS[exceptions.Event(event)],
        subject=exception_of,
        before=before,
        api=lambda client, scene: client.post(f"/api/v1/exceptions/{exception_of(scene).pk}/{event}/", given),
        page=lambda client, scene: client.post(
            reverse("exception", args=[exception_of(scene).pk]), given | {"event": event}
        ),
    )


def condition_step(event: str, before) -> Door:
    given, at = {"text": TEXT}, event.replace("_", "-")
    return Door(
        action=conditions.STEPS[conditions.Event(event)],
        subject=condition_of,
        before=before,
        api=lambda client, scene: client.post(f"/api/v1/conditions/{condition_of(scene).pk}/{at}/", given),
        page=lambda client, scene: client.post(
            reverse("condition", args=[condition_of(scene).pk]), given | {"event": event}
        ),
    )


def of_version(action, route: str, page: str, api_given: dict, page_given: dict, before=lambda scene: None) -> Door:
    return Door(
        action=action,
        subject=lambda scene: scene.version,
        before=before,
        api=lambda client, scene: client.post(f"/api/v1/{route}/", {"version": scene.version.pk} | api_given),
        page=lambda client, scene: client.post(version_page(page, scene), page_given),
    )


TRIGGER = {"kind": "incident", "reason": TEXT}
CHANGE = {"weight": "minor", "reason": TEXT}
ISSUE = {"text": TEXT}
DOORS = {
    "exception.request": of_version(exceptions.request_exception, "exceptions", "exception-request", ASKED, ASKED),
    "exception.renew": Door(
        action=exceptions.renew,
        subject=exception_of,
        before=ask_and_approve,
        api=lambda client, scene: client.post(f"/api/v1/exceptions/{exception_of(scene).pk}/renew/", RENEWAL),
        page=lambda client, scene: client.post(reverse("exception-renew", args=[exception_of(scene).pk]), RENEWAL),
    ),
    "exception.approve": exception_step("approve", ask),
    "exception.refuse": exception_step("refuse", ask),
    "exception.withdraw": exception_step("withdraw", ask),
    "exception.close": exception_step("close", ask_and_approve),
    "exception.revoke": exception_step("revoke", ask_and_approve),
    "condition.submit_evidence": condition_step("submit_evidence", condition_it),
    "condition.satisfy": condition_step("satisfy", submit_it),
    "condition.send_back": condition_step("send_back", submit_it),
    "revalidation.open": of_version(
        revalidation.open_trigger, "revalidation-triggers", "version-trigger", TRIGGER, TRIGGER, approve_it
    ),
    "attestation.give": of_version(
        attestations.attest,
        "attestations",
        "attest",
        {"answers": ANSWERS},
        dict.fromkeys(Attestation.Fact.values, "yes"),
        approve_it,
    ),
    "change.classify": of_version(change_notes.classify, "change-notes", "version-change", CHANGE, CHANGE),
    "finding.issue": Door(
        action=steps[FindingEvent.ISSUE],
        subject=lambda scene: Finding.objects.get(),
        before=draft_it,
        api=lambda client, scene: client.post(f"/api/v1/findings/{Finding.objects.get().pk}/issue/", ISSUE),
        page=lambda client, scene: client.post(
            reverse("finding", args=[Finding.objects.get().pk]), ISSUE | {"event": "issue"}
        ),
    ),
}


def people(cast) -> dict:
    """The cast, and three more."""
    return cast | {
        "neighbour": make_user("neighbour", "owner", "developer"),
        "lead": make_user("lead", access.MRM_LEAD),
        "chair": make_user("chair", access.COMMITTEE_CHAIR),
    }


def api_session(user) -> ContractClient:
    """The API in a web session in which the password was just given: a token signs nothing."""
    client = ContractClient()
    client.default_format = "json"
    client.force_login(user)
    return client


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_both_doors_open_or_both_stay_shut(call, scene, cast, door):
    known = people(cast)
    door.before(scene)
    for name in CAST:
        knock_at_both(door, scene, known[name], call)


def knock_at_both(door: Door, scene, user, call) -> None:
    """As this person; what a door let in is undone."""
    browser = Client()
    browser.force_login(user)
    api = api_session(user) if door.action.action_name in SIGNED else call(user)
    subject = door.subject(scene)
    subject.refresh_from_db()
    with signed_in(user):
        may = door.action.refusal(subject, user) is None
    visible = type(subject).objects.visible_to(user).filter(pk=subject.pk).exists()
    by_api, by_page = tried(door.api, api, scene), tried(door.page, browser, scene)
    who = f"{user}: {by_api}, {by_page}"
    assert (by_api in {200, 201}) is (by_page == 302) is (may and visible), who
    if not may and visible:
        assert by_api == 403, who
    if not visible:
        assert by_api in {400, 404}, who


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_each_door_opens_for_someone(call, scene, cast, door):
    door.before(scene)
    subject = door.subject(scene)
    subject.refresh_from_db()
    opens = []
    for user in people(cast).values():
        with signed_in(user):
            opens.append(door.action.refusal(subject, user) is None)
    assert any(opens)
    assert not all(opens)


def test_a_token_signs_no_exception(call, scene, cast):
    chair = make_user("chair", access.COMMITTEE_CHAIR)
    ask(scene)
    answer = call(chair).post(f"/api/v1/exceptions/{exception_of(scene).pk}/approve/", {"text": TEXT})
    assert (answer.status_code, PolicyException.objects.get().state) == (403, "requested")
    assert "not with an API token" in answer.json()["message"]


@pytest.mark.parametrize("name", ["owner", "developer", "validator", "approver", "auditor", "lead"])
def test_what_is_offered_is_what_the_doors_do(call, scene, cast, name):
    user = people(cast)[name]
    ask_and_approve(scene)
    submit_it(scene)
    api = call(user)
    for address in (f"exceptions/{exception_of(scene).pk}/", f"conditions/{condition_of(scene).pk}/"):
        for offered in api.get(f"/api/v1/{address}").json()["available_actions"]:
            status = tried(DOORS[offered["name"]].api, api, scene)
            assert offered["allowed"] is (status < 300), offered
            assert bool(offered["reason"]) is not offered["allowed"]
