"""May this exact file be deployed now? What a pipeline is told."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from registry.models import Decision, ModelVersion
from tests import gate

pytestmark = pytest.mark.django_db

ANOTHER = "0" * 64


@pytest.fixture
def approved(scene, approver):
    """The scene's version, approved to the end of next month by the approver."""
    version = scene.version
    request = version.approval_requests.create(requested_by=version.created_by, closed_at=timezone.now())
    until = timezone.localdate() + timedelta(days=60)
    Decision.objects.create(request=request, outcome="approve", decided_by=approver, valid_until=until)
    version.approval_status = ModelVersion.ApprovalStatus.APPROVED
    version.save(update_fields=["approval_status"])
    return version


def asked(call, user, version, **query) -> dict:
    answer = call(user).get(f"/api/v1/versions/{version.pk}/gate/", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def codes(told: dict) -> list[str]:
    return [reason["code"] for reason in told["reasons"]]


def test_an_approved_version_may_be_deployed(call, developer, approved):
    told = asked(call, developer, approved, sha256=approved.artifact.sha256.upper())
    assert (told["allowed"], told["reasons"], told["sha256"]) == (True, [], approved.artifact.sha256)
    assert told["decision"]["decided_by"] == "approver"


@pytest.mark.parametrize("status", ["draft", "pending_approval", "rejected"])
def test_what_is_not_approved_may_not(call, developer, scene, status):
    ModelVersion.objects.filter(pk=scene.version.pk).update(approval_status=status)
    told = asked(call, developer, scene.version)
    assert (told["allowed"], codes(told)) == (False, ["not_approved"])


def test_nor_after_the_day_on_which_the_approval_ends(call, developer, approved):
    Decision.objects.update(valid_until=timezone.localdate())
    assert asked(call, developer, approved)["allowed"]
    Decision.objects.update(valid_until=timezone.localdate() - timedelta(days=1))
    assert codes(asked(call, developer, approved)) == ["approval_ended"]


def test_nor_another_file(call, developer, approved):
    assert codes(asked(call, developer, approved, sha256=ANOTHER)) == ["another_file"]


def test_nor_what_the_gate_holds(call, developer, owner, approved):
    gate.scanned(approved.artifact, owner, "needs_waiver")
    assert codes(asked(call, developer, approved)) == ["held_by_the_gate"]


def test_nor_a_file_that_was_changed_or_lost_in_the_store(call, developer, approved):
    path = Path(default_storage.path(approved.artifact.key))
    original = path.read_bytes()
    try:
        path.unlink()
        assert codes(asked(call, developer, approved)) == ["stored_file_missing"]
        path.write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
        assert codes(asked(call, developer, approved)) == ["stored_file_changed"]
    finally:
        path.unlink()  # stored files are read-only, and other tests store the same one
        path.write_bytes(original)


def test_every_reason_is_told_at_once(call, developer, owner, scene):
    gate.scanned(scene.version.artifact, owner, "refused")
    assert codes(asked(call, developer, scene.version, sha256=ANOTHER)) == [
        "not_approved",
        "held_by_the_gate",
        "another_file",
    ]


def test_a_digest_that_is_none_is_refused(call, developer, approved):
    answer = call(developer).get(f"/api/v1/versions/{approved.pk}/gate/", {"sha256": "abc"})
    assert answer.status_code == 400


def test_a_misspelt_question_is_refused(call, developer, approved):
    answer = call(developer).get(f"/api/v1/versions/{approved.pk}/gate/", {"sha": ANOTHER})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_filter")


def test_who_does_not_see_the_version_is_told_nothing(call, outsider, approved):
    assert call(outsider).get(f"/api/v1/versions/{approved.pk}/gate/").status_code == 404
