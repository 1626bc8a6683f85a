"""What is approved comes into use, and goes out of it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from registry import storage
from registry.approvals import deployment, gates, use
from registry.approvals.states import Status, Use
from registry.models import AuditEvent, Condition, Decision, Deployment, MLModel, ModelVersion
from registry.refusals import BadInput, Conflict, Refused
from registry.roles import system_user
from tests import cases
from tests.cases import REASON
from tests.signing import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def approved(model_version, people):
    return cases.bring(model_version, "approved")


def reinstate(version, voter):
    with signed_in(voter):
        return use.reinstate(version, actor=voter, reason=REASON)


def assessed_now() -> None:
    """A retest finished."""
    moment = (timezone.now() + timedelta(seconds=1)).isoformat()
    found = gates.Evidence("assessment", 7, "Assessment 7", "ab" * 32, {"finished_at": moment})
    gates.evidence_source(lambda version: [found])


def test_a_deployment_is_written_down(approved, owner):
    made = cases.deploy(approved)
    assert (made.sha256, made.environment, made.deployed_by) == (approved.artifact.sha256, "production", owner)
    assert AuditEvent.objects.about(approved).first().summary == "Deployed Credit score v1 to production"
    approved.refresh_from_db()
    assert approved.use_status == Use.IN_USE


def test_another_file_is_not_deployed(approved, owner):
    with pytest.raises(Refused, match="its SHA-256 differs"):
        use.deploy(approved, actor=owner, sha256="0" * 64, environment="production")
    assert AuditEvent.objects.filter(action="use.deploy", refused=True).count() == 1


def test_a_stored_file_that_changed_voids_the_approval(approved, owner):
    with cases.spoilt(approved):
        with pytest.raises(Refused, match="Credit score v1 is suspended"):
            cases.deploy(approved)
        approved.refresh_from_db()
        assert (approved.use_status, Deployment.objects.count()) == (Use.SUSPENDED, 0)
        assert "suspended" in [reason.id for reason in deployment.clearance(approved).reasons]
    suspended, refused = AuditEvent.objects.about(approved).order_by("-pk")[:2][::-1]
    assert (suspended.action, suspended.actor) == ("use.suspend", system_user())
    assert (refused.action, refused.refused, refused.actor) == ("use.deploy", True, owner)


def test_after_its_last_day_nothing_is_deployed(approved):
    Decision.objects.update(valid_until=timezone.localdate() - timedelta(days=1))
    with pytest.raises(Conflict, match="ended on"):
        cases.deploy(approved)


def test_restrictions_are_acknowledged_where_there_are_conditions(model_version, people):
    version = cases.bring(model_version, "approved_with_conditions")
    with pytest.raises(BadInput) as told:
        cases.deploy(version, restrictions=" ")
    assert told.value.field == "restrictions"
    assert cases.deploy(version).restrictions == "Only for new customers."


def newer(version) -> ModelVersion:
    """Version 2 of the model, of another file."""
    from django.core.files.base import ContentFile

    from registry.models import Artifact
    from tests import gate

    sha256, size = storage.put(ContentFile(b"another model"))
    artifact = Artifact.objects.create(sha256=sha256, size=size)
    gate.scanned(artifact, version.model.owner, "allowed")
    return ModelVersion.objects.create(
        model=version.model, number=2, artifact=artifact, created_by=version.created_by, original_name="b.joblib"
    )


def test_a_newer_version_in_use_supersedes_the_older_ones(approved, people):
    cases.deploy(approved)
    second = cases.bring(newer(approved), "approved")
    approved.refresh_from_db()
    assert approved.approval_status == Status.APPROVED, "as long as the newer one is only approved"
    cases.deploy(second)
    approved.refresh_from_db()
    assert (approved.approval_status, approved.use_status) == (Status.SUPERSEDED, Use.IN_USE)
    event = AuditEvent.objects.about(approved).first()
    assert (event.summary, event.actor) == ("Credit score v2 supersedes Credit score v1", system_user())


def test_an_approval_expires_only_after_its_last_day(approved):
    with pytest.raises(Conflict, match="has not ended"):
        use.expire(approved, actor=system_user())
    Decision.objects.update(valid_until=timezone.localdate() - timedelta(days=1))
    use.expire(approved, actor=system_user())
    approved.refresh_from_db()
    assert approved.approval_status == Status.EXPIRED


def test_an_expired_version_is_submitted_anew(model_version, owner, people):
    version = cases.bring(model_version, "expired")
    assert cases.bring(version, "approved").approval_status == Status.APPROVED
    assert Decision.objects.filter(request__version=version).count() == 2


def test_retirement_ends_the_deployments_and_names_the_archive(model_version, people):
    version = cases.bring(model_version, "decommissioning")
    with pytest.raises(BadInput) as told:
        use.retire(version, actor=people.mrm_lead, reason=REASON)
    assert told.value.field == "archive"
    use.retire(version, actor=people.mrm_lead, reason=REASON, archive="The records room.")
    assert not Deployment.objects.filter(ended_at=None).exists()


# --- back into use ------------------------------------------------------------------------------
def test_a_suspended_version_is_reinstated_after_a_retest(model_version, people):
    version = cases.bring(model_version, "suspended")
    with pytest.raises(Conflict, match="not assessed since: assess it anew"):
        reinstate(version, people.approver)
    assessed_now()
    reinstate(version, people.approver)
    version.refresh_from_db()
    assert version.use_status == Use.IN_USE


def test_a_file_that_changed_meanwhile_is_not_reinstated(model_version, people):
    version = cases.bring(model_version, "restricted")
    with cases.spoilt(version), pytest.raises(Refused, match="its SHA-256 differs"):
        reinstate(version, people.approver)
    refused = AuditEvent.objects.about(version).order_by("-pk").first()
    assert (refused.action, refused.refused, refused.actor) == ("use.reinstate", True, people.approver)
    reinstate(version, people.approver)
    version.refresh_from_db()
    assert version.use_status == Use.IN_USE


def test_its_quorum_reinstates_it(model_version, people):
    MLModel.objects.update(tier=1)
    version = cases.bring(ModelVersion.objects.get(), "restricted")
    reinstate(version, people.committee_chair)
    version.refresh_from_db()
    assert version.use_status == Use.RESTRICTED
    with pytest.raises(Conflict, match="has voted on this reinstatement already"):
        reinstate(version, people.committee_chair)
    reinstate(version, people.approver)
    version.refresh_from_db()
    assert version.use_status == Use.IN_USE


def test_votes_to_reinstate_are_void_when_the_evidence_changes(model_version, people):
    MLModel.objects.update(tier=1)
    version = cases.bring(ModelVersion.objects.get(), "restricted")
    reinstate(version, people.committee_chair)
    assessed_now()
    reinstate(version, people.approver)
    version.refresh_from_db()
    assert version.use_status == Use.RESTRICTED
    reinstate(version, people.committee_chair)
    version.refresh_from_db()
    assert version.use_status == Use.IN_USE


def test_a_second_suspension_needs_votes_of_its_own(model_version, people):
    version = cases.bring(model_version, "restricted")
    reinstate(version, people.approver)
    use.suspend(ModelVersion.objects.get(), actor=people.mrm_lead, reason=REASON)
    assessed_now()
    reinstate(ModelVersion.objects.get(), people.approver)
    version.refresh_from_db()
    assert version.use_status == Use.IN_USE


def test_a_breached_condition_is_met_first(model_version, people):
    version = cases.bring(model_version, "approved_with_conditions")
    cases.deploy(version)
    use.suspend(ModelVersion.objects.get(), actor=system_user(), reason=REASON)
    Condition.objects.update(state="breached")
    assessed_now()
    with pytest.raises(Conflict, match="is breached: .* It must be met first"):
        reinstate(ModelVersion.objects.get(), people.approver)


def test_what_was_never_deployed_is_not_in_use_afterwards(approved, people):
    use.suspend(approved, actor=system_user(), reason=REASON)
    assessed_now()
    reinstate(ModelVersion.objects.get(), people.approver)
    approved.refresh_from_db()
    assert approved.use_status == Use.NOT_IN_USE


def test_nothing_is_reinstated_into_an_approval_that_ended(model_version, people):
    version = cases.bring(model_version, "suspended")
    ModelVersion.objects.update(approval_status="expired")
    assessed_now()
    with pytest.raises(Conflict, match="it needs an approval before it is used again"):
        reinstate(ModelVersion.objects.get(), people.approver)
    assert version.use_status == Use.SUSPENDED
