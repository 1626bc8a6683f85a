"""Roles, parts and rights over REST; and what an auditor, an admin and a service account may not do, by any rule."""

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, get_resolver, reverse
from rest_framework.test import APIClient

from modelrisk.pages.people import rights
from modelrisk.urls import pages
from registry import access, actions, assignments, people, service_accounts
from registry.models import MLModel, RoleGrant, ServiceAccount
from registry.refusals import BadInput
from registry.roles import system_user
from tests.api.contract import ContractClient, document
from tests.conftest import give_roles, make_user
from tests.signing import signed_in

pytestmark = pytest.mark.django_db
WHY = "Needed for the retail committee."


@pytest.fixture(autouse=True)
def every_action_is_offered():
    """As in a running server, where the addresses are read first."""
    get_resolver().url_patterns  # noqa: B018 - reading is what imports them


@pytest.fixture
def lead(db):
    return make_user("lead", access.MRM_LEAD)


def in_session(user) -> APIClient:
    client = ContractClient()
    client.default_format = "json"
    client.force_login(user)
    return client


# --- roles ----------------------------------------------------------------------------------------
def test_a_role_is_asked_for_by_token_and_granted_in_a_session(call, outsider, lead):
    given = {"user": "outsider", "role": "approver", "reason": WHY}
    asked = call(outsider).post("/api/v1/role-grants/", given)
    address = f"/api/v1/role-grants/{asked.json()['id']}/grant/"
    assert asked.status_code == 201
    by_token = call(lead).post(address)
    assert (by_token.status_code, "web session" in by_token.json()["message"]) == (403, True)
    assert in_session(lead).post(address).json()["state"] == "in_force"
    told = call(outsider).get("/api/v1/whoami/").json()
    assert [(held["role"], held["granted_by"]) for held in told["role_grants"]] == [("approver", "lead")]
    assert told["role_grants"][0]["since"]


def test_the_list_tells_who_has_which_role(call, approver, lead, outsider):
    rows = call(lead).get("/api/v1/role-grants/?role=approver&state=in_force").json()["results"]
    assert [row["user"] for row in rows] == ["approver"]
    assert call(outsider).get("/api/v1/role-grants/").json()["results"] == []


def test_a_role_is_refused_and_ended_with_a_reason(call, outsider, approver, lead):
    asked = people.request_role(outsider, actor=outsider, role="owner", reason=WHY)
    refused = call(lead).post(f"/api/v1/role-grants/{asked.pk}/refuse/", {"reason": "Not in your department."})
    assert refused.json()["state"] == "refused"
    grant = RoleGrant.objects.get(user=approver)
    assert call(lead).post(f"/api/v1/role-grants/{grant.pk}/end/", {"reason": "soon"}).json()["field"] == "reason"
    assert call(lead).post(f"/api/v1/role-grants/{grant.pk}/end/", {"reason": WHY}).json()["state"] == "ended"


def test_the_roles_are_told_with_what_follows_from_them(call, auditor, scene):
    told = call(auditor).get("/api/v1/roles/").json()
    assert [one["role"] for one in told["roles"]] == list(access.ROLES)
    by_name = {one["role"]: one for one in told["roles"]}
    assert set(by_name["auditor"]["excludes"]) == set(access.ROLES) - {"auditor"}
    assert "approver" in by_name["admin"]["excludes"]
    assert by_name["auditor"]["holders"] == ["auditor"]
    assert {right["action"] for right in told["rights"]} >= {"model.register", "version.upload"}


# --- parts ----------------------------------------------------------------------------------------
def test_parts_are_given_and_ended(call, owner, scene):
    make_user("second", access.DEVELOPER)
    address = f"/api/v1/models/{scene.model.pk}/people/"
    made = call(owner).post(address, {"user": "second", "part": "developer"})
    assert made.status_code == 201
    told = call(owner).get(address).json()
    assert {person["username"]: person["lineage"] for person in told["people"]}["second"] == ["developer"]
    ended = call(owner).post(f"/api/v1/assignments/{made.json()['id']}/end/")
    assert (ended.status_code, bool(ended.json()["until"])) == (200, True)
    rows = call(owner).get(f"/api/v1/assignments/?model={scene.model.pk}&user=second").json()["results"]
    assert [row["id"] for row in rows] == [made.json()["id"]]


def test_the_next_owner_takes_the_place_of_the_old_who_stays_of_the_lineage(call, owner, scene):
    second = make_user("second", access.OWNER)
    given = {"user": "second", "part": "owner"}
    assert call(owner).post(f"/api/v1/models/{scene.model.pk}/people/", given).status_code == 201
    scene.model.refresh_from_db()
    assert scene.model.owner == second
    assert "owner" in people.lineage(scene.model)[owner.pk]
    assert call(owner).post(f"/api/v1/models/{scene.model.pk}/people/", given).status_code in {403, 404}


@pytest.mark.parametrize(
    ("name", "part", "code"),
    [("outsider", "developer", "role_missing"), ("developer", "validator", "not_independent")],
)
def test_a_part_takes_its_role_and_its_independence(call, owner, lead, outsider, developer, scene, name, part, code):
    give_roles(developer, access.VALIDATOR)
    answer = call(lead).post(f"/api/v1/models/{scene.model.pk}/people/", {"user": name, "part": part})
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_whoever_has_no_part_gives_none(call, validator, scene):
    answer = call(validator).post(f"/api/v1/models/{scene.model.pk}/people/", {"user": "owner", "part": "user"})
    assert answer.status_code == 403


# --- service accounts -----------------------------------------------------------------------------
@pytest.fixture
def pipeline(owner, lead):
    made = service_accounts.make(ServiceAccount, actor=owner, name="pipeline", purpose="Uploads the nightly build.")
    with signed_in(lead):
        people.grant_role(RoleGrant.objects.get(user=made.account), actor=lead)
    return type(owner).objects.get(pk=made.account_id)


def test_a_pipeline_registers_in_the_name_of_its_person(call, owner, pipeline):
    account = ServiceAccount.objects.get()
    token = call(owner).post(f"/api/v1/service-accounts/{account.pk}/tokens/").json()["token"]
    client = ContractClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    made = client.post("/api/v1/models/", {"name": "Nightly"}, format="json")
    assert made.status_code == 201
    model = MLModel.objects.get()
    assert (model.owner, list(model.developers.all())) == (owner, [pipeline])
    assert access.may_upload_version(model, pipeline) is None


def test_a_pipeline_never_signs_in_whatever_its_password(pipeline):
    pipeline.set_password("a-long-enough-password")
    pipeline.save()
    assert authenticate(username="pipeline", password="a-long-enough-password") is None
    answer = Client().post(reverse("login"), {"username": "pipeline", "password": "a-long-enough-password"})
    assert answer.status_code == 200  # the form again
    client = Client()
    client.force_login(pipeline)
    assert client.get(reverse("inbox")).status_code == 302  # to the sign-in


def test_only_its_person_makes_tokens_for_it(call, lead, pipeline):
    answer = call(lead).post(f"/api/v1/service-accounts/{ServiceAccount.objects.get().pk}/tokens/")
    assert (answer.status_code, "who answers for it" in answer.json()["message"]) == (403, True)


def test_a_pipeline_may_hold_no_other_role(pipeline, lead):
    with pytest.raises(BadInput, match="A service account is a program"):
        people.request_role(pipeline, actor=lead, role="approver", reason=WHY)


def acting(call, owner):
    """The API with a token of the service account."""
    client, account = ContractClient(), ServiceAccount.objects.get()
    token = call(owner).post(f"/api/v1/service-accounts/{account.pk}/tokens/").json()["token"]
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return client


@pytest.mark.parametrize("name", ["\uff53ystem", "\u0430nna"])
def test_a_pipeline_passes_for_nobody_else_in_the_trail(call, owner, name):
    answer = call(owner).post("/api/v1/service-accounts/", {"name": name, "purpose": "Uploads the nightly build."})
    assert (answer.status_code, answer.json()["field"]) == (400, "name")


def test_the_tokens_of_a_pipeline_end_with_its_role(call, owner, lead, pipeline):
    client = acting(call, owner)
    assert client.get("/api/v1/whoami/").status_code == 200
    people.end_role(RoleGrant.objects.get(user=pipeline), actor=lead, reason=WHY)
    answer = client.get("/api/v1/whoami/")
    assert (answer.status_code, "has not the role" in answer.json()["message"]) == (401, True)


def test_the_tokens_of_a_pipeline_end_with_the_person_who_answers_for_it(call, owner, pipeline):
    client = acting(call, owner)
    type(owner).objects.filter(pk=owner.pk).update(is_active=False)
    answer = client.post("/api/v1/models/", {"name": "Nightly"}, format="json")
    assert (answer.status_code, "Nobody answers for" in answer.json()["message"]) == (401, True)


def test_a_pipeline_gets_no_other_role_after_its_own_and_no_session(pipeline, lead):
    people.end_role(RoleGrant.objects.get(user=pipeline), actor=lead, reason=WHY)
    with pytest.raises(BadInput, match="A service account is a program"):
        people.request_role(pipeline, actor=lead, role="approver", reason=WHY)
    pipeline.set_password("a-long-enough-password")
    pipeline.save()
    assert authenticate(username="pipeline", password="a-long-enough-password") is None


def test_what_a_pipeline_did_its_person_did(scene, lead, owner):
    """Or an approver could upload by a program, and decide in person."""
    approver = make_user("double", access.DEVELOPER, access.APPROVER, access.VALIDATOR)
    made = service_accounts.make(ServiceAccount, actor=approver, name="robot", purpose="Uploads the nightly build.")
    with signed_in(lead):
        people.grant_role(RoleGrant.objects.get(user=made.account), actor=lead)
    assert people.conflict(approver, scene.model) is None
    assignments.assign_developer(scene.model, actor=owner, user=type(owner).objects.get(pk=made.account_id))
    assert people.lineage(scene.model)[approver.pk] == {"developer"}
    assert MLModel.objects.ever_built_by(approver).get() == scene.model
    assignments.end_assignment(scene.model.assignments.get(user=made.account), actor=owner)
    scene.version.__class__.objects.update(created_by=made.account)
    assert people.lineage(scene.model)[approver.pk] == {"developer", "uploader"}
    given = {"version": scene.version.pk, "title": "It drifts", "description": "Look at the ages.", "severity": "low"}
    answer = in_session(approver).post("/api/v1/findings/", given)
    assert (answer.status_code, "someone independent" in answer.json()["message"]) == (403, True)


# --- who decides nothing --------------------------------------------------------------------------
ADMINISTERS = ("role.", "service_account.", "webhook.", "notification.", "account.", "token.")
PIPELINES = {"model.register", "dataset.register"}
READS = {"evidence.check", "audit.verify"}  # an auditor's own looking, which leaves a record


def told_of(viewer, role: str) -> set[str]:
    return {r.action for r in rights.of_roles(viewer) for a in r.answers if a.who == role and a.may}


def test_no_action_is_open_to_an_auditor(scene, auditor):
    assert told_of(auditor, access.AUDITOR) - READS == set()


def test_an_admin_administers_and_decides_nothing(scene, auditor):
    assert {name for name in told_of(auditor, access.ADMIN) if not name.startswith(ADMINISTERS)} == set()


def test_a_service_account_begins_things_and_decides_nothing(scene, auditor):
    assert told_of(auditor, access.SERVICE_ACCOUNT) == PIPELINES


def test_who_is_admin_and_more_by_mistake_still_decides_nothing(scene, call):
    both = make_user("both", access.ADMIN, *access.DECIDING)
    offered = call(both).get(f"/api/v1/versions/{scene.version.pk}/")
    assert offered.status_code == 404  # an admin does not even see it


# --- the auditor reads everything -----------------------------------------------------------------
def test_the_auditor_reads_every_list_of_the_api(call, auditor, scene):
    client = call(auditor)
    plain = [path for path, operations in document()["paths"].items() if "get" in operations and "{" not in path]
    told = {path: client.get(path).status_code for path in plain if "auth" not in path}
    assert {path: status for path, status in told.items() if status not in {200, 400}} == {}
    assert len(told) > 20


def test_the_auditor_reads_everything_about_a_model(call, auditor, scene):
    client = call(auditor)
    addresses = [*scene.addresses, f"models/{scene.model.pk}/people/"]
    told = {address: client.get(f"/api/v1/{address}").status_code for address in addresses}
    assert set(told.values()) == {200}


def test_the_auditor_opens_every_page_that_is_not_a_form_of_others(auditor, scene):
    client, told = Client(), {}
    client.force_login(auditor)
    for name in {one.name for one in pages if getattr(one, "name", None)}:
        try:
            told[name] = client.get(reverse(name)).status_code
        except NoReverseMatch:
            continue
    assert {name for name, status in told.items() if status not in {200, 286, 302, 400, 405}} == set()
    assert len(told) > 10


# --- the first people -----------------------------------------------------------------------------
def test_the_command_makes_the_first_people_and_then_no_more(capsys):
    for name in ("first", "second", "third"):
        make_user(name)
    call_command("grant_role", "first", "admin")
    call_command("grant_role", "second", "mrm_lead")
    assert "second has the role mrm lead now" in capsys.readouterr().out
    with pytest.raises(CommandError, match="2 people can grant roles"):
        call_command("grant_role", "third", "owner")
    assert set(RoleGrant.objects.values_list("granted_by", flat=True)) == {system_user().pk}


@pytest.mark.parametrize(("user", "role", "said"), [("nobody", "owner", "no account"), ("first", "king", "no role")])
def test_the_command_says_what_is_wrong(user, role, said):
    make_user("first")
    with pytest.raises(CommandError, match=said):
        call_command("grant_role", user, role)


def test_registering_gives_owner_and_developers_their_parts(owner, developer):
    model = actions.register_model(MLModel, actor=owner, name="Parts", developers=[developer])
    assert people.lineage(model) == {owner.pk: {"owner"}, developer.pk: {"developer"}}
    assert model.assignments.count() == 2


@pytest.mark.parametrize("address", ["role-grants/", "assignments/"])
def test_a_longer_list_asks_no_more_questions(call, lead, scene, address):
    client = call(lead)
    counts = []
    for more in (1, 8):
        for number in range(more):
            person = make_user(f"p{more}_{number}", access.VALIDATOR)
            assignments.assign_validator(scene.model, actor=lead, user=person)
        with CaptureQueriesContext(connection) as asked:
            assert client.get(f"/api/v1/{address}").status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[1]
