"""Two models that are the same file: what each one's people learn of the other. Nothing."""

import json
from importlib import import_module

import pytest
from django.apps import apps
from django.urls import reverse
from rest_framework.test import APIClient

from registry import actions, storage, waivers
from registry.access import gate_problem
from registry.models import Artifact, AuditEvent, MLModel, ModelVersion, Scan, Waiver
from registry.refusals import BadInput
from tests import gate, small
from tests.conftest import make_user

pytestmark = pytest.mark.django_db
SECRETS = (
    "developer",
    "security_officer",
    "Credit score",
    "The source was reviewed",
    "oracle mode only",
)


@pytest.fixture(autouse=True)
def _ask_the_sandbox_once(settings):
    settings.MODELRISK_FILE_READER = "tests.read_once"


@pytest.fixture
def stranger(db):
    return make_user("stranger", "owner")


@pytest.fixture
def theirs(stranger):
    return actions.register_model(MLModel, actor=stranger, name="Theirs")


def twin_of(version: ModelVersion, model: MLModel, actor, name: str = "model.joblib") -> ModelVersion:
    with storage.default_storage.open(version.artifact.key) as stored:
        file = small.SimpleUploadedFile(name, stored.read())
    return actions.upload_version(model, actor=actor, file=file)


def seen_by(client, user, version: ModelVersion) -> dict[str, str]:
    """What every page and address that shows the file says to this user."""
    client.force_login(user)
    api = APIClient()
    api.force_authenticate(user)
    file = version.artifact
    pages = [
        reverse("artifact", args=[file.sha256]),
        reverse("version", args=[version.model.slug, version.number]),
        reverse("history", args=["artifact", file.pk]),
        reverse("history", args=["version", version.pk]),
    ]
    parts = ("", "scans/", "waivers/", "history/")
    addresses = [*(f"/api/v1/artifacts/{file.pk}/{part}" for part in parts), "/api/v1/artifacts/", "/api/v1/waivers/"]
    told = {page: client.get(page).content.decode() for page in pages}
    return told | {address: json.dumps(api.get(address).json()) for address in addresses}


@pytest.fixture
def shared(held_version, security_officer, theirs, stranger) -> ModelVersion:
    """The stranger's version, uploaded when the file had been waived, and scanned again, for the other model."""
    Artifact.objects.update(created_at="2026-01-02T03:04:05Z")
    waiver = gate.waived(held_version.artifact, security_officer)
    twin = twin_of(held_version, theirs, stranger)
    waivers.rescan(held_version, actor=security_officer)
    assert waiver.state == Waiver.State.IN_FORCE
    return twin


def test_a_stranger_with_the_same_file_learns_nothing_of_the_other_model(client, shared, stranger):
    for address, told in seen_by(client, stranger, shared).items():
        found = [secret for secret in (*SECRETS, "2026-01-02", "2 Jan 2026") if secret in told.replace("Developer", "")]
        assert not found, address


def test_who_sees_both_models_reads_it_all(client, shared, auditor):
    told = " ".join(seen_by(client, auditor, shared).values())
    assert all(secret in told for secret in SECRETS)


def test_each_reads_what_was_done_for_their_own(client, shared, stranger, developer, security_officer):
    mine = Scan.objects.visible_to(stranger)
    assert [(scan.version, scan.scanned_by) for scan in mine] == [(shared, stranger)]
    assert Scan.objects.visible_to(developer).count() == 2
    assert not Waiver.objects.visible_to(stranger).exists()
    assert Waiver.objects.visible_to(developer).count() == 1
    later = gate.waived(shared.artifact, security_officer)
    assert list(Waiver.objects.visible_to(stranger)) == [later]
    assert "security_officer answers for it" in seen_by(client, stranger, shared)[f"/artifacts/{later.sha256}/"]


def test_a_scan_for_all_is_everybodys(shared, stranger, developer):
    scan = gate.scanned(shared.artifact, developer, "needs_waiver")
    assert scan in Scan.objects.visible_to(stranger)
    assert scan in Scan.objects.visible_to(developer)


def test_what_the_gate_says_of_it_is_told_all_the_same(client, shared, stranger):
    told = seen_by(client, stranger, shared)
    artifact = json.loads(told[f"/api/v1/artifacts/{shared.artifact_id}/"])
    assert artifact["scan"]["document"] == shared.artifact.scan.document
    assert (artifact["scan"]["scanned_by"], artifact["scan"]["scanned_at"]) == (None, None)
    assert "A security officer answers for it until" in told[f"/artifacts/{shared.artifact.sha256}/"]


def test_that_an_earlier_waiver_ended_is_said_to_those_whom_it_concerned(
    held_version, theirs, stranger, security_officer
):
    waiver = gate.waived(held_version.artifact, security_officer)
    twin = twin_of(held_version, theirs, stranger)
    waivers.revoke(waiver, actor=security_officer, reason="The function calls home.")
    assert "revoked" in gate_problem(held_version)[0]
    assert gate_problem(twin)[0] == f"The file of {twin} needs a waiver."


def test_the_other_format_of_a_file_tells_only_those_who_see_it(model_version, theirs, stranger, owner):
    """As where an earlier release took the same bytes for another format."""
    own = actions.register_model(MLModel, actor=owner, name="Other")
    ModelVersion.objects.update(format="skops")
    with pytest.raises(BadInput) as told:
        twin_of(model_version, own, owner)
    assert (told.value.code, str(model_version) in told.value.message) == ("other_format", True)
    with pytest.raises(BadInput) as hidden:
        twin_of(model_version, theirs, stranger)
    with pytest.raises(BadInput) as of_no_model:
        actions.upload_version(theirs, actor=stranger, file=small.SimpleUploadedFile("model.skops", b"\x00" * 99))
    assert (hidden.value.code, hidden.value.hint) == (of_no_model.value.code, of_no_model.value.hint)
    assert hidden.value.message == of_no_model.value.message.replace("skops", "joblib")
    assert not theirs.versions.exists()


def test_scans_from_before_get_the_version_that_they_were_made_for(held_version, theirs, stranger, validator):
    twin = twin_of(held_version, theirs, stranger)
    by_hand = gate.scanned(held_version.artifact, validator, "needs_waiver")
    made = Scan.objects.exclude(pk=by_hand.pk).order_by("pk")
    expected = [scan.version_id for scan in made]
    first = ModelVersion.objects.order_by("pk")
    for scan, version in zip(made, first, strict=True):  # as it was: the scan first
        Scan.objects.filter(pk=scan.pk).update(scanned_at=version.created_at, version=None)
    import_module("registry.migrations.0004_scan_of_version").give_each_its_version(apps, None)
    assert [scan.version_id for scan in made.all()] == expected == [held_version.pk, twin.pk]
    by_hand.refresh_from_db()
    assert by_hand.version == held_version


def test_the_trail_names_each_scan(model_version):
    event = AuditEvent.objects.about(model_version.artifact).get(action="artifact.scan")
    assert event.detail["scan"] == model_version.artifact.scan.pk
