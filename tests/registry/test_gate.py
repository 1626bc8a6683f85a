"""Through the gate: what is stored, what is loaded, what is refused, and what of it is written down."""

import hashlib

import pytest

from registry import actions, storage, waivers
from registry.approvals import dossiers, gates
from registry.models import Artifact, AuditEvent, ModelVersion, Scan
from registry.refusals import BadInput, RefusedFile, Unavailable
from tests import gate, small


@pytest.fixture(autouse=True)
def _ask_the_sandbox_once(settings):
    settings.MODELRISK_FILE_READER = "tests.read_once"


def gates_of(*versions) -> list[str]:
    """By the list's query, which must agree with each version's own."""
    rows = ModelVersion.objects.with_gate().in_bulk([version.pk for version in versions])
    assert [rows[version.pk].gate_now for version in versions] == [version.gate for version in versions]
    return [version.gate for version in versions]


def test_an_allowed_file_is_scanned_then_read(model_version, developer):
    scan = model_version.artifact.scan
    assert (scan.verdict, scan.scanned_by, scan.document["reasons"]) == ("allowed", developer, [])
    assert len(scan.allow_list_sha256) == len(scan.imports_sha256) == 64
    assert scan.document["sha256"] == model_version.artifact.sha256
    assert gates_of(model_version) == ["allowed"]
    assert model_version.estimator["task"] == "binary"


def test_every_scan_is_in_the_trail_with_who_asked_for_it(model_version, developer):
    event = AuditEvent.objects.about(model_version.artifact).get()
    scan = model_version.artifact.scan
    assert (event.action, event.actor, event.detail["verdict"]) == ("artifact.scan", developer, "allowed")
    assert event.detail["imports_sha256"] == scan.imports_sha256
    assert event.detail["allow_list"]["sha256"] == scan.allow_list_sha256


def test_a_file_that_needs_a_waiver_is_stored_and_not_loaded(held_version):
    assert gates_of(held_version) == ["needs_waiver"]
    assert held_version.estimator == {}
    assert storage.is_stored(held_version.artifact.sha256)
    reasons = held_version.artifact.scan.document["reasons"]
    assert "call_not_allowed" in [reason["code"] for reason in reasons]
    assert all(reason["hint"] for reason in reasons)
    assert AuditEvent.objects.about(held_version).get().detail["reasons"][0]["atlas"]


def test_a_file_not_scanned_in_time_is_not_refused(registered_model, developer, small_model, settings, monkeypatch):
    settings.MODELRISK_FILE_READER = "assessments.sandbox.reading"
    monkeypatch.setattr("assessments.sandbox.reading.SCAN_SECONDS", 0.001)
    with pytest.raises(Unavailable, match="could not be read in time.*again") as late:
        actions.upload_version(registered_model, actor=developer, file=small.upload(small_model))
    assert late.value.code == "out_of_time"
    assert not AuditEvent.objects.filter(refused=True).exists()
    assert (Artifact.objects.count(), Scan.objects.count()) == (0, 0)


def test_a_refused_file_leaves_only_its_refusal(registered_model, developer, refused_model):
    with pytest.raises(RefusedFile, match="evil.joblib is refused") as told:
        actions.upload_version(registered_model, actor=developer, file=small.upload(refused_model))
    sha256 = hashlib.sha256(refused_model.read_bytes()).hexdigest()
    assert (told.value.code, told.value.field, told.value.detail["scan"]["sha256"]) == ("refused_file", "file", sha256)
    assert (Artifact.objects.count(), Scan.objects.count(), storage.is_stored(sha256)) == (0, 0, False)
    event = AuditEvent.objects.get(refused=True)
    assert (event.action, event.actor, event.object_label) == ("version.upload", developer, "Credit score")
    assert (event.detail["file"], event.detail["sha256"]) == ("evil.joblib", sha256)
    assert event.detail["reasons"][0]["code"] == "known_bad"
    assert "AML.T0011.000" in event.detail["reasons"][0]["atlas"]
    assert [found["name"] for found in event.detail["refused_imports"]] == ["posix:system"]


def test_the_same_bytes_are_of_one_format(model_version, owner, monkeypatch):
    other = actions.register_model(type(model_version.model), actor=owner, name="Other")
    ModelVersion.objects.update(format="skops")
    with storage.default_storage.open(model_version.artifact.key) as stored, pytest.raises(BadInput) as told:
        actions.upload_version(other, actor=owner, file=small.SimpleUploadedFile("model.joblib", stored.read()))
    assert told.value.code == "other_format"


def test_a_version_from_before_the_gate_waits_for_a_scan(model_version, owner):
    Scan.objects.all().delete()
    assert gates_of(model_version) == ["not_scanned"]
    scan = waivers.rescan(model_version, actor=owner)
    assert (scan.verdict, gates_of(model_version)) == ("allowed", ["allowed"])


def test_scanning_again_keeps_the_history_and_the_newest_counts(held_version, security_officer):
    """As after an allow-list was made stricter: an earlier scan let it in."""
    artifact, real = held_version.artifact, held_version.artifact.scan
    artifact.scans.all().delete()
    gate.scanned(artifact, security_officer, "allowed")
    assert gates_of(held_version) == ["allowed"]
    scan = waivers.rescan(held_version, actor=security_officer)
    assert gates_of(held_version) == ["needs_waiver"]
    assert scan.imports_sha256 == real.imports_sha256
    assert [found.verdict for found in artifact.scans.all()] == ["needs_waiver", "allowed"]
    event = AuditEvent.objects.about(held_version).get(action="version.rescan")
    assert (event.actor, event.detail["from"], event.detail["to"]) == (security_officer, "allowed", "needs_waiver")


def test_a_file_that_is_allowed_by_now_is_read_by_the_scan(model_version, owner):
    facts = model_version.estimator
    Scan.objects.all().delete()
    gate.scanned(model_version.artifact, owner, "needs_waiver")
    ModelVersion.objects.update(estimator={})
    waivers.rescan(model_version, actor=owner)
    model_version.refresh_from_db()
    assert (model_version.gate, model_version.estimator) == ("allowed", facts)


@pytest.mark.parametrize("verdict", ["needs_waiver", "refused"])
def test_what_the_gate_holds_blocks_approval(model_version, owner, verdict):
    assert "not_admitted" not in [blocker.id for blocker in gates.blockers(model_version)]
    gate.scanned(model_version.artifact, owner, verdict)
    blocker = next(found for found in gates.blockers(model_version) if found.id == "not_admitted")
    assert blocker.message
    assert blocker.hint


def test_the_newest_scan_is_evidence_and_changes_the_dossier(model_version, owner):
    before = dossiers.digest(dossiers.document(model_version))
    evidence = next(found for found in gates.evidence(model_version) if found.kind == "scan")
    assert (evidence.sha256, evidence.summary["gate"]) == (model_version.artifact.scan.digest, "allowed")
    gate.scanned(model_version.artifact, owner, "refused")
    assert dossiers.digest(dossiers.document(model_version)) != before
