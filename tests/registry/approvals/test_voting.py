"""The case from submission to decision: what each step asks, writes down and refuses."""

from datetime import timedelta

import pytest
from django.utils import timezone

from modelrisk.pages import waiting
from registry import access
from registry import actions as registry_actions
from registry.approvals import actions, deciding, dossiers, gates, rules
from registry.approvals.states import Status
from registry.models import ApprovalRequest, AuditEvent, Decision, Dossier, MLModel, ModelVersion, Vote
from registry.refusals import BadInput, Conflict, Refused
from tests import cases
from tests.cases import REASON
from tests.conftest import give_roles, make_user
from tests.signing import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def pending(model_version, people):
    return cases.bring(model_version, "pending_approval")


def of_tier(version, tier: int) -> ModelVersion:
    MLModel.objects.update(tier=tier)
    return ModelVersion.objects.get(pk=version.pk)


def evidence(**summary):
    given = {"fail": 0, "error": 0, "pass": 9} | summary
    return gates.Evidence(kind="assessment", id=7, label="Assessment 7", sha256="ab" * 32, summary=given)


def told_by(found: list) -> None:
    """The list is the evidence from now on."""
    gates.evidence_source(lambda version: found)


# --- submission and validation ------------------------------------------------------------------
def test_a_submission_keeps_the_evidence_and_the_tier(model_version, owner):
    told_by([evidence(fail=1)])
    case = actions.submit(of_tier(model_version, 3), actor=owner, note=" For the spring campaign ")
    assert (case.note, case.tier) == ("For the spring campaign", 3)
    assert case.evidence[0]["summary"] == {"fail": 1, "error": 0, "pass": 9}


def test_what_is_submitted_says_what_it_is_for(model_version, owner):
    MLModel.objects.update(purpose=" ")
    with pytest.raises(Conflict, match="does not say what it is for"):
        actions.submit(ModelVersion.objects.get(), actor=owner)


def test_a_gate_speaks_at_its_own_stage_only(model_version, owner, people):
    gates.gate(lambda version: [gates.Blocker("no_data", "There is no data.", "Add some.")], at={gates.Stage.SUBMIT})
    with pytest.raises(Conflict, match=r"There is no data\. Add some\."):
        actions.submit(model_version, actor=owner)
    gates._gates.clear()
    version = cases.bring(model_version, "in_validation")
    gates.gate(lambda version: [gates.Blocker("bare", "No battery was run.")])
    with pytest.raises(Conflict, match="No battery"), signed_in(people.validator):
        actions.validate(version, actor=people.validator, report=REASON)
    with signed_in(people.validator):
        actions.fail_validation(version, actor=people.validator, report=REASON)


@pytest.mark.parametrize("part", ["owner", "developer", "uploader", "submitter"])
def test_nobody_of_the_lineage_validates(model_version, people, part):
    version = cases.bring(model_version, "submitted")
    other = make_user("other", access.VALIDATOR)
    if part == "owner":
        version.model.assignments.create(user=other, part="owner", assigned_by=other, until=timezone.now())
    elif part == "developer":
        version.model.developers.add(other)
    elif part == "uploader":
        ModelVersion.objects.update(created_by=other)
    else:
        ApprovalRequest.objects.update(requested_by=other)
    with pytest.raises(Conflict, match=f"other is {part} of Credit score; someone independent"):
        actions.start_validation(version, actor=people.mrm_lead, validator=other, scope=REASON)


def test_who_validates_has_the_role(model_version, people, outsider):
    version = cases.bring(model_version, "submitted")
    with pytest.raises(Conflict, match="outsider has not the role validator"):
        actions.start_validation(version, actor=people.mrm_lead, validator=outsider, scope=REASON)


def test_a_validation_is_signed_in_person(model_version, people):
    version = cases.bring(model_version, "in_validation")
    with pytest.raises(Refused, match="web session of a named person"):
        actions.validate(version, actor=people.validator, report=REASON)


@pytest.mark.parametrize("step", ["send_back", "withdraw"])
def test_a_step_back_takes_a_reason_and_ends_the_case(model_version, owner, people, step):
    version = cases.bring(model_version, "submitted")
    actor = {"send_back": people.mrm_lead, "withdraw": owner}[step]
    with pytest.raises(BadInput) as told:
        getattr(actions, step)(version, actor=actor, reason="no")
    assert told.value.field == "reason"
    getattr(actions, step)(version, actor=actor, reason=REASON)
    assert ApprovalRequest.objects.get().closed_at is not None
    assert not Decision.objects.exists()


def test_a_returned_version_is_submitted_anew_as_another_case(model_version, owner):
    version = cases.bring(model_version, "returned")
    actions.submit(version, actor=owner)
    assert ApprovalRequest.objects.filter(closed_at=None).count() == 1
    assert ApprovalRequest.objects.count() == 2


# --- the dossier --------------------------------------------------------------------------------
def test_the_dossier_says_what_is_decided_on(model_version, people):
    policy = gates.Evidence(kind="policy", id=1, label="House version 1", sha256="ef" * 32, summary={})
    told_by([policy, evidence(datasets=[{"name": "Census v1", "sha256": "cd" * 32}])])
    cases.bring(model_version, "pending_approval")
    dossier = Dossier.objects.get()
    told = dossier.document
    assert told["format"] == "modelrisk.dossier/1"
    assert (told["model"]["owner"], told["model"]["developers"]) == ("owner", ["developer"])
    assert told["intended_use"] == "Credit decisions."
    assert told["artifact"]["sha256"] == model_version.artifact.sha256
    assert told["datasets"] == [{"name": "Census v1", "sha256": "cd" * 32}]
    assert [found["label"] for found in told["policies"]] == ["House version 1"]
    assert [found["sha256"] for found in told["evidence"]] == ["ef" * 32, "ab" * 32]
    assert (told["validation"]["signed_by"], told["validation"]["report"]) == ("validator", cases.REPORT)
    assert dossiers.digest(told) == dossier.sha256
    assert dossiers.stale(dossier) == []


@pytest.mark.parametrize("change", [{"use_case": "credit"}, {"legal_contexts": ["ecoa"]}, {"purpose": "All of them."}])
def test_what_it_is_used_for_is_part_of_what_is_signed(pending, owner, change):
    registry_actions.edit_context(pending.model, actor=owner, **change)
    assert dossiers.stale(Dossier.objects.get()) == ["intended_use" if "purpose" in change else "model"]


def test_the_hash_is_over_the_document_as_anybody_would_write_it(pending):
    import hashlib
    import json

    dossier = Dossier.objects.get()
    written = json.dumps(dossier.document, sort_keys=True, separators=(",", ":")).encode()
    assert hashlib.sha256(written).hexdigest() == dossier.sha256


def test_evidence_that_changes_makes_a_new_revision_and_voids_the_votes(model_version, people):
    found = [evidence()]
    told_by(found)
    version = cases.bring(of_tier(model_version, 1), "pending_approval")
    cases.vote(version, people.committee_chair)
    found[:] = [evidence(warn=1)]
    with pytest.raises(Conflict, match=r"changed \(evidence\): revision 2") as told:
        cases.vote(version, people.approver)
    assert told.value.code == "dossier_changed"
    first, second = Dossier.objects.order_by("revision")
    assert (first.replaced_because, second.replaced_at) == ("Changed since it was frozen: evidence.", None)
    assert Vote.objects.get().cleared_at is not None
    assert second.document["evidence"][0]["summary"]["warn"] == 1
    version.refresh_from_db()
    assert version.approval_status == Status.PENDING
    cases.vote(version, people.approver)
    version.refresh_from_db()
    assert version.approval_status == Status.PENDING, "the vote under the first revision does not count"
    cases.vote(version, people.committee_chair)
    version.refresh_from_db()
    assert version.approval_status == Status.APPROVED
    assert Decision.objects.get().dossier == second


@pytest.mark.parametrize("change", ["purpose", "developer", "report"])
def test_whatever_it_rests_on_is_watched(pending, people, change):
    if change == "purpose":
        MLModel.objects.update(purpose="Something else.")
    elif change == "developer":
        pending.model.developers.add(make_user("another"))
    else:
        ApprovalRequest.objects.update(report="Another one.")
    with pytest.raises(Conflict, match="revision 2 takes its place"):
        cases.vote(pending, people.approver)
    cases.vote(pending, people.approver)
    assert Decision.objects.get().dossier.revision == 2


def test_nobody_signs_a_dossier_they_have_not_seen(pending, people):
    for seen in ("", "f" * 64):
        with pytest.raises(Conflict, match="You read another revision"):
            cases.vote(pending, people.approver, seen=seen)
    assert not Vote.objects.exists()


# --- who votes ----------------------------------------------------------------------------------
@pytest.mark.parametrize("part", ["owner", "developer", "uploader", "submitter"])
@pytest.mark.parametrize("outcome", ["approve", "reject"])
def test_nobody_of_the_lineage_decides(pending, people, part, outcome):
    if part == "owner":
        MLModel.objects.update(owner=people.approver)
    elif part == "developer":
        pending.model.developers.add(people.approver)
    elif part == "uploader":
        ModelVersion.objects.update(created_by=people.approver)
    else:
        ApprovalRequest.objects.update(requested_by=people.approver)
    with pytest.raises(Refused, match=f"approver is {part} of Credit score"):
        cases.vote(ModelVersion.objects.get(), people.approver, outcome)
    assert AuditEvent.objects.filter(action="approval.vote", refused=True).count() == 1
    assert not Vote.objects.exists()


def test_the_lineage_is_of_all_versions(pending, people, small_model):
    ModelVersion.objects.create(
        model=pending.model, number=2, artifact=pending.artifact, created_by=people.approver, original_name="a"
    )
    with pytest.raises(Refused, match="approver is uploader of Credit score"):
        cases.vote(pending, people.approver)


@pytest.mark.parametrize(("tier", "voter"), [(1, "committee_chair"), (3, "mrm_lead")])
def test_the_lead_validator_has_no_place_in_the_quorum(model_version, people, tier, voter):
    voter = getattr(people, voter)
    give_roles(voter, access.VALIDATOR)
    version = cases.bring(of_tier(model_version, tier), "pending_approval")
    ApprovalRequest.objects.update(validator=voter)
    with pytest.raises(Refused, match=f"{voter} is the lead validator of this case"):
        cases.vote(version, voter)


def test_a_role_gained_after_the_submission_does_not_vote(model_version, people):
    version = cases.bring(model_version, "pending_approval")
    late = make_user("late", access.APPROVER)
    late.role_grants.update(granted_at=timezone.now())
    with pytest.raises(Refused, match="late gained the role approver .* after this case was submitted"):
        cases.vote(version, late)


def test_of_two_roles_the_one_held_before_votes(model_version, people):
    version = cases.bring(model_version, "pending_approval")
    give_roles(people.approver, access.COMPLIANCE)
    people.approver.role_grants.filter(role=access.COMPLIANCE).update(granted_at=timezone.now())
    assert cases.vote(version, people.approver).role == access.APPROVER


def test_a_role_that_ended_does_not_vote(pending, people):
    people.approver.role_grants.update(ended_at=timezone.now(), state="ended")
    with pytest.raises(Refused, match="that takes the role committee chair or compliance or approver"):
        cases.vote(pending, access_fresh(people.approver))


def access_fresh(user):
    return type(user).objects.get(pk=user.pk)


def test_a_vote_takes_a_session_and_its_password(pending, people):
    given = {"outcome": "approve", "comment": REASON, "seen": cases.seen(pending)}
    with pytest.raises(Refused, match="web session of a named person"):
        actions.vote(pending, actor=people.approver, **given)
    with signed_in(people.approver) as request:
        request.session["authenticated_at"] = (timezone.now() - timedelta(minutes=16)).isoformat()
        with pytest.raises(Refused) as told:
            actions.vote(pending, actor=people.approver, **given)
    assert told.value.code == "reauthenticate"


def test_an_admin_never_signs(pending, people):
    people.approver.is_superuser = True
    people.approver.save()
    with pytest.raises(Refused, match="approver may not decide on Credit score v1"):
        cases.vote(pending, people.approver)


def test_nobody_votes_twice(model_version, people):
    version = cases.bring(of_tier(model_version, 1), "pending_approval")
    cases.vote(version, people.committee_chair)
    with pytest.raises(Conflict, match="has voted on this dossier already"):
        cases.vote(version, people.committee_chair)


def test_a_vote_whose_voter_lost_the_role_does_not_count(model_version, people):
    version = cases.bring(of_tier(model_version, 1), "pending_approval")
    first = cases.vote(version, people.committee_chair)
    people.committee_chair.role_grants.update(ended_at=timezone.now(), state="ended")
    cases.vote(version, people.approver)
    version.refresh_from_db()
    assert version.approval_status == Status.PENDING
    assert deciding.not_counted(Vote.objects.get(pk=first.pk)).endswith("no longer has the role committee chair.")
    cases.vote(version, people.compliance)
    assert [place["voter"] for place in Decision.objects.get().quorum["places"]] == ["compliance", "approver"]


def test_who_joins_the_lineage_after_their_vote_does_not_count(model_version, people):
    version = cases.bring(of_tier(model_version, 1), "pending_approval")
    cases.vote(version, people.committee_chair)
    version.model.developers.add(people.committee_chair)
    with pytest.raises(Conflict, match="revision 2"):
        cases.vote(version, people.approver)
    cases.vote(version, people.approver)
    version.refresh_from_db()
    assert version.approval_status == Status.PENDING


# --- what is decided ----------------------------------------------------------------------------
def test_a_decision_is_written_down_whole(pending, people):
    until = timezone.localdate() + timedelta(days=100)
    cases.vote(pending, people.approver, comment="Sound for its use.", valid_until=until)
    decision = Decision.objects.get()
    assert (decision.outcome, decision.note, decision.valid_until) == ("approve", "Sound for its use.", until)
    assert decision.quorum["places"] == [
        {"place": "approver", "voter": "approver", "role": "approver", "vote": Vote.objects.get().pk}
    ]
    assert decision.request.closed_at is not None
    vote = Vote.objects.get()
    assert vote.grant == people.approver.role_grants.get()
    assert vote.authenticated_at is not None
    assert vote.conflict_check["lineage"] == {"owner": ["owner", "submitter"], "developer": ["developer", "uploader"]}
    assert vote.conflict_check["found"] == "none of these"
    event = AuditEvent.objects.about(pending).first()
    assert event.summary == "Approved Credit score v1"
    assert (event.detail["from"], event.detail["to"]) == ("awaiting decision", "approved")
    assert event.detail["dossier"] == decision.dossier.sha256


@pytest.mark.parametrize(("tier", "months"), [(1, 12), (2, 24), (3, 36)])
def test_an_approval_ends_with_the_cadence_of_its_tier(model_version, tier, months):
    version = cases.bring(of_tier(model_version, tier), "approved")
    until = Decision.objects.get(request__version=version).valid_until
    today = timezone.localdate()
    assert (until.year - today.year) * 12 + until.month - today.month == months


def test_conditions_of_all_votes_are_numbered_and_the_earliest_end_holds(model_version, people, owner):
    version = cases.bring(of_tier(model_version, 1), "pending_approval")
    soon = timezone.localdate() + timedelta(days=30)
    cases.vote(version, people.committee_chair, "approve_with_conditions", valid_until=soon)
    cases.vote(version, people.approver, "approve", comment="Nothing to add to that.")
    version.refresh_from_db()
    decision = Decision.objects.get()
    assert (version.approval_status, decision.valid_until) == (Status.CONDITIONS, soon)
    [condition] = decision.conditions.all()
    assert (condition.number, condition.owner, condition.state) == (1, owner, "open")


@pytest.mark.parametrize(("outcome", "state"), [("reject", Status.REJECTED), ("return", Status.RETURNED)])
def test_any_decider_ends_it_with_a_no(model_version, people, outcome, state):
    version = cases.bring(of_tier(model_version, 1), "pending_approval")
    cases.vote(version, people.committee_chair)
    cases.vote(version, people.approver, outcome)
    version.refresh_from_db()
    assert version.approval_status == state
    assert Decision.objects.filter(outcome=outcome).count() == (1 if outcome == "reject" else 0)
    assert ApprovalRequest.objects.get().closed_at is not None


@pytest.mark.parametrize("outcome", ["approve", "approve_with_conditions"])
def test_a_blocker_stops_an_approval_and_no_rejection(pending, people, outcome):
    gates.gate(lambda version: [gates.Blocker("running", "An assessment is running.")])
    with pytest.raises(Conflict, match="is running"):
        cases.vote(pending, people.approver, outcome)
    assert cases.vote(pending, people.approver, "reject")


def test_a_failed_criterion_is_approved_with_conditions_or_not_at_all(model_version, people):
    told_by([evidence(fail=2)])
    version = cases.bring(model_version, "pending_approval")
    with pytest.raises(Conflict, match="failed 2 criteria: approve with conditions, or reject"):
        cases.vote(version, people.approver)
    assert rules.outcomes(version, people.approver)["approve"].startswith("Assessment 7 failed 2 criteria")
    assert cases.vote(version, people.approver, "approve_with_conditions")


def test_the_form_is_drawn_for_whoever_only_lacks_the_password(pending, people):
    with signed_in(people.approver) as request:
        request.session["authenticated_at"] = (timezone.now() - timedelta(hours=1)).isoformat()
        assert set(rules.outcomes(pending, people.approver).values()) == {None}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"outcome": "maybe"}, "outcome"),
        ({"comment": "no"}, "comment"),
        ({"valid_until": timezone.localdate()}, "valid_until"),
        ({"valid_until": timezone.localdate() + timedelta(days=5000)}, "valid_until"),
        ({"outcome": "reject", "valid_until": timezone.localdate() + timedelta(days=1)}, "valid_until"),
        ({"outcome": "approve_with_conditions", "conditions": []}, "conditions"),
        ({"outcome": "approve", "conditions": [{"text": "Do it all again."}]}, "conditions"),
    ],
)
def test_bad_input_changes_nothing(pending, people, given, field):
    with pytest.raises(BadInput) as told:
        cases.vote(pending, people.approver, **({"outcome": "approve"} | given))
    assert told.value.field == field
    pending.refresh_from_db()
    assert (pending.approval_status, Vote.objects.count()) == (Status.PENDING, 0)


def test_who_decides_second_is_told(pending, people):
    second = ModelVersion.objects.get(pk=pending.pk)  # the page that compliance had open
    seen = cases.seen(pending)
    cases.vote(pending, people.approver, "reject")
    with pytest.raises(Conflict, match="is rejected"):
        cases.vote(second, people.compliance, seen=seen)
    assert Decision.objects.get().outcome == "reject"


# --- the inbox ----------------------------------------------------------------------------------
@pytest.mark.parametrize("tier", [1, 2, 3])
def test_what_waits_for_a_person_is_what_they_may_vote_on(model_version, people, owner, tier):
    version = cases.bring(of_tier(model_version, tier), "pending_approval")
    for person in [*vars(people).values(), owner]:
        waits = any(row.kind == "decide" and not row.blocked for row in waiting.for_user(person))
        assert waits == (rules.has_a_vote(version, person) is None), person
