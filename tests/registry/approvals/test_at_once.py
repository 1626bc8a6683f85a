"""Two people at the same instant, and what changes between a reader's eye and their signature."""

import threading
from copy import deepcopy

import pytest
from django.db import connection

from assessments import case
from assessments.actions import policies
from assessments.models import PolicyVersion
from assessments.policy.shipped import ensure_policy
from registry import people as roles
from registry.approvals import actions, gates, rehashing
from registry.models import AuditEvent, Decision, Dossier, MLModel, ModelVersion, RoleGrant, Vote
from registry.refusals import Conflict, Refused
from tests import cases
from tests.registry.test_at_once import at_once
from tests.signing import signed_in

pytestmark = pytest.mark.django_db(transaction=True)


def pending(version, tier: int) -> ModelVersion:
    MLModel.objects.update(tier=tier)
    return cases.bring(ModelVersion.objects.get(pk=version.pk), "pending_approval")


def voting(version, voter, outcome="approve"):
    """The vote of somebody who has the page open; said from a thread of their own."""
    read, seen = ModelVersion.objects.get(pk=version.pk), cases.seen(version)
    return lambda: cases.vote(read, voter, outcome, seen=seen)


def names(ended: list) -> list[str]:
    return sorted(type(one).__name__ for one in ended)


def test_two_approvers_at_once_make_one_decision(model_version, people):
    version = pending(model_version, 2)
    ended = at_once(voting(version, people.approver), voting(version, people.compliance))
    assert names(ended) == ["Conflict", "Vote"], ended
    assert (Decision.objects.count(), Vote.objects.count()) == (1, 1)
    version.refresh_from_db()
    assert version.approval_status == "approved"


def test_a_yes_and_a_no_at_once_are_one_of_them(model_version, people):
    version = pending(model_version, 2)
    ended = at_once(voting(version, people.approver), voting(version, people.compliance, "reject"))
    assert names(ended) == ["Conflict", "Vote"], ended
    version.refresh_from_db()
    assert version.approval_status == {"approve": "approved", "reject": "rejected"}[Decision.objects.get().outcome]


def test_the_two_of_a_quorum_at_once_decide_together(model_version, people):
    version = pending(model_version, 1)
    ended = at_once(voting(version, people.committee_chair), voting(version, people.approver))
    assert names(ended) == ["Vote", "Vote"], ended
    decision = Decision.objects.get()
    assert {place["voter"] for place in decision.quorum["places"]} == {"committee_chair", "approver"}
    version.refresh_from_db()
    assert version.approval_status == "approved"


def test_of_three_at_once_two_decide_and_the_third_is_told(model_version, people):
    version = pending(model_version, 1)
    ended = at_once(*(voting(version, one) for one in (people.committee_chair, people.compliance, people.approver)))
    assert names(ended) == ["Conflict", "Vote", "Vote"], ended
    assert Decision.objects.count() == 1
    assert Vote.objects.filter(dossier=Decision.objects.get().dossier).count() == 2


def test_a_vote_and_a_withdrawal_at_once(model_version, people, owner):
    version = pending(model_version, 2)
    read = ModelVersion.objects.get(pk=version.pk)
    ended = at_once(voting(version, people.approver), lambda: actions.withdraw(read, actor=owner, reason=cases.REASON))
    version.refresh_from_db()
    assert version.approval_status in {"approved", "withdrawn"}
    assert Decision.objects.count() == (version.approval_status == "approved")
    assert [type(one) for one in ended].count(Conflict) == 1


# --- in between ---------------------------------------------------------------------------------
def between(monkeypatch, happens) -> None:
    """Happens after the rule let the voter through and before the version is locked."""
    read = rehashing.changed

    def reading(version):
        thread = threading.Thread(target=lambda: (happens(), connection.close()))
        thread.start()
        thread.join()
        return read(version)

    monkeypatch.setattr(rehashing, "changed", reading)


def test_a_role_that_ends_in_between_signs_nothing(model_version, people, monkeypatch):
    version = pending(model_version, 2)
    grant = RoleGrant.objects.get(user=people.approver)
    between(monkeypatch, lambda: roles.end_role(grant, actor=people.mrm_lead, reason="Moved to another department."))
    with pytest.raises(Refused, match="approver may not decide on Credit score v1"):
        cases.vote(version, people.approver)
    assert (Vote.objects.count(), Decision.objects.count()) == (0, 0)
    assert AuditEvent.objects.filter(action="approval.vote", refused=True, actor=people.approver).count() == 1


def test_a_role_that_ends_at_once_with_the_vote(model_version, people):
    """Whichever comes first: a vote is never written after its authority ended."""
    version = pending(model_version, 2)
    grant = RoleGrant.objects.get(user=people.approver)
    voted, ended = at_once(
        voting(version, people.approver),
        lambda: roles.end_role(grant, actor=people.mrm_lead, reason="Moved to another department."),
    )
    assert not isinstance(ended, Exception), ended
    grant.refresh_from_db()
    assert isinstance(voted, Vote | Refused), voted
    assert Decision.objects.count() == isinstance(voted, Vote)


def test_a_policy_published_during_a_decision_makes_its_deciders_look_again(model_version, people, monkeypatch):
    ensure_policy()
    gates.evidence_source(case.policy_of_today)
    version = pending(model_version, 1)
    cases.vote(version, people.committee_chair)
    between(monkeypatch, lambda: publish(people))
    with pytest.raises(Conflict, match=r"changed \(evidence, policies\): revision 2"):
        cases.vote(version, people.approver)
    monkeypatch.undo()
    first, second = Dossier.objects.order_by("revision")
    assert Vote.objects.get().cleared_at is not None
    assert first.document["policies"][0]["label"].endswith("version 1")
    assert second.document["policies"][0]["label"].endswith("version 2")
    version.refresh_from_db()
    assert version.approval_status == "pending_approval"
    cases.vote(version, people.approver)
    cases.vote(version, people.committee_chair)
    assert Decision.objects.get().dossier == second


def publish(people) -> None:
    """Another version of the policy comes into force, by the real actions and the people that it takes."""
    last = PolicyVersion.objects.get(effective_to=None)
    document = deepcopy(last.document)
    criterion = next(one for one in document["criteria"] if one["metric"] == "roc_auc" and one["better"] == "higher")
    criterion["fail"], criterion["warn"] = 0.65, 0.75
    with signed_in(people.compliance):
        drafted = policies.draft(last.policy, actor=people.compliance, document=document)
        policies.propose(drafted, actor=people.compliance, rationale="Weaker models are not wanted.")
    for signer in (people.mrm_lead, people.approver):
        with signed_in(signer):
            policies.sign(PolicyVersion.objects.get(pk=drafted.pk), actor=signer)


def test_a_file_that_changed_on_storage_after_freezing_is_not_approved(model_version, people):
    version = pending(model_version, 2)
    with cases.spoilt(version):
        for outcome in ("approve", "approve_with_conditions"):
            with pytest.raises(Refused, match="is not what was uploaded: its SHA-256 differs") as told:
                cases.vote(version, people.approver, outcome)
            assert told.value.code == "artifact_changed"
        assert not Vote.objects.exists()
        assert AuditEvent.objects.filter(action="approval.vote", refused=True).count() == 2
        cases.vote(version, people.approver, "reject")  # a no needs no file
    version.refresh_from_db()
    assert version.approval_status == "rejected"
