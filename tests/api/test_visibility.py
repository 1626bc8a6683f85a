"""Who sees what: what one may not see does not exist."""

import pytest

from tests.conftest import make_user

LISTS = ["models", "versions", "artifacts", "waivers", "datasets", "assessments", "decisions"]
PEOPLE = ["owner", "developer", "validator", "approver", "security_officer", "auditor"]


@pytest.mark.parametrize("name", PEOPLE)
def test_everyone_concerned_reads_every_address(call, scene, cast, name):
    api = call(cast[name])
    for address in scene.addresses:
        assert api.get(f"/api/v1/{address}").status_code == 200, address


def test_an_outsider_finds_nothing(call, scene, outsider):
    api = call(outsider)
    for address in scene.addresses:
        answer = api.get(f"/api/v1/{address}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), address
    for name in LISTS:
        assert api.get(f"/api/v1/{name}/").json()["results"] == []


def test_an_owner_does_not_find_anothers_models(call, scene, db):
    api = call(make_user("neighbour", "owner"))
    hidden = [address for address in scene.addresses if not address.startswith("dataset")]
    assert {api.get(f"/api/v1/{address}").status_code for address in hidden} == {404}
    assert api.get("/api/v1/models/").json()["results"] == []
    assert api.get("/api/v1/assessments/").json()["results"] == []


def test_nobody_reads_anything_without_a_token(call, scene):
    api = call(None)
    for address in [*scene.addresses, *(f"{name}/" for name in LISTS), "whoami/", "catalogue/", "policy/"]:
        answer = api.get(f"/api/v1/{address}")
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated"), address
        assert answer.json()["hint"]


@pytest.mark.parametrize(("name", "status"), [("auditor", 200), ("approver", 200), ("owner", 403), ("outsider", 403)])
def test_only_those_who_see_everything_read_the_whole_trail(call, scene, cast, name, status):
    answer = call(cast[name]).get("/api/v1/audit-events/")
    assert answer.status_code == status
    assert status == 200 or "audit trail takes the role" in answer.json()["message"]


def test_a_hidden_row_in_a_body_is_as_unknown_as_none(call, scene, db):
    api = call(make_user("neighbour", "owner"))
    hidden, missing = (
        api.post("/api/v1/assessments/", {"version": pk, "dataset_version": scene.dataset_version.pk}).json()
        for pk in (scene.version.pk, 999_999)
    )
    assert hidden["field"] == missing["field"] == "version"
    assert hidden["message"].replace(str(scene.version.pk), "#") == missing["message"].replace("999999", "#")


def test_a_change_to_a_hidden_row_is_not_found_either(call, scene, outsider):
    api = call(outsider)
    version, run = scene.version.pk, scene.assessment.pk
    for address in (f"versions/{version}/decide/", f"versions/{version}/withdraw/", f"assessments/{run}/cancel/"):
        assert api.post(f"/api/v1/{address}", {}).status_code == 404, address
