"""A new case of what stands approved: the approval holds until the case ends it, for good or ill."""

from datetime import timedelta

import pytest
from django.utils import timezone

from registry.approvals import actions, deployment, rules, use
from registry.models import ApprovalRequest, AuditEvent, Decision, RevalidationTrigger
from registry.refusals import Conflict, Refused
from registry.roles import system_user
from tests import cases
from tests.signing import signed_in

pytestmark = pytest.mark.django_db


def status(version) -> tuple[str, str, str]:
    now = cases._now(version)
    return now.approval_status, now.revalidation, now.use_status


def test_nothing_is_validated_again_that_nothing_asks_for(model_version, owner):
    version = cases.bring(model_version, "approved")
    with pytest.raises(Conflict, match="nothing asks for a new validation before"):
        actions.submit(version, actor=owner)
    assert status(version) == ("approved", "", "not_in_use")


def test_an_approval_that_ends_soon_is_submitted_anew(model_version, owner):
    version = cases.bring(model_version, "approved")
    Decision.objects.update(valid_until=timezone.localdate() + timedelta(days=30))
    actions.submit(version, actor=owner)
    assert status(version) == ("approved", "submitted", "not_in_use")


@pytest.mark.parametrize("stage", ["submitted", "returned", "pending_approval"])
def test_the_approval_holds_while_the_new_case_is_open(model_version, stage):
    version = cases.bring_anew(model_version, stage, use="in_use")
    assert status(version) == ("approved", stage, "in_use")
    assert deployment.clearance(version).allowed
    cases.deploy(version, environment="the second site")


def test_a_new_approval_answers_the_trigger_and_holds_anew(model_version):
    version = cases.bring_anew(model_version, "pending_approval", use="in_use")
    first = Decision.objects.get()
    Decision.objects.update(valid_until=timezone.localdate() + timedelta(days=1))
    second = cases.decide(version)
    assert second != first
    assert second.valid_until > timezone.localdate() + timedelta(days=300)
    assert rules.approved_until(version) == second.valid_until
    assert status(version) == ("approved", "", "in_use")
    assert not RevalidationTrigger.objects.open().exists()
    with pytest.raises(Conflict, match="nothing asks"):
        actions.submit(cases._now(version), actor=version.model.owner)


def test_a_rejection_ends_the_approval_and_the_use(model_version):
    version = cases.bring_anew(model_version, "pending_approval", use="in_use")
    cases.decide(version, "reject")
    assert status(version) == ("rejected", "", "suspended")
    told = AuditEvent.objects.get(action="use.suspend")
    assert told.actor.username == "system"
    assert "rejected its revalidation" in told.detail["reason"]
    assert {reason.id for reason in deployment.clearance(cases._now(version)).reasons} == {"not_approved", "suspended"}


def test_a_failed_revalidation_ends_them_too(model_version):
    version = cases.bring_anew(model_version, "in_validation", use="restricted")
    cases._validate(version, actions.fail_validation)
    assert status(version) == ("validation_failed", "", "suspended")
    assert not ApprovalRequest.objects.filter(closed_at=None).exists()


def test_what_is_not_used_is_not_suspended_by_a_rejection(model_version):
    version = cases.bring_anew(model_version, "pending_approval")
    cases.decide(version, "reject")
    assert status(version) == ("rejected", "", "not_in_use")


def test_an_approval_that_ends_meanwhile_leaves_its_case_open(model_version):
    version = cases.bring_anew(model_version, "pending_approval")
    Decision.objects.update(valid_until=timezone.localdate() - timedelta(days=1))
    use.expire(version, actor=system_user())
    assert status(version) == ("expired", "pending_approval", "not_in_use")
    assert not deployment.clearance(cases._now(version)).allowed
    cases.decide(version)
    assert status(version) == ("approved", "", "not_in_use")


def test_a_newer_version_in_use_ends_the_case(model_version):
    version = cases.bring_anew(model_version, "validated")
    use.supersede(version, actor=system_user(), by=version)
    assert status(version)[:2] == ("superseded", "")
    assert not ApprovalRequest.objects.filter(closed_at=None).exists()


def test_nobody_takes_a_revalidation_back(model_version, owner):
    version = cases.bring_anew(model_version, "submitted")
    with pytest.raises(Conflict, match="approved, and its revalidation submitted: nobody can withdraw it now"):
        actions.withdraw(version, actor=owner, reason=cases.REASON)


def test_its_restrictions_are_lifted_by_whoever_approved_it_whatever_the_new_case_says(model_version):
    """Each is signed on a dossier of its own."""
    version = cases.bring_anew(model_version, "pending_approval", use="restricted")
    asked, before = cases.seen(version), cases.people().approver
    with signed_in(before):
        use.reinstate(version, actor=before, reason=cases.REASON)
    assert status(version) == ("approved", "pending_approval", "in_use")
    assert cases.seen(cases._now(version)) == asked
    cases.decide(version)
    assert status(version) == ("approved", "", "in_use")


def test_the_builders_do_not_judge_the_new_case_either(model_version, owner):
    version = cases.bring_anew(model_version, "pending_approval")
    with pytest.raises(Refused):
        cases.vote(version, owner)
