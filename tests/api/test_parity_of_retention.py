"""Retention: page and API are the same door; and what both tell of holds, of what is due and of what went."""

import pytest
from django.test import Client
from django.urls import reverse

from registry.models import LegalHold, Purge
from registry.retention import holds, purging
from tests import cases
from tests.api.contract import ContractClient
from tests.api.test_parity import Door, tried
from tests.conftest import make_user
from tests.pages.page import read
from tests.registry.retention import REASON, asked, confirmed, ended
from tests.signing import signed_in

pytestmark = pytest.mark.django_db
WHY = {"reason": REASON}
CAST = ["owner", "developer", "validator", "approver", "security_officer", "auditor", "outsider", "mrm_lead"]
CAST += ["compliance", "asker"]


def end_it(scene) -> None:
    ended(scene.version, years=11)


def hold_it(scene) -> None:
    officer = cases.people().compliance
    with signed_in(officer):
        holds.place_hold(LegalHold, actor=officer, reason=REASON, model=scene.model)


def ask_for_it(scene) -> None:
    end_it(scene)
    purging.ask_for_purge(scene.version.artifact, actor=make_user("asker", "mrm_lead"), **WHY)


def purge_door(action, step: str, signed: bool) -> Door:
    return Door(
        action=action,
        subject=lambda scene: Purge.objects.get(),
        before=ask_for_it,
        api=lambda client, scene: client.post(f"/api/v1/purges/{Purge.objects.get().pk}/{step}/", WHY),
        page=lambda client, scene: client.post(reverse(f"purge-{step}", args=[Purge.objects.get().pk]), WHY),
        signed=signed,
    )


DOORS = {
    "hold.place": Door(
        action=holds.place_hold,
        subject=lambda scene: LegalHold,
        api=lambda client, scene: client.post("/api/v1/legal-holds/", WHY | {"model": scene.model.pk}),
        page=lambda client, scene: client.post(reverse("retention"), WHY | {"model": scene.model.pk}),
        signed=True,
    ),
    "hold.lift": Door(
        action=holds.lift_hold,
        subject=lambda scene: LegalHold.objects.get(),
        before=hold_it,
        api=lambda client, scene: client.post(f"/api/v1/legal-holds/{LegalHold.objects.get().pk}/lift/", WHY),
        page=lambda client, scene: client.post(reverse("legal-hold", args=[LegalHold.objects.get().pk]), WHY),
        signed=True,
    ),
    "retention.ask": Door(
        action=purging.ask_for_purge,
        subject=lambda scene: scene.version.artifact,
        before=end_it,
        api=lambda client, scene: client.post("/api/v1/purges/", WHY | {"artifact": scene.version.artifact_id}),
        page=lambda client, scene: client.post(reverse("retention-file", args=[scene.version.artifact.sha256]), WHY),
    ),
    "retention.confirm": purge_door(purging.confirm_purge, "confirm", True),
    "retention.refuse": purge_door(purging.refuse_purge, "refuse", False),
}


def in_session(user) -> ContractClient:
    client = ContractClient()
    client.default_format = "json"
    client.force_login(user)
    return client


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_both_doors_open_or_both_stay_shut(call, scene, cast, door):
    """Each of the cast at the same scene: a savepoint takes back what one of them did."""
    door.before(scene)
    known, opened = cast | vars(cases.people()), []
    known["asker"] = type(scene.model.owner).objects.filter(username="asker").first() or make_user("asker", "mrm_lead")
    subject = door.subject(scene)
    for name in CAST:
        user, browser = known[name], Client()
        browser.force_login(user)
        with signed_in(user):
            may = door.action.refusal(subject, user) is None
        seen = isinstance(subject, type) or type(subject).objects.visible_to(user).filter(pk=subject.pk).exists()
        by_api = tried(door.api, in_session(user) if door.signed else call(user), scene)
        by_page = tried(door.page, browser, scene)
        assert (by_api in {200, 201}) is (by_page == 302) is (may and seen), (name, by_api, by_page)
        assert may or by_api in {400, 403, 404}, name
        opened += [name] if by_api < 300 else []
    expected = {"hold.lift": ["compliance"], "retention.confirm": ["mrm_lead", "compliance"]}
    assert opened == expected.get(door.action.action_name, ["mrm_lead", "compliance", "asker"])


def test_a_token_neither_holds_nor_confirms(call, scene):
    officer = cases.people().compliance
    ask_for_it(scene)
    for address, given in (
        ("legal-holds/", WHY | {"model": scene.model.pk}),
        (f"purges/{Purge.objects.get().pk}/confirm/", {}),
    ):
        answer = call(officer).post(f"/api/v1/{address}", given)
        assert (answer.status_code, "not with an API token" in answer.json()["message"]) == (403, True)


def test_both_tell_what_is_due_what_is_held_and_what_went(call, scene, auditor, client):
    """The auditor's question 13, answered by page and call."""
    hold_it(scene)
    end_it(scene)
    api, file = call(auditor), scene.version.artifact
    client.force_login(auditor)
    (held,) = api.get("/api/v1/retention/").json()["holds"]
    assert held["reason"] == REASON
    stands = api.get(f"/api/v1/artifacts/{file.pk}/retention/").json()
    assert stands["kept_by"] == [f"{held['label']} keeps it: {REASON}"]
    assert stands["kept_by"][0] in read(client.get(reverse("retention-file", args=[file.sha256]))).text
    LegalHold.objects.update(lifted_at="2026-11-01T00:00Z")
    (due,) = api.get("/api/v1/retention/").json()["due"]
    assert (due["sha256"], due["rule"]) == (file.sha256, "technical_documentation")
    assert "the model Income v1" in read(client.get(reverse("retention"))).text
    purge = confirmed(asked(file))
    told = api.get("/api/v1/retention/").json()
    assert told["due"] == []
    (went,) = told["purged"]
    assert (went["sha256"], went["rule"]["source"], went["settled_by"]) == (file.sha256, "EU-AIA:Art.18", "compliance")
    assert api.get("/api/v1/purges/?state=purged").json()["results"][0]["id"] == purge.pk
    assert api.get(f"/api/v1/purges/{purge.pk}/history/").status_code == 200
    assert reverse("purge", args=[purge.pk]) in read(client.get(reverse("retention"))).links
    tombstone = read(client.get(reverse("purge", args=[purge.pk]))).text
    assert all(said in tombstone for said in (file.sha256, "the model Income v1", "EU-AIA:Art.18", "compliance"))
    gone = api.get(f"/api/v1/versions/{scene.version.pk}/file/")
    assert (gone.status_code, gone.json()["code"]) == (410, "purged")


def test_only_those_who_see_every_model_read_of_it(call, scene, cast, client):
    hold_it(scene)
    addresses = ["/api/v1/retention/", f"/api/v1/artifacts/{scene.version.artifact_id}/retention/"]
    addresses += [reverse("retention"), reverse("retention-file", args=[scene.version.artifact.sha256])]
    hold = LegalHold.objects.get().pk
    for name, status in (("auditor", 200), ("owner", 403)):
        client.force_login(cast[name])
        assert {client.get(address).status_code for address in addresses} == {status}
        assert len(call(cast[name]).get("/api/v1/legal-holds/").json()["results"]) == (1 if status == 200 else 0)
        assert client.get(reverse("legal-hold", args=[hold])).status_code == (200 if status == 200 else 404)
