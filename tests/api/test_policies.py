"""Policies over REST, in the words of the contract."""

import pytest

from assessments.models import PolicyVersion
from assessments.policy.force import in_force
from registry import access
from tests.conftest import make_user

pytestmark = pytest.mark.django_db
HERE = "/api/v1/policy-versions/"


@pytest.fixture
def as_officer(call):
    return call(make_user("officer", access.COMPLIANCE))


def with_limit(document: dict, fail: float) -> dict:
    document["criteria"][0]["fail"] = fail
    return document


@pytest.fixture
def draft(as_officer) -> str:
    """The address of a draft with another limit."""
    document = with_limit(as_officer.get(f"{HERE}{in_force().pk}/document/").json(), 0.65)
    made = as_officer.post(HERE, {"document": document, "rationale": "Scorecards here reach 0.70."})
    assert made.status_code == 201, made.content
    return f"{HERE}{made.json()['id']}/"


def test_exported_is_imported_unchanged(as_officer):
    document = as_officer.get(f"{HERE}{in_force().pk}/document/").json()
    made = as_officer.post(HERE, {"document": document}).json()
    assert made["document"] == {**document, "version": 2}
    assert made["number"] == 2


def test_everything_wrong_with_a_document_is_told_at_once(as_officer, draft):
    document = with_limit(as_officer.get(f"{draft}document/").json(), "low")
    document["criteria"][1]["test"] = "performance.astrology"
    answer = as_officer.put(f"{draft}document/", {"document": document})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_policy")
    assert [one.split(":")[0] for one in answer.json()["detail"]["problems"]] == [
        "criteria[0].fail",
        "criteria[1].test",
    ]


def test_a_draft_is_proposed_and_what_may_be_done_is_offered(as_officer, draft):
    offered = {one["name"]: one["allowed"] for one in as_officer.get(draft).json()["available_actions"]}
    assert offered["policy.propose"]
    assert not offered["policy.sign"]
    assert as_officer.post(f"{draft}propose/", {}).json()["state"] == "proposed"
    assert as_officer.put(f"{draft}document/", {"rationale": "Another."}).status_code == 409


def test_a_token_never_signs(call, as_officer, draft):
    as_officer.post(f"{draft}propose/", {})
    answer = call(make_user("lead", access.MRM_LEAD)).post(f"{draft}sign/", {})
    assert answer.status_code == 403
    assert "not with an API token" in answer.json()["message"]


def test_a_proposal_is_rejected_with_a_reason(call, as_officer, draft):
    as_officer.post(f"{draft}propose/", {})
    answer = call(make_user("lead", access.MRM_LEAD)).post(f"{draft}reject/", {"reason": "Too strict for pilots."})
    assert (answer.json()["state"], answer.json()["ended_by"]) == ("rejected", "lead")


def test_the_difference_names_old_and_new(as_officer, draft):
    found = as_officer.get(f"{draft}difference/").json()
    assert found["summary"] == "1 criterion changed"
    assert found["changed"][0]["changes"] == [{"field": "fail", "old": 0.6, "new": 0.65}]


def test_the_replay_and_the_outcome_of_one_run(call, scene, as_officer, draft):
    result = scene.assessment.results.get(test="performance.discrimination")
    result.measures.create(position=0, metric="roc_auc", value=0.62, n=4000)
    scene.version.approval_status = "approved"
    scene.version.save()
    found = as_officer.get(f"{draft}replay/").json()
    assert (found["assessments"], found["changed"]) == (1, 1)
    assert found["criteria"] == [{"before": "pass", "after": "fail", "count": 1}]
    number = int(draft.rstrip("/").rsplit("/", 1)[1])
    run = f"/api/v1/assessments/{scene.assessment.pk}/under-policy/"
    said = as_officer.get(run, {"policy_version": number}).json()
    assert (said["before"], said["after"]) == ("pass", "fail")
    assert as_officer.get(run).json()["changes"] == []
    assert call(make_user("neighbour", access.OWNER)).get(run).status_code == 404


def test_which_was_in_force_at_a_moment(as_officer, draft):
    shipped = PolicyVersion.objects.get(number=1)
    found = as_officer.get(HERE, {"in_force_at": shipped.effective_from.isoformat()}).json()["results"]
    assert [one["number"] for one in found] == [1]
    assert as_officer.get(HERE, {"in_force_at": "2001-01-01T00:00:00Z"}).json()["results"] == []
    assert [one["number"] for one in as_officer.get(HERE).json()["results"]] == [2, 1]


def test_the_policy_in_force_is_the_document_that_runs_get(as_officer):
    assert as_officer.get("/api/v1/policy/").json() == in_force().sealed_document


def test_the_use_of_a_model_is_said_and_read(call, scene, owner):
    api, address = call(owner), f"/api/v1/models/{scene.model.pk}/"
    answer = api.put(f"{address}context/", {"use_case": "credit", "legal_contexts": ["eu"]})
    assert (answer.status_code, answer.json()["legal_contexts"]) == (200, ["eu"])
    assert api.put(f"{address}context/", {"use_case": "magic"}).status_code == 400
    assert api.get(address).json()["use_case"] == "credit"
