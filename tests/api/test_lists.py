"""Lists: pages by cursor, filters, and what they cost."""

import pytest

from registry.models import Artifact, AuditEvent, Dataset, MLModel
from tests.api.conftest import make_assessment
from tests.conftest import make_user

pytestmark = pytest.mark.django_db


def make_models(owner, count: int) -> None:
    for n in range(count):
        model = MLModel.objects.create(name=f"Model {n}", slug=f"model-{n}", owner=owner)
        model.developers.add(owner)


def all_pages(api, address: str) -> list[dict]:
    found = []
    while address:
        page = api.get(address).json()
        found += page["results"]
        address = page["next"]
    return found


def test_following_next_gives_every_row_once_newest_first(call, owner):
    make_models(owner, 7)
    found = all_pages(call(owner), "/api/v1/models/?page_size=3")
    assert [model["name"] for model in found] == [f"Model {n}" for n in reversed(range(7))]


def test_a_row_added_meanwhile_moves_nothing(call, owner):
    make_models(owner, 4)
    api = call(owner)
    first = api.get("/api/v1/models/?page_size=2").json()
    MLModel.objects.create(name="Late", slug="late", owner=owner)
    assert [model["name"] for model in api.get(first["next"]).json()["results"]] == ["Model 1", "Model 0"]


def test_a_page_never_holds_more_than_the_limit(call, owner):
    AuditEvent.objects.bulk_create(
        AuditEvent(actor=owner, actor_name="owner", action="x", object_type="x", object_label="x", summary="x")
        for _ in range(250)
    )
    api = call(make_user("inspector", "auditor"))
    assert len(api.get("/api/v1/audit-events/?page_size=100000").json()["results"]) == 200
    assert len(api.get("/api/v1/audit-events/").json()["results"]) == 50


def make_rows(scene, owner, count: int) -> None:
    make_models(owner, count)
    for n in range(count):
        Dataset.objects.create(name=f"Data {n}", slug=f"data-{n}", owner=owner)
        artifact = Artifact.objects.create(sha256=f"{n:064}", size=1)
        given = {"artifact": artifact, "original_name": "x", "created_by": owner, "number": n + 2}
        scene.model.versions.create(format="joblib", **given)
        scene.dataset_version.dataset.versions.create(format="csv", rows=1, **given)
        make_assessment(scene.version, scene.dataset_version, owner)


@pytest.mark.parametrize("name", ["owner", "auditor"])
def test_a_list_costs_the_same_however_many_rows(call, scene, cast, name, django_assert_max_num_queries):
    make_rows(scene, cast["owner"], 12)
    api = call(cast[name])
    lists = [
        "models/",
        "datasets/",
        "assessments/",
        "decisions/",
        f"models/{scene.model.pk}/versions/",
        f"datasets/{scene.dataset_version.dataset_id}/versions/",
    ]
    for address in lists:
        with django_assert_max_num_queries(8):
            assert len(api.get(f"/api/v1/{address}").json()["results"]) >= (0 if "decisions" in address else 12)


def test_an_assessment_costs_the_same_however_many_tests(call, scene, owner, django_assert_max_num_queries):
    for n in range(20):
        result = scene.assessment.results.create(test=f"family.test{n}", family="family", title="t", status="done")
        result.charts.create(position=0, chart_id=f"chart{n}", title="t", alt="t", data={"kind": "roc"})
    api = call(owner)
    for address in ("", "results/", "charts/"):
        with django_assert_max_num_queries(12):
            assert api.get(f"/api/v1/assessments/{scene.assessment.pk}/{address}").status_code == 200


def test_assessments_are_found_by_version_and_state(call, scene, owner):
    waiting = make_assessment(scene.version, scene.dataset_version, owner, state="queued")
    api = call(owner)

    def found(query: str) -> list[int]:
        return [run["id"] for run in api.get(f"/api/v1/assessments/?{query}").json()["results"]]

    assert found("state=queued") == [waiting.pk]
    assert found(f"version={scene.version.pk}&state=done") == [scene.assessment.pk]
    assert found(f"dataset_version={scene.dataset_version.pk}") == [waiting.pk, scene.assessment.pk]


def test_the_trail_is_found_by_object_and_by_what_was_refused(call, scene, owner, auditor):
    call(auditor).post("/api/v1/models/", {"name": "Not mine to make"})
    api = call(auditor)
    refused = api.get("/api/v1/audit-events/?refused=true").json()["results"]
    assert [(event["action"], event["actor_name"]) for event in refused] == [("model.register", "auditor")]
    run = f"object_type=assessments.assessment&object_id={scene.assessment.pk}"
    assert [event["action"] for event in api.get(f"/api/v1/audit-events/?{run}").json()["results"]] == [
        "assessment.start"
    ]
    assert api.get(f"/api/v1/audit-events/?request_id={refused[0]['request_id']}").json()["results"] == refused
