"""The night: what runs out, what is breached, what asks for a revalidation; twice is once. The clock is an argument."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import Schedule

from assessments import nightly, tasks
from assessments.actions import exceptions
from assessments.actions.findings import raise_finding
from assessments.models import Assessment, Finding, PolicyException, PolicyVersion, Verdict
from registry import access
from registry.attestations import due_of
from registry.models import (
    ApprovalRequest,
    AuditEvent,
    Condition,
    Decision,
    ModelVersion,
    Notification,
    RevalidationTrigger,
)
from tests.conftest import make_user
from tests.registry.upkeep import conditional, decided

pytestmark = pytest.mark.django_db
TEXT = "A sentence that says enough."
TODAY = timezone.localdate()


def days(number: int) -> timedelta:
    return timedelta(days=number)


@pytest.fixture
def lead(db):
    return make_user("lead", access.MRM_LEAD)


def told(event: str) -> dict[str, str]:
    """{who was told: of what} of one kind of event."""
    rows = Notification.objects.filter(key__startswith=f"{event}:")
    return dict(rows.values_list("recipient__username", "subject"))


def twice(day) -> tuple:
    """Run the night two times; what is there must be the same after both."""
    nightly.run(day)
    after = _everything()
    nightly.run(day)
    assert _everything() == after
    return after


def _everything() -> tuple:
    kinds = (ModelVersion, Condition, PolicyException, RevalidationTrigger, Finding)
    rows = [list(kind.objects.order_by("pk").values()) for kind in kinds]
    return rows, AuditEvent.objects.count(), Notification.objects.count()


def stands(version) -> tuple[str, str]:
    version.refresh_from_db()
    return version.approval_status, version.use_status


# --- conditions -----------------------------------------------------------------------------------
def test_a_condition_that_is_not_met_by_its_day_suspends_the_use_the_day_after(version, approver, owner, lead):
    condition = conditional(decided(version, approver, outcome="approve_with_conditions"), owner, due_in=40)
    twice(condition.due)
    condition.refresh_from_db()
    assert condition.state == Condition.State.OPEN
    twice(condition.due + days(1))
    condition.refresh_from_db()
    assert condition.state == Condition.State.BREACHED
    assert stands(version) == ("approved_with_conditions", "suspended")
    assert set(told("condition.due")) == {"owner", "lead"}
    event = AuditEvent.objects.get(action="condition.breach")
    assert event.actor_name == "system"


def test_its_owner_is_told_within_thirty_days_of_it(version, approver, owner):
    condition = conditional(decided(version, approver, outcome="approve_with_conditions"), owner, due_in=40)
    twice(condition.due - days(31))
    assert told("condition.due") == {}
    twice(condition.due - days(30))
    assert set(told("condition.due")) == {"owner"}


def test_evidence_that_nobody_judged_does_not_keep_it_from_being_breached(version, approver, owner):
    decision = decided(version, approver, outcome="approve_with_conditions")
    conditional(decision, owner, due_in=1, state="evidence_submitted", evidence=TEXT)
    twice(TODAY + days(2))
    assert Condition.objects.get().state == Condition.State.BREACHED


def test_a_breach_is_not_repeated_after_the_use_was_reinstated(version, approver, owner):
    conditional(decided(version, approver, outcome="approve_with_conditions"), owner, due_in=1)
    twice(TODAY + days(2))
    ModelVersion.objects.update(use_status="in_use")
    twice(TODAY + days(3))
    assert stands(version)[1] == "in_use"


def test_what_is_not_in_use_is_breached_and_nothing_suspended(version, approver, owner):
    conditional(decided(version, approver, outcome="approve_with_conditions", use="not_in_use"), owner, due_in=1)
    twice(TODAY + days(2))
    assert stands(version)[1] == "not_in_use"
    assert Condition.objects.get().state == Condition.State.BREACHED


CRITERION = {"test": "fairness.group_metrics", "metric": "impact_ratio", "group": {"sex": "Female"}}


def judged(assessment, verdict: str, *, later=0, group=None, metric="impact_ratio"):
    """A verdict of that assessment, or of one made so many days later."""
    if later:
        copy = Assessment.objects.get(pk=assessment.pk)
        copy.pk, copy.idempotency_key, copy.state = None, None, "done"
        copy.save()
        Assessment.objects.filter(pk=copy.pk).update(created_at=timezone.now() + days(later))
        assessment = copy
    return Verdict.objects.create(
        assessment=assessment, position=1, test="fairness.group_metrics", family="fairness", metric=metric,
        title="Impact ratio", group=group or {"sex": "Female"}, verdict=verdict, value=0.9, better="higher",
    )  # fmt: skip


@pytest.fixture
def by_criterion(version, approver, owner, waiting):
    """A condition that a test settles; there is a finished assessment from before the decision."""
    Assessment.objects.update(state="done")
    evidence = [{"kind": "assessment", "id": 1, "summary": {"datasets": [{"id": waiting.dataset_version_id}]}}]
    decision = decided(version, approver, outcome="approve_with_conditions", evidence=evidence)
    return conditional(decision, owner, check_method="criterion", criterion=CRITERION)


def test_a_criterion_that_passes_since_the_decision_settles_its_condition(by_criterion, waiting):
    judged(waiting, "pass")  # before the decision
    twice(TODAY)
    assert Condition.objects.get().state == Condition.State.OPEN
    newer = judged(waiting, "pass", later=1)
    twice(TODAY)
    settled = Condition.objects.get()
    assert (settled.state, settled.settled_by.username) == (Condition.State.SATISFIED, "system")
    assert f"Assessment {newer.assessment_id}" in settled.evidence


@pytest.mark.parametrize(
    "given",
    [{"verdict": "warn"}, {"verdict": "pass", "group": {"sex": "Male"}}, {"verdict": "pass", "metric": "another"}],
)
def test_another_criterion_or_verdict_does_not(by_criterion, waiting, given):
    judged(waiting, later=1, **given)
    twice(TODAY)
    assert Condition.objects.get().state == Condition.State.OPEN


def test_of_several_the_newest_verdict_counts(by_criterion, waiting):
    judged(waiting, "pass", later=1)
    judged(waiting, "fail", later=2)
    twice(TODAY)
    assert Condition.objects.get().state == Condition.State.OPEN


def test_who_builds_it_does_not_settle_it_on_data_of_their_choice(by_criterion, waiting, validator):
    newer = judged(waiting, "pass", later=1)
    ApprovalRequest.objects.update(evidence=[])
    twice(TODAY)
    assert Condition.objects.get().state == Condition.State.OPEN
    Assessment.objects.filter(pk=newer.assessment_id).update(requested_by=validator)
    twice(TODAY)
    assert Condition.objects.get().state == Condition.State.SATISFIED


# --- exceptions -----------------------------------------------------------------------------------
def granted(version, by, chair, **given) -> PolicyException:
    about = {"kind": "use_before_validation", "subject_key": "use"} | given
    return PolicyException.objects.create(
        version=version, reason=TEXT, compensating_control=TEXT, expiry=TODAY + days(40), requested_by=by,
        approved_by=chair, approved_at=timezone.now(), approved_as="committee_chair", state="active", **about,
    )  # fmt: skip


@pytest.fixture
def chair(db):
    return make_user("chair", access.COMMITTEE_CHAIR)


def test_a_use_before_validation_stops_the_day_after_its_exception(version, owner, chair):
    one = granted(version, owner, chair)
    ModelVersion.objects.update(use_status="in_use")
    twice(one.expiry)
    assert (PolicyException.objects.get().state, stands(version)[1]) == ("active", "in_use")
    twice(one.expiry + days(1))
    assert (PolicyException.objects.get().state, stands(version)[1]) == ("expired", "suspended")
    assert {"owner", "chair"} <= set(told("exception.due"))


@pytest.mark.parametrize("status", ["rejected", "validation_failed", "withdrawn"])
def test_what_was_found_wanting_while_in_use_is_suspended(version, owner, chair, status):
    granted(version, owner, chair)
    ModelVersion.objects.update(use_status="in_use", approval_status=status)
    twice(TODAY)
    assert stands(version) == (status, "suspended")
    assert "owner" in told("use.changed")


def test_what_was_approved_meanwhile_goes_on(version, owner, chair, approver):
    one = granted(version, owner, chair)
    decided(version, approver)
    twice(one.expiry + days(1))
    assert (PolicyException.objects.get().state, stands(version)[1]) == ("expired", "in_use")


def test_a_risk_whose_acceptance_ran_out_is_open_again(version, validator, chair):
    finding = raise_finding(version, actor=validator, title="t", description=TEXT, severity="high")
    one = granted(
        version, validator, chair, kind="risk_acceptance", finding=finding, subject_key=f"finding:{finding.pk}"
    )
    Finding.objects.update(state="risk_accepted")
    twice(one.expiry + days(1))
    assert Finding.objects.get().state == Finding.State.OPEN


def test_who_asked_and_the_owner_are_told_thirty_days_ahead(version, owner, chair, validator):
    one = granted(version, validator, chair)
    twice(one.expiry - days(31))
    assert told("exception.due") == {}
    twice(one.expiry - days(30))
    assert set(told("exception.due")) == {"owner", "validator"}


# --- approvals ------------------------------------------------------------------------------------
def test_an_approval_expires_the_day_after_its_last_and_the_use_is_seen_to_go_on(version, approver, lead):
    last = TODAY + days(40)
    decided(version, approver, valid_until=last)
    twice(last - days(31))
    assert told("case.expiring") == {}
    twice(last - days(30))
    assert set(told("case.expiring")) == {"owner", "lead"}
    twice(last)
    assert stands(version) == ("approved", "in_use")
    twice(last + days(1))
    assert stands(version) == ("expired", "in_use")
    assert set(told("case.expired")) == {"owner", "lead"}


def test_an_exception_in_force_keeps_it_from_expiring(version, approver, owner, chair):
    decided(version, approver, valid_until=TODAY + days(5))
    one = granted(version, owner, chair)
    twice(one.expiry)
    assert stands(version)[0] == "approved"
    twice(one.expiry + days(1))
    assert stands(version)[0] == "expired"


def test_a_newer_decision_counts_and_not_the_one_before(version, approver):
    decided(version, approver, valid_until=TODAY + days(5))
    decided(version, approver, valid_until=TODAY + days(50))
    twice(TODAY + days(6))
    assert stands(version)[0] == "approved"


# --- revalidation ---------------------------------------------------------------------------------
def kinds_raised() -> list[str]:
    return sorted(RevalidationTrigger.objects.values_list("kind", flat=True))


@pytest.fixture
def used(version, approver, waiting):
    """The version, decided on and in use, with a finished assessment from before under the policy of today."""
    Assessment.objects.update(state="done")
    decided(version, approver, evidence=[{"kind": "assessment", "id": waiting.pk}])
    return version


def another_policy() -> None:
    """The next version, in force from now on."""
    old, now = PolicyVersion.objects.get(), timezone.now()
    PolicyVersion.objects.update(effective_to=now)
    old.pk, old.number, old.approved_at, old.effective_from = None, old.number + 1, now, now
    old.save()


def test_nothing_happened_and_nothing_is_asked(used):
    twice(TODAY)
    assert kinds_raised() == []


@pytest.mark.parametrize(
    ("test", "family", "kind"),
    [("data.drift", "data", "data_drift"), ("performance.discrimination", "performance", "performance")],
)
def test_what_fails_after_the_decision_asks_for_a_revalidation(used, waiting, lead, test, family, kind):
    for later, verdict in ((0, "fail"), (1, "warn"), (2, "fail")):
        made = judged(waiting, verdict, later=later)
        Verdict.objects.filter(pk=made.pk).update(test=test, family=family)
    twice(TODAY)
    assert kinds_raised() == [kind]
    assert set(told("revalidation.asked")) == {"owner", "lead"}


def test_an_overdue_finding_asks_for_it_once_and_one_with_an_accepted_risk_does_not(used, validator):
    raised = raise_finding(used, actor=validator, title="Unequal", description=TEXT, severity="low")
    twice(raised.due)
    assert kinds_raised() == []
    assert told("finding.overdue") == {}
    Finding.objects.update(state="risk_accepted")
    twice(raised.due + days(1))
    assert "overdue_finding" not in kinds_raised()
    Finding.objects.update(state="open")
    twice(raised.due + days(1))
    assert kinds_raised().count("overdue_finding") == 1
    assert {"owner", "validator"} <= set(told("finding.overdue"))


def test_another_policy_asks_for_it(used):
    another_policy()
    twice(TODAY)
    assert kinds_raised() == ["policy_change"]


def test_a_file_that_changed_in_the_store_asks_for_it(used):
    type(used.artifact).objects.filter(pk=used.artifact_id).update(sha256="f" * 64)
    twice(TODAY)
    assert kinds_raised() == ["changed_artefact"]


def test_the_cadence_of_the_tier_asks_for_it(used):
    decision = Decision.objects.get()
    Decision.objects.update(valid_until=TODAY + days(9999))
    day = nightly.revalidation.cadence_day(used, decision)
    twice(day)
    assert kinds_raised() == []
    twice(day + days(1))
    assert kinds_raised() == ["cadence"]


def test_a_new_decision_closes_what_it_answers(used, approver):
    another_policy()
    twice(TODAY)
    answer = decided(used, approver, days_ago=-1)
    twice(TODAY + days(1))
    assert RevalidationTrigger.objects.get().decision == answer
    assert not RevalidationTrigger.objects.open().exists()


def test_what_is_not_in_use_asks_for_nothing(used):
    ModelVersion.objects.update(use_status="not_in_use")
    another_policy()
    twice(TODAY)
    assert kinds_raised() == []


# --- attestation, and the job itself --------------------------------------------------------------
def test_the_owner_is_reminded_once_of_an_attestation_that_is_overdue(used):
    due = due_of(used)
    twice(due)
    assert told("attestation.due") == {}
    twice(due + days(1))
    assert set(told("attestation.due")) == {"owner"}
    nightly.run(due + days(2))
    assert Notification.objects.filter(key__startswith="attestation.due:").count() == 1


def test_one_row_that_fails_does_not_stop_the_others(version, approver, owner, monkeypatch, caplog):
    decision = decided(version, approver, outcome="approve_with_conditions")
    bad, good = conditional(decision, owner, due_in=1), conditional(decision, owner, due_in=1)
    really = nightly.conditions.breach

    def breach(condition, **given):
        if condition.pk == bad.pk:
            raise RuntimeError("the database went away")
        return really(condition, **given)

    monkeypatch.setattr(nightly.conditions, "breach", breach)
    nightly.run(TODAY + days(2))
    good.refresh_from_db()
    assert good.state == Condition.State.BREACHED
    assert "settle_condition failed" in caplog.text


def test_the_queue_runs_it_each_night(version, monkeypatch):
    assert Schedule.objects.get(name="assessments.nightly").schedule_type == Schedule.DAILY
    seen = []
    monkeypatch.setattr(nightly, "run", lambda *given: seen.append(given))
    tasks.nightly()
    assert seen == [()]


def test_expiring_is_the_systems_alone(version, owner, chair):
    one = granted(version, owner, chair)
    assert "Only the system" in exceptions.expire.refusal(one, chair)
