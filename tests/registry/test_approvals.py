"""Requesting, withdrawing, deciding: states, people, reasons, evidence, and two deciders at once."""

import dataclasses
from datetime import timedelta
from itertools import product

import pytest
from django.utils import timezone

from registry import actions
from registry.approvals import gates, rules, states
from registry.approvals.actions import decide, request_approval, withdraw_request
from registry.models import ApprovalRequest, AuditEvent, Decision, ModelVersion
from registry.refusals import BadInput, Conflict, Refused
from tests.conftest import give_roles

REASON = "Fails for applicants under 25."
Status = ModelVersion.ApprovalStatus
Event = states.Event


@pytest.fixture(autouse=True)
def no_gates(monkeypatch):
    """The other apps' gates are their own tests' matter; these tests register what they need."""
    monkeypatch.setattr(gates, "_gates", [])
    monkeypatch.setattr(gates, "_evidence", [])


@pytest.fixture
def pending(model_version, owner):
    request_approval(model_version, actor=owner, note="Please")
    model_version.refresh_from_db()
    return model_version


def evidence(fail=0, error=0):
    return gates.Evidence(
        kind="assessment",
        id=7,
        label="Assessment 7",
        sha256="ab" * 32,
        summary={"fail": fail, "error": error, "pass": 9},
    )


# --- the table ----------------------------------------------------------------------------------
STATES_AND_EVENTS = list(product(Status, Event))
ALLOWED = {
    ("draft", "request", "pending_approval"),
    ("rejected", "request", "pending_approval"),
    ("pending_approval", "withdraw", "draft"),
    ("pending_approval", "approve", "approved"),
    ("pending_approval", "approve_with_conditions", "approved_with_conditions"),
    ("pending_approval", "reject", "rejected"),
}


@pytest.mark.parametrize(("state", "event"), STATES_AND_EVENTS)
def test_every_pair_of_state_and_event_is_settled(state, event):
    leads_to = next((after for before, by, after in ALLOWED if (before, by) == (state, event)), None)
    assert states.after(state, event) == leads_to


def act(version, event, owner, approver):
    if event == Event.REQUEST:
        return request_approval(version, actor=owner)
    if event == Event.WITHDRAW:
        return withdraw_request(version, actor=owner)
    return decide(version, actor=approver, outcome=event, note=REASON)


@pytest.mark.parametrize(("state", "event"), STATES_AND_EVENTS)
def test_the_actions_follow_the_table(model_version, owner, approver, state, event):
    ModelVersion.objects.filter(pk=model_version.pk).update(approval_status=state)
    if state == Status.PENDING:
        ApprovalRequest.objects.create(version=model_version, requested_by=owner)
    model_version.refresh_from_db()
    leads_to = states.after(state, event)
    if leads_to is None:
        with pytest.raises(Conflict):
            act(model_version, event, owner, approver)
    else:
        act(model_version, event, owner, approver)
    model_version.refresh_from_db()
    assert model_version.approval_status == (leads_to or state)


# --- people -------------------------------------------------------------------------------------
def test_a_new_version_is_in_development(model_version):
    assert model_version.approval_status == Status.DRAFT


def test_only_the_builders_request(model_version, validator, approver, auditor, outsider):
    for person in (validator, approver, auditor, outsider):
        with pytest.raises(Refused, match="owner or a developer"):
            request_approval(model_version, actor=person)
    assert not ApprovalRequest.objects.exists()


def test_only_reviewers_decide(pending, owner, developer, validator, auditor, outsider):
    for person in (owner, developer, validator, auditor, outsider):
        with pytest.raises(Refused, match="takes the role approver"):
            decide(pending, actor=person, outcome="approve")
    assert not Decision.objects.exists()
    assert AuditEvent.objects.about(pending).filter(refused=True).count() == 5


def test_the_owner_may_not_decide_even_as_reviewer(pending, owner, approver):
    give_roles(owner, "approver")
    with pytest.raises(Refused, match="someone independent"):
        decide(pending, actor=owner, outcome="approve")


def test_a_developer_may_not_decide_even_as_reviewer(pending, approver):
    pending.model.developers.add(approver)
    with pytest.raises(Refused, match="someone independent"):
        decide(pending, actor=approver, outcome="approve")


def test_who_uploaded_may_not_decide_even_when_no_longer_a_developer(pending, developer, approver):
    pending.model.developers.remove(developer)
    give_roles(developer, "approver")
    with pytest.raises(Refused, match="You owned or developed Credit score before"):
        decide(pending, actor=developer, outcome="approve")


# --- what is recorded ---------------------------------------------------------------------------
def test_a_request_keeps_the_evidence_as_it_was(model_version, owner):
    gates.evidence_source(lambda version: [evidence(fail=1)])
    request = request_approval(model_version, actor=owner, note=" For the spring campaign ")
    assert request.note == "For the spring campaign"
    assert request.evidence == [
        {
            "kind": "assessment",
            "id": 7,
            "label": "Assessment 7",
            "sha256": "ab" * 32,
            "summary": {"fail": 1, "error": 0, "pass": 9},
        }
    ]


def test_a_decision_closes_the_request_and_is_in_the_history(pending, approver):
    until = timezone.localdate() + timedelta(days=365)
    decision = decide(pending, actor=approver, outcome="approve", note="Sound.", valid_until=until)
    assert decision.request.closed_at is not None
    assert (decision.outcome, decision.note, decision.valid_until, decision.decided_by) == (
        "approve",
        "Sound.",
        until,
        approver,
    )
    event = AuditEvent.objects.about(pending).first()
    assert event.summary == "Approved Credit score v1"
    assert (event.detail["from"], event.detail["to"]) == ("awaiting decision", "approved")
    assert event.detail["valid_until"] == until.isoformat()


def test_a_decision_rests_on_the_evidence_of_its_moment(pending, approver):
    gates.evidence_source(lambda version: [evidence()])
    decision = decide(pending, actor=approver, outcome="approve")
    assert [found["id"] for found in decision.request.evidence] == [7]


def test_a_withdrawn_request_is_closed_without_a_decision(pending, owner):
    request = withdraw_request(pending, actor=owner)
    assert request.closed_at is not None
    assert not Decision.objects.exists()


def test_a_rejected_version_may_be_requested_again(pending, owner, approver):
    decide(pending, actor=approver, outcome="reject", note=REASON)
    request_approval(ModelVersion.objects.get(), actor=owner)
    assert ApprovalRequest.objects.filter(closed_at=None).count() == 1
    assert ApprovalRequest.objects.count() == 2


# --- reasons and dates --------------------------------------------------------------------------
@pytest.mark.parametrize("outcome", ["reject", "approve_with_conditions"])
@pytest.mark.parametrize("note", ["", "too short", "   spaces    "])
def test_a_hard_decision_needs_a_reason(pending, approver, outcome, note):
    with pytest.raises(BadInput, match="needs a reason") as told:
        decide(pending, actor=approver, outcome=outcome, note=note)
    assert told.value.field == "note"


def test_an_approval_may_not_have_ended_already(pending, approver):
    with pytest.raises(BadInput) as told:
        decide(pending, actor=approver, outcome="approve", valid_until=timezone.localdate())
    assert told.value.field == "valid_until"


def test_a_rejection_has_no_end_date(pending, approver):
    with pytest.raises(BadInput, match="no end date"):
        decide(
            pending,
            actor=approver,
            outcome="reject",
            note=REASON,
            valid_until=timezone.localdate() + timedelta(days=1),
        )


def test_an_unknown_outcome_is_named(pending, approver):
    with pytest.raises(BadInput, match="'maybe' is not an outcome"):
        decide(pending, actor=approver, outcome="maybe", note=REASON)


def test_bad_input_changes_nothing(pending, approver):
    with pytest.raises(BadInput):
        decide(pending, actor=approver, outcome="reject", note="")
    pending.refresh_from_db()
    assert pending.approval_status == Status.PENDING
    assert pending.approval_requests.get().closed_at is None


# --- gates --------------------------------------------------------------------------------------
def test_a_blocker_stops_a_request_and_says_what_to_do(model_version, owner):
    gates.gate(lambda version: [gates.Blocker("no_assessment", "There is no assessment.", "Run one.")])
    with pytest.raises(Conflict, match="There is no assessment. Run one."):
        request_approval(model_version, actor=owner)


@pytest.mark.parametrize("outcome", ["approve", "approve_with_conditions"])
def test_a_blocker_stops_an_approval(pending, approver, outcome):
    gates.gate(lambda version: [gates.Blocker("running", "An assessment is running.")])
    with pytest.raises(Conflict, match="is running"):
        decide(pending, actor=approver, outcome=outcome, note=REASON)


def test_a_blocker_does_not_stop_a_rejection(pending, approver):
    gates.gate(lambda version: [gates.Blocker("running", "An assessment is running.")])
    assert decide(pending, actor=approver, outcome="reject", note=REASON).outcome == "reject"


def test_a_failed_criterion_is_not_approved_plainly(pending, approver):
    gates.evidence_source(lambda version: [evidence(fail=2)])
    with pytest.raises(Conflict, match="failed 2 criteria: approve with conditions, or reject"):
        decide(pending, actor=approver, outcome="approve")
    assert decide(pending, actor=approver, outcome="approve_with_conditions", note=REASON)


def test_the_form_offers_what_is_possible_and_says_why_not(pending, approver):
    gates.evidence_source(lambda version: [evidence(fail=1)])
    told = rules.outcomes(pending, approver)
    assert told.pop("approve") == "Assessment 7 failed 1 criterion: approve with conditions, or reject."
    assert told == {"approve_with_conditions": None, "reject": None}


# --- two at once --------------------------------------------------------------------------------
def test_who_decides_second_is_told(pending, approver, validator):
    second = ModelVersion.objects.get(pk=pending.pk)  # the page that the other approver had open
    decide(pending, actor=approver, outcome="reject", note=REASON)
    with pytest.raises(Conflict, match="rejected by now"):
        decide(second, actor=approver, outcome="approve")
    assert Decision.objects.get().outcome == "reject"


def test_a_withdrawn_request_cannot_be_decided_from_an_open_page(pending, owner, approver):
    stale = ModelVersion.objects.get(pk=pending.pk)
    withdraw_request(pending, actor=owner)
    with pytest.raises(Conflict):
        decide(stale, actor=approver, outcome="approve")


def test_evidence_that_fails_between_the_rule_and_the_lock_is_not_approved(pending, approver):
    """What the decision keeps as its evidence is what the rule was asked about."""
    answers = iter([[evidence(fail=0)]])
    gates.evidence_source(lambda version: next(answers, [evidence(fail=1)]))
    with pytest.raises(Conflict, match="failed 1 criterion"):
        decide(pending, actor=approver, outcome="approve")
    pending.refresh_from_db()
    assert pending.approval_status == Status.PENDING


def test_a_version_of_another_model_is_untouched(pending, owner, approver, small_model):
    other = actions.register_model(type(pending.model), actor=owner, name="Other")
    decide(pending, actor=approver, outcome="approve")
    assert not other.versions.exists()
    assert ModelVersion.objects.in_use().get() == pending


def test_a_criterion_that_could_not_be_measured_is_not_approved_plainly(pending, approver):
    gates.evidence_source(lambda version: [evidence(fail=0, error=2)])
    with pytest.raises(Conflict, match="could not measure 2 criteria"):
        decide(pending, actor=approver, outcome="approve")
    decide(pending, actor=approver, outcome="approve_with_conditions", note="Measured again by January.")


def test_nobody_decides_on_evidence_they_have_not_seen(pending, approver):
    found = [evidence(fail=0)]
    gates.evidence_source(lambda version: found)
    before = gates.seal(pending)
    found[:] = [dataclasses.replace(found[0], sha256="f" * 64)]
    with pytest.raises(Conflict, match="changed while you read it"):
        decide(pending, actor=approver, outcome="approve", seen=before)
    assert decide(pending, actor=approver, outcome="approve", seen=gates.seal(pending)).outcome == "approve"
