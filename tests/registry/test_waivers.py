"""Waivers: who may grant one, what it is bound to, and when it ends."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from registry import access, actions, waivers
from registry.models import AuditEvent, MLModel, ModelVersion, Waiver
from registry.refusals import BadInput, Conflict, Refused
from tests import gate, small
from tests.conftest import make_user

REASON = "Needed for the pilot; the source of the function was read."
CONTROL = "Runs in oracle mode, results are checked by hand."


@pytest.fixture(autouse=True)
def _ask_the_sandbox_once(settings):
    settings.MODELRISK_FILE_READER = "tests.read_once"


@pytest.fixture
def artifact(held_version):
    return held_version.artifact


@pytest.fixture
def grant(artifact, security_officer):
    def granted(days: int = 30, **changes) -> Waiver:
        given = {
            "actor": security_officer,
            "imports_sha256": artifact.scan.imports_sha256,
            "reason": REASON,
            "compensating_control": CONTROL,
            "valid_until": in_days(days),
        }
        return waivers.grant(artifact, **given | changes)

    return granted


def in_days(days: int) -> date:
    return timezone.localdate() + timedelta(days=days)


def gate_of(version: ModelVersion) -> str:
    assert ModelVersion.objects.with_gate().get(pk=version.pk).gate_now == version.gate
    return version.gate


def test_a_waiver_lets_the_file_be_loaded_and_read(grant, held_version, security_officer):
    waiver = grant()
    held_version.refresh_from_db()
    assert gate_of(held_version) == "waived"
    assert held_version.waiver == waiver
    assert held_version.estimator["features"] == small.FEATURES
    assert (waiver.state, waiver.granted_by) == ("in_force", security_officer)
    assert waiver.last_day == in_days(30)


def test_it_is_bound_to_the_bytes_and_the_exact_imports(grant, artifact):
    waiver, scan = grant(), artifact.scan
    assert (waiver.sha256, waiver.imports_sha256) == (artifact.sha256, scan.imports_sha256)
    assert waiver.imports == [[found["name"], sorted(found["uses"])] for found in scan.document["imports"]]
    assert ["functools:partial", ["build", "call", "import"]] in waiver.imports


def test_it_is_in_the_trail_with_what_was_granted(grant, artifact, security_officer):
    waiver = grant()
    event = AuditEvent.objects.about(artifact).get(action="waiver.grant")
    assert event.actor == security_officer
    assert event.detail["imports"] == waiver.imports
    assert (event.detail["sha256"], event.detail["reason"]) == (artifact.sha256, REASON)
    assert event.detail["compensating_control"] == CONTROL
    assert event.detail["atlas"] == artifact.scan.atlas == ["AML.T0010", "AML.T0011.000"]


@pytest.mark.parametrize("name", ["owner", "developer", "validator", "approver", "auditor", "outsider"])
def test_only_a_security_officer_grants(grant, artifact, cast, name):
    with pytest.raises(Refused, match="security officer"):
        grant(actor=cast[name])
    assert not artifact.waivers.exists()
    assert AuditEvent.objects.get(action="waiver.grant", refused=True).actor == cast[name]


def involve_as_owner(version, person) -> None:
    MLModel.objects.filter(pk=version.model_id).update(owner=person)


def involve_as_developer(version, person) -> None:
    version.model.developers.add(person)


def involve_as_uploader(version, person) -> None:
    ModelVersion.objects.filter(pk=version.pk).update(created_by=person)


def involve_in_another_model_of_these_bytes(version, person) -> None:
    other = MLModel.objects.create(name="Other", slug="other", owner=person)
    other.versions.create(number=1, artifact=version.artifact, format="joblib", created_by=version.created_by)


INVOLVED = [involve_as_owner, involve_as_developer, involve_as_uploader, involve_in_another_model_of_these_bytes]


@pytest.mark.parametrize("involve", INVOLVED)
def test_never_for_a_file_of_ones_own(grant, held_version, security_officer, involve):
    involve(held_version, security_officer)
    assert not ModelVersion.objects.waiting_for_waiver(security_officer).exists()
    with pytest.raises(Refused, match="another security officer must decide"):
        grant()
    assert grant(actor=make_user("second_officer", access.SECURITY_OFFICER)).state == "in_force"


@pytest.mark.parametrize("involve", INVOLVED[:3])
def test_a_waiver_does_not_hold_for_what_its_officer_builds_since(grant, held_version, security_officer, involve):
    grant()
    involve(held_version, security_officer)
    held_version.refresh_from_db()
    assert (gate_of(held_version), held_version.waiver) == ("needs_waiver", None)


def test_what_waits_for_an_officer_is_what_may_be_granted(grant, held_version, model_version, security_officer):
    waiting = ModelVersion.objects.waiting_for_waiver(security_officer)
    assert [version.pk for version in waiting] == [held_version.pk]
    assert access.may_grant_waiver(held_version.artifact, security_officer) is None
    assert access.may_grant_waiver(model_version.artifact, security_officer).startswith("The newest scan allows")
    grant()
    assert not ModelVersion.objects.waiting_for_waiver(security_officer).exists()


@pytest.mark.parametrize("verdict", ["allowed", "refused"])
def test_only_what_needs_a_waiver_gets_one(grant, artifact, owner, verdict):
    gate.scanned(artifact, owner, verdict)
    with pytest.raises(Conflict):
        grant()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": " short "}, "reason"),
        ({"compensating_control": ""}, "compensating_control"),
        ({"days": -1}, "valid_until"),
        ({"days": 400}, "valid_until"),
    ],
    ids=["reason", "control", "past", "too long"],
)
def test_a_waiver_says_why_what_instead_and_until_when(grant, artifact, changes, field):
    with pytest.raises(BadInput) as told:
        grant(**changes)
    assert (told.value.field, bool(told.value.hint)) == (field, True)
    assert not artifact.waivers.exists()


def test_other_imports_than_those_read_are_a_conflict(grant, artifact):
    with pytest.raises(Conflict, match="other imports"):
        grant(imports_sha256="0" * 64)
    assert not artifact.waivers.exists()


def test_a_file_that_cannot_be_loaded_gets_no_waiver(registered_model, developer, security_officer, tmp_path):
    content = b"\x80\x02cno_such_library_of_models\nClassifier\n)\x81."
    file = small.SimpleUploadedFile("model.joblib", content)
    version = actions.upload_version(registered_model, actor=developer, file=file)
    with pytest.raises(BadInput) as told:
        waivers.grant(
            version.artifact,
            actor=security_officer,
            imports_sha256=version.artifact.scan.imports_sha256,
            reason=REASON,
            compensating_control=CONTROL,
            valid_until=in_days(0),
        )
    assert told.value.code == "missing_library"
    assert (gate_of(version), Waiver.objects.count()) == ("needs_waiver", 0)


def test_it_ends_with_its_last_day(grant, held_version):
    waiver = grant(days=0)
    assert gate_of(held_version) == "waived"
    assert waiver.expires_at - timezone.now() <= timedelta(days=1)
    Waiver.objects.update(expires_at=timezone.now())
    waiver.refresh_from_db()
    assert (waiver.state, gate_of(held_version)) == ("expired", "needs_waiver")
    assert "the last one is expired" in access.not_admitted(held_version)


def test_it_is_revoked_with_a_reason(grant, held_version, security_officer):
    waiver = grant()
    with pytest.raises(BadInput, match="needs a reason"):
        waivers.revoke(waiver, actor=security_officer, reason="No.")
    waivers.revoke(waiver, actor=security_officer, reason="The function calls home.")
    waiver.refresh_from_db()
    assert (waiver.state, waiver.revoked_by, gate_of(held_version)) == ("revoked", security_officer, "needs_waiver")
    event = AuditEvent.objects.about(held_version.artifact).get(action="waiver.revoke")
    assert (event.actor, event.detail["reason"]) == (security_officer, "The function calls home.")
    assert event.detail["atlas"] == held_version.artifact.scan.atlas != []
    with pytest.raises(Conflict):
        waivers.revoke(waiver, actor=security_officer, reason="The function calls home.")


@pytest.mark.parametrize("name", ["owner", "developer", "validator", "approver", "auditor"])
def test_only_a_security_officer_revokes(grant, cast, name):
    waiver = grant()
    with pytest.raises(Refused, match="security officer"):
        waivers.revoke(waiver, actor=cast[name], reason="I would rather not have it.")
    waiver.refresh_from_db()
    assert waiver.state == "in_force"


def test_a_newer_scan_with_other_imports_needs_a_waiver_of_its_own(grant, held_version, owner):
    grant()
    gate.scanned(held_version.artifact, owner, "needs_waiver", imports={"evil:twin": ["call", "import"]})
    assert gate_of(held_version) == "needs_waiver"


def test_a_waiver_is_renewed_by_another_which_replaces_it(grant, artifact, held_version):
    first, second = grant(), grant(days=60)
    first.refresh_from_db()
    assert (first.state, first.revoked_reason) == ("revoked", "Replaced by a new waiver.")
    assert (held_version.waiver, artifact.waivers.in_force().count()) == (second, 1)


def test_the_same_bytes_in_another_model_are_waived_too(grant, held_version, owner, held_model):
    grant()
    other = actions.register_model(MLModel, actor=owner, name="Other")
    twin = actions.upload_version(other, actor=owner, file=small.upload(held_model))
    held_version.refresh_from_db()
    assert (twin.artifact, gate_of(twin)) == (held_version.artifact, "waived")
    assert twin.estimator == held_version.estimator != {}


def test_other_bytes_need_a_waiver_of_their_own(grant, registered_model, developer, tmp_path):
    grant()
    changed = small.write_held_model(tmp_path / "held.joblib", seed=1)
    version = actions.upload_version(registered_model, actor=developer, file=small.upload(changed))
    assert (gate_of(version), version.estimator) == ("needs_waiver", {})
