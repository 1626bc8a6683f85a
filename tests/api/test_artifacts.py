"""Artefacts, scans and waivers over REST: what is read, what is granted, how a refusal is told."""

from datetime import timedelta

import pytest
from django.utils import timezone

from registry.models import Artifact, AuditEvent, MLModel
from tests import gate, small
from tests.conftest import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def artifact(scene, owner):
    """The file of the scene's version, whose newest scan asks for a waiver."""
    gate.scanned(scene.version.artifact, owner, "needs_waiver")
    return scene.version.artifact


def given(artifact, **changes) -> dict:
    return {
        "imports_sha256": artifact.scan.imports_sha256,
        "reason": "Needed for the pilot.",
        "compensating_control": "Checked by hand.",
        "valid_until": (timezone.localdate() + timedelta(days=30)).isoformat(),
        **changes,
    }


def test_an_artefact_says_what_its_file_would_do(call, scene, artifact, auditor):
    told = call(auditor).get(f"/api/v1/artifacts/{artifact.pk}/").json()
    assert (told["sha256"], told["scan"]["verdict"]) == (artifact.sha256, "needs_waiver")
    document = told["scan"]["document"]
    held = [found for found in document["imports"] if found["verdict"] == "needs_waiver"]
    assert held == [
        {"name": "__main__:Scorecard", "uses": ["build", "import", "new"], "verdict": held[0]["verdict"], "note": ""}
    ]
    assert document["reasons"][0]["atlas"] == ["AML.T0011.000"]
    assert [link["id"] for link in told["model_versions"]] == [scene.version.pk]


def test_the_scans_are_listed_newest_first(call, artifact, auditor):
    rows = call(auditor).get(f"/api/v1/artifacts/{artifact.pk}/scans/").json()["results"]
    assert [row["verdict"] for row in rows] == ["needs_waiver", "allowed"]


def test_an_artefact_is_found_by_its_digest(call, scene, artifact, auditor):
    rows = call(auditor).get("/api/v1/artifacts/", {"sha256": artifact.sha256}).json()["results"]
    assert [row["id"] for row in rows] == [artifact.pk]
    assert Artifact.objects.count() > 1


@pytest.mark.parametrize("state", ["allowed", "needs_waiver", "waived", "refused", "not_scanned"])
def test_versions_are_found_by_the_state_of_the_gate(call, scene, owner, security_officer, state):
    artifact = scene.version.artifact
    if state == "not_scanned":
        artifact.scans.all().delete()
    elif state != "allowed":
        gate.scanned(artifact, owner, "refused" if state == "refused" else "needs_waiver")
    if state == "waived":
        gate.waived(artifact, security_officer)
    api = call(owner)
    for asked in ("allowed", "needs_waiver", "waived", "refused", "not_scanned"):
        rows = api.get("/api/v1/versions/", {"gate": asked}).json()["results"]
        assert [row["gate"] for row in rows] == ([state] if asked == state else [])
    told = api.get(f"/api/v1/versions/{scene.version.pk}/").json()
    assert told["gate"] == state
    assert bool(told["gate_reason"]) is (state not in {"allowed", "waived"})
    assert told["artifact"]["id"] == artifact.pk


def test_versions_of_one_model_are_listed(call, scene, owner):
    other = MLModel.objects.create(name="Other", slug="other", owner=owner)
    api = call(owner)
    assert len(api.get("/api/v1/versions/", {"model": scene.model.pk}).json()["results"]) == 1
    assert api.get("/api/v1/versions/", {"model": other.pk}).json()["results"] == []


@pytest.mark.processes
def test_a_waiver_is_granted_read_and_revoked(call, scene, artifact, security_officer):
    api = call(security_officer)
    answer = api.post(f"/api/v1/artifacts/{artifact.pk}/waivers/", given(artifact))
    assert answer.status_code == 201
    waiver = answer.json()
    assert (waiver["state"], waiver["granted_by"], waiver["sha256"]) == (
        "in_force",
        "security_officer",
        artifact.sha256,
    )
    assert {"name": "__main__:Scorecard", "uses": ["build", "import", "new"]} in waiver["imports"]
    assert [offered["name"] for offered in waiver["available_actions"] if offered["allowed"]] == ["waiver.revoke"]
    assert len(api.get("/api/v1/waivers/", {"in_force": True}).json()["results"]) == 1
    assert api.get(f"/api/v1/versions/{scene.version.pk}/").json()["gate"] == "waived"

    answer = api.post(f"{waiver['url']}revoke/", {"reason": "It calls home."})
    assert (answer.status_code, answer.json()["state"], answer.json()["revoked_by"]) == (
        200,
        "revoked",
        "security_officer",
    )
    assert api.get("/api/v1/waivers/", {"in_force": True}).json()["results"] == []
    kept = api.get(f"/api/v1/artifacts/{artifact.pk}/waivers/").json()["results"]
    assert [row["id"] for row in kept] == [waiver["id"]]


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"reason": "short"}, 400, "reason"),
        ({"valid_until": "2020-01-01"}, 400, "valid_until"),
        ({"imports_sha256": "0" * 64}, 409, ""),
        ({"imports_sha256": "not a digest"}, 400, "imports_sha256"),
    ],
    ids=["reason", "past", "other imports", "no digest"],
)
def test_a_waiver_that_cannot_be_granted_says_why(call, artifact, security_officer, changes, status, field):
    answer = call(security_officer).post(f"/api/v1/artifacts/{artifact.pk}/waivers/", given(artifact, **changes))
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert not artifact.waivers.exists()


def test_who_sees_no_version_of_the_file_finds_no_artefact_and_no_waiver(call, artifact, security_officer, db):
    waiver = gate.waived(artifact, security_officer)
    api = call(make_user("neighbour", "owner"))
    for address in (f"artifacts/{artifact.pk}/", f"artifacts/{artifact.pk}/waivers/", f"waivers/{waiver.pk}/"):
        assert api.get(f"/api/v1/{address}").status_code == 404
    assert api.post(f"/api/v1/waivers/{waiver.pk}/revoke/", {"reason": "Long enough a reason."}).status_code == 404
    assert api.get("/api/v1/waivers/").json()["results"] == []


@pytest.mark.processes
def test_a_refused_file_is_answered_with_its_scan(call, scene, owner, refused_model):
    before = Artifact.objects.count()
    file = small.upload(refused_model)
    answer = call(owner).post(f"/api/v1/models/{scene.model.pk}/versions/", {"file": file}, format="multipart")
    told = answer.json()
    assert (answer.status_code, told["code"], told["field"]) == (400, "refused_file", "file")
    scan = told["detail"]["scan"]
    assert (scan["schema"], scan["verdict"]) == ("modelrisk.scan/1", "refused")
    assert told["hint"] == scan["reasons"][0]["hint"]
    assert Artifact.objects.count() == before
    assert AuditEvent.objects.get(action="version.upload", refused=True).detail["sha256"] == scan["sha256"]


@pytest.mark.processes
def test_a_file_that_needs_a_waiver_is_accepted_and_waits(call, scene, owner, held_model):
    api, file = call(owner), small.upload(held_model)
    answer = api.post(f"/api/v1/models/{scene.model.pk}/versions/", {"file": file}, format="multipart")
    told = answer.json()
    assert (answer.status_code, told["gate"], told["estimator"]) == (201, "needs_waiver", {})
    started = api.post("/api/v1/assessments/", {"version": told["id"], "dataset_version": scene.dataset_version.pk})
    assert (started.status_code, started.json()["message"]) == (409, told["gate_reason"])
