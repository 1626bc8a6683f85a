"""Two people at the same moment: uploads get numbers of their own, one waiver is in force."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from registry import actions, admission, waivers
from registry.approvals import gates
from registry.models import Artifact, AuditEvent, MLModel, ModelVersion, Waiver
from registry.refusals import Conflict
from tests import gate, small
from tests.conftest import make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_gates(monkeypatch):
    monkeypatch.setattr(gates, "_gates", [])
    monkeypatch.setattr(gates, "_evidence", [])


def at_once(*acts):
    """Run each in its own thread, with its own connection, all from one starting line; what each returned or raised."""
    ended = [None] * len(acts)
    line = threading.Barrier(len(acts))

    def run(position, act):
        try:
            line.wait(timeout=60)
            ended[position] = act()
        except Exception as error:
            ended[position] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


@pytest.fixture
def read_once():
    with override_settings(MODELRISK_FILE_READER="tests.read_once"):
        yield


def test_uploads_at_once_get_numbers_of_their_own(registered_model, developer, tmp_path, read_once):
    files = [small.write_model(tmp_path / f"{seed}.joblib", seed=seed) for seed in range(4)]

    def act(path):
        return lambda: actions.upload_version(registered_model, actor=developer, file=small.upload(path))

    ended = at_once(*map(act, files))
    assert sorted(version.number for version in ended) == [1, 2, 3, 4]
    assert AuditEvent.objects.filter(action="version.upload").count() == 4


def test_the_same_file_at_once_becomes_one_version(registered_model, developer, small_model, read_once):
    def act():
        return actions.upload_version(registered_model, actor=developer, file=small.upload(small_model))

    ended = at_once(act, act, act)
    assert sorted(type(outcome).__name__ for outcome in ended) == ["BadInput", "BadInput", "ModelVersion"]
    assert (ModelVersion.objects.count(), Artifact.objects.count()) == (1, 1)


def test_the_same_file_at_once_for_two_models_is_stored_once(owner, small_model, read_once):
    models = [actions.register_model(MLModel, actor=owner, name=name) for name in ("One", "Two")]

    def act(model):
        return lambda: actions.upload_version(model, actor=owner, file=small.upload(small_model))

    ended = at_once(*map(act, models))
    assert [version.number for version in ended] == [1, 1]
    assert Artifact.objects.count() == 1


def test_the_same_name_at_once_is_registered_once(owner):
    def act():
        return actions.register_model(MLModel, actor=owner, name="Score")

    ended = at_once(act, act)
    assert sorted(type(outcome).__name__ for outcome in ended) == ["BadInput", "MLModel"]


@pytest.fixture
def meeting(monkeypatch):
    """Two grants have read the scan, and neither has begun to write, when both go on."""
    line, known = threading.Barrier(2), admission.known_facts

    def wait_for_the_other(artifact):
        found = known(artifact)
        line.wait(timeout=60)
        return found

    monkeypatch.setattr(admission, "known_facts", wait_for_the_other)


def granting(artifact, officer, **changes):
    given = {
        "imports_sha256": artifact.scan.imports_sha256,
        "reason": f"Reviewed by {officer}.",
        "compensating_control": "Runs in oracle mode only.",
        "valid_until": timezone.localdate() + timedelta(days=30),
    }
    return lambda: waivers.grant(artifact, actor=officer, **given | changes)


@pytest.fixture
def waiting_file(held_version):
    ModelVersion.objects.update(estimator={"task": "binary"})  # known: nothing is asked of the sandbox
    return held_version.artifact


def test_of_two_waivers_at_once_one_is_in_force(waiting_file, security_officer, meeting):
    """The later one replaces the earlier one, as it would a minute later, and the trail has both."""
    other = make_user("other_officer", "security_officer")
    first, second = sorted(
        at_once(granting(waiting_file, security_officer), granting(waiting_file, other)), key=lambda waiver: waiver.pk
    )
    assert list(Waiver.objects.in_force()) == [second]
    first.refresh_from_db()
    assert (first.state, first.revoked_by, first.revoked_reason) == (
        "revoked",
        second.granted_by,
        "Replaced by a new waiver.",
    )
    assert waiting_file.model_versions.get().waiver == second
    granted = AuditEvent.objects.about(waiting_file).filter(action="waiver.grant")
    assert sorted(event.detail["waiver"] for event in granted) == [first.pk, second.pk]


def test_a_waiver_that_is_revoked_and_replaced_at_once_ends_either_way(waiting_file, security_officer):
    other = make_user("other_officer", "security_officer")
    before = gate.waived(waiting_file, security_officer)

    def revoking():
        return waivers.revoke(before, actor=other, reason="The function calls home.")

    granted, revoked = at_once(granting(waiting_file, security_officer), revoking)
    before.refresh_from_db()
    assert before.state == "revoked"
    assert list(Waiver.objects.in_force()) == [granted]
    if isinstance(revoked, Conflict):  # it had been replaced by then
        assert before.revoked_by == security_officer
    else:
        assert before.revoked_by == other
