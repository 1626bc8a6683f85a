"""Starting assessments: once per key, by plan, by test, by family."""

import pytest

from assessments import catalogue
from assessments.models import Assessment
from registry.models import AuditEvent

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/assessments/"


@pytest.fixture
def given(scene) -> dict:
    scene.assessment.delete()
    return {"version": scene.version.pk, "dataset_version": scene.dataset_version.pk}


def planned(answer) -> list[str]:
    assert answer.status_code == 202, answer.json()
    return [step["id"] for step in answer.json()["tests"]]


def test_the_answer_says_where_to_poll(call, given, owner):
    api = call(owner)
    answer = api.post(ADDRESS, given)
    run = api.get(answer["Location"]).json()
    assert (answer.status_code, run["state"], run["url"]) == (202, "queued", answer["Location"])
    assert {step["status"] for step in run["tests"]} == {"waiting"}


@pytest.mark.parametrize("plan", ["quick", "standard", "thorough"])
def test_a_plan_brings_its_tests(call, given, owner, plan):
    assert planned(call(owner).post(ADDRESS, {**given, "plan": plan})) == catalogue.tests_of(plan)


def test_chosen_tests_may_come_with_parameters(call, given, owner):
    tests = ["performance.probability", {"id": "robustness.hopskipjump", "params": {"rows": 20}}]
    answer = call(owner).post(ADDRESS, {**given, "tests": tests, "seed": 5})
    assert planned(answer) == ["performance.probability", "robustness.hopskipjump"]
    plan = Assessment.objects.get(pk=answer.json()["id"]).plan
    assert [test["params"] for test in plan["tests"]] == [{}, {"rows": 20}]
    assert (plan["seed"], answer.json()["seed"]) == (5, 5)


@pytest.mark.parametrize("family", ["robustness", "fairness", "explainability"])
def test_each_direct_door_starts_its_family(call, given, owner, family):
    answer = call(owner).post(f"/api/v1/{family}/", given)
    assert planned(answer) == [test for test in catalogue.tests_of("standard") if test.split(".")[0] == family]
    assert answer["Location"].endswith(f"/api/v1/assessments/{answer.json()['id']}/")


def test_a_direct_door_takes_no_test_of_another_family(call, given, owner):
    answer = call(owner).post("/api/v1/fairness/", {**given, "tests": ["robustness.hopskipjump"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_test")
    assert not Assessment.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"tests": []},
        {"tests": ["robustness.nothing"]},
        {"tests": [{"id": "robustness.hopskipjump", "params": {"rows": -1}}]},
        {"tests": [{"id": "robustness.hopskipjump", "params": {"colour": "red"}}]},
        {"tests": [{"params": {}}]},
        {"tests": [7]},
        {"tests": {"id": "x"}},
        {"plan": "endless"},
        {"seed": -1},
        {"seed": 2**64},
        {"version": None},
        {"dataset_version": "many"},
        {"reference": 999_999},
    ],
    ids=str,
)
def test_what_cannot_be_planned_is_refused_and_leaves_nothing(call, given, owner, wrong):
    answer = call(owner).post(ADDRESS, {**given, **wrong})
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert answer.json()["hint"]
    assert not Assessment.objects.exists()


def test_the_same_key_starts_it_once(call, given, owner):
    api = call(owner)
    first, again = (api.post(ADDRESS, given, HTTP_IDEMPOTENCY_KEY="nightly-7") for _ in range(2))
    assert first.json()["id"] == again.json()["id"]
    assert first["Location"] == again["Location"]
    started = AuditEvent.objects.filter(action="assessment.start", object_id=str(Assessment.objects.get().pk))
    assert started.count() == 1


def test_the_same_key_for_another_request_is_a_conflict(call, given, owner):
    api = call(owner)
    api.post(ADDRESS, given, HTTP_IDEMPOTENCY_KEY="nightly-7")
    answer = api.post(ADDRESS, {**given, "plan": "quick"}, HTTP_IDEMPOTENCY_KEY="nightly-7")
    assert (answer.status_code, answer.json()["code"]) == (409, "key_reused")


def test_two_people_may_use_the_same_key(call, given, owner, developer):
    ids = {call(user).post(ADDRESS, given, HTTP_IDEMPOTENCY_KEY="1").json()["id"] for user in (owner, developer)}
    assert len(ids) == 2


def test_without_a_key_each_request_starts_one(call, given, owner):
    api = call(owner)
    assert len({api.post(ADDRESS, given).json()["id"] for _ in range(2)}) == 2


@pytest.mark.parametrize("key", ["x" * 81, "naïve", "a\tb"])
def test_a_key_that_cannot_be_kept_is_refused(call, given, owner, key):
    answer = call(owner).post(ADDRESS, given, HTTP_IDEMPOTENCY_KEY=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_key")
    assert not Assessment.objects.exists()


def test_the_catalogue_and_the_policy_are_there_to_read(call, owner):
    api = call(owner)
    assert [entry["id"] for entry in api.get("/api/v1/catalogue/").json()] == list(catalogue.catalogue())
    policy = api.get("/api/v1/policy/").json()
    assert {criterion["test"] for criterion in policy["criteria"]} <= set(catalogue.catalogue())
    assert len(policy["sha256"]) == 64


def test_what_it_would_take_is_told_and_nothing_is_started(call, given, owner):
    answer = call(owner).post(f"{ADDRESS}estimate/", {**given, "plan": "quick", "tests": ["performance.probability"]})
    assert answer.status_code == 200
    assert list(answer.json()["tests"]) == ["performance.probability"]
    assert answer.json()["text"].startswith("about ")
    assert not Assessment.objects.exists()


def test_an_estimate_of_a_test_that_is_not_there_is_refused(call, given, owner):
    answer = call(owner).post(f"{ADDRESS}estimate/", {**given, "tests": ["performance.magic"]})
    assert answer.status_code == 400
    assert "performance.magic" in str(answer.json())


def test_a_started_one_says_about_how_long_it_takes(call, given, owner):
    api = call(owner)
    run = api.get(api.post(ADDRESS, given)["Location"]).json()
    assert run["estimate"]["seconds"] > 0
    assert set(run["estimate"]["tests"]) == {step["id"] for step in run["tests"]}
