"""Exceptions: who asks, who outranks whom, through which states, for how long, and what each lets pass."""

from datetime import timedelta

import pytest
from django.utils import timezone

from assessments.actions import exceptions
from assessments.actions.findings import raise_finding
from assessments.exceptions.states import LONGEST_DAYS, TRANSITIONS, Event, Kind
from assessments.models import Finding, PolicyException, Verdict
from registry import access
from registry.approvals import gates, use
from registry.approvals.deployment import clearance
from registry.models import AuditEvent, ModelVersion, Notification, RoleGrant
from registry.refusals import BadInput, Conflict, Refused
from registry.roles import system_user
from tests.conftest import make_user

pytestmark = pytest.mark.django_db

TEXT = "A sentence that says enough."
TODAY = timezone.localdate
State = PolicyException.State


@pytest.fixture(autouse=True)
def everyone_just_signed_in(monkeypatch):
    """What a signature asks of a session is tested with signing; here everybody signs by themselves."""
    monkeypatch.setattr("registry.signing._session_of", lambda actor: object())
    monkeypatch.setattr("registry.signing.authenticated_at", timezone.now)


@pytest.fixture
def chair(db):
    return make_user("chair", access.COMMITTEE_CHAIR)


@pytest.fixture
def lead(db):
    return make_user("lead", access.MRM_LEAD)


@pytest.fixture
def finding(version, validator):
    return raise_finding(version, actor=validator, title="Unequal", description=TEXT, severity="high")


def ask(version, actor, **changes):
    given = {"kind": "missing_test", "test": "robustness.noise", "reason": TEXT, "compensating_control": TEXT}
    return exceptions.request_exception(
        version, actor=actor, **(given | {"expiry": TODAY() + timedelta(days=30)} | changes)
    )


def ask_risk(finding, actor, **changes):
    return ask(finding.version, actor, kind="risk_acceptance", test="", finding=finding, **changes)


def put(asked, state):
    PolicyException.objects.filter(pk=asked.pk).update(state=state)
    asked.refresh_from_db()
    return asked


ACTS = exceptions.STEPS | {Event.EXPIRE: exceptions.expire}
WHO = {
    Event.APPROVE: {"approver", "lead", "chair"},
    Event.REFUSE: {"approver", "lead", "chair"},
    Event.WITHDRAW: {"owner"},
    Event.CLOSE: {"owner", "validator", "approver", "lead"},
    Event.REVOKE: {"approver", "lead", "chair"},
    Event.EXPIRE: {"system"},
}


@pytest.mark.parametrize("state", State.values)
@pytest.mark.parametrize("event", Event)
def test_every_pair_of_state_and_event_for_every_person(version, cast, lead, chair, owner, state, event):
    asked = ask(version, owner)
    for name, person in (cast | {"lead": lead, "chair": chair, "system": system_user()}).items():
        put(asked, state)
        target = TRANSITIONS.get((State(state), event))
        if name in WHO[event] and target is not None:
            assert ACTS[event](asked, actor=person, text=TEXT).state == target
        else:
            with pytest.raises(Conflict if name in WHO[event] else Refused):
                ACTS[event](asked, actor=person, text=TEXT)
            assert PolicyException.objects.get(pk=asked.pk).state == state


@pytest.mark.parametrize("name", ["security_officer", "auditor", "outsider"])
def test_others_do_not_ask(version, cast, name):
    with pytest.raises(Refused):
        ask(version, cast[name])
    assert AuditEvent.objects.filter(action="exception.request", refused=True, actor=cast[name]).exists()


def test_nobody_approves_what_they_asked_for_nor_someone_of_their_own_rank(version, approver, chair):
    asked = ask(version, approver)
    with pytest.raises(Refused, match="someone who outranks you"):
        exceptions.approve(asked, actor=approver, text=TEXT)
    with pytest.raises(Refused, match=r"do not outrank approver \(approver\)"):
        exceptions.approve(asked, actor=make_user("another", access.APPROVER), text=TEXT)
    assert exceptions.approve(asked, actor=chair, text=TEXT).approved_as == "committee_chair"


def test_losing_the_rank_after_asking_does_not_lower_what_is_needed(version, approver):
    asked = ask(version, approver)
    RoleGrant.objects.filter(user=approver).update(state="ended", ended_at=timezone.now())
    with pytest.raises(Refused, match="do not outrank"):
        exceptions.approve(asked, actor=make_user("another", access.APPROVER), text=TEXT)


def test_who_built_the_model_does_not_approve_whatever_their_rank(version, validator):
    both = make_user("both", access.COMMITTEE_CHAIR)
    asked = ask(version, validator)
    version.model.developers.add(both)
    with pytest.raises(Refused, match="You own or develop"):
        exceptions.approve(asked, actor=both, text=TEXT)
    version.model.developers.clear()
    ModelVersion.objects.filter(pk=version.pk).update(created_by=both)
    with pytest.raises(Refused, match="You uploaded"):
        exceptions.approve(asked, actor=both, text=TEXT)


def test_a_use_before_validation_is_approved_above_the_owner(version, validator, chair):
    version.model.owner = make_user("grand_owner", access.OWNER, access.APPROVER)
    version.model.save()
    asked = ask(version, validator, kind="use_before_validation", test="")
    with pytest.raises(Refused, match="do not outrank grand_owner"):
        exceptions.approve(asked, actor=make_user("another", access.APPROVER), text=TEXT)
    assert exceptions.approve(asked, actor=chair, text=TEXT).in_force()


@pytest.mark.parametrize(("severity", "enough"), [("critical", False), ("high", False), ("medium", True)])
def test_the_risk_of_a_grave_finding_is_accepted_by_the_chair_alone(version, validator, approver, severity, enough):
    raised = raise_finding(version, actor=validator, title="t", description=TEXT, severity=severity)
    asked = ask_risk(raised, validator)
    assert (exceptions.approve.refusal(asked, approver) is None) is enough


@pytest.mark.parametrize("kind", Kind.values)
def test_each_kind_has_its_longest_time(version, owner, finding, waiting, kind):
    verdict = Verdict.objects.create(assessment=waiting, position=1, test="a", metric="m", verdict="fail")
    about = {"test": "robustness.noise", "finding": finding, "verdict": verdict, "kind": kind}
    day = TODAY() + timedelta(days=LONGEST_DAYS[Kind(kind)])
    with pytest.raises(BadInput) as caught:
        ask(version, owner, expiry=day + timedelta(days=1), **about)
    assert caught.value.field == "expiry"
    assert ask(version, owner, expiry=day, **about).expiry == day
    assert LONGEST_DAYS[Kind.USE] == 90


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"reason": " short "}, "reason"),
        ({"compensating_control": ""}, "compensating_control"),
        ({"expiry": timezone.localdate() - timedelta(days=1)}, "expiry"),
        ({"kind": "free_pass"}, "kind"),
        ({"test": "no.such_test"}, "test"),
        ({"kind": "risk_acceptance"}, "finding"),
        ({"kind": "failed_criterion"}, "verdict"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_field(version, owner, given, field):
    with pytest.raises(BadInput) as caught:
        ask(version, owner, **given)
    assert caught.value.field == field
    assert not PolicyException.objects.exists()


def test_one_at_a_time_for_the_same_thing(version, owner):
    asked = ask(version, owner)
    with pytest.raises(Conflict, match=str(asked)):
        ask(version, owner)
    assert ask(version, owner, test="robustness.square")


def test_it_is_renewed_once_then_only_the_chair_may_go_on(version, owner, lead, chair):
    first = exceptions.approve(ask(version, owner), actor=lead, text=TEXT)
    given = {"reason": TEXT, "compensating_control": TEXT, "expiry": TODAY() + timedelta(days=60)}
    second = exceptions.renew(first, actor=owner, **given)
    with pytest.raises(Conflict, match="has its renewal already"):
        exceptions.renew(first, actor=owner, **given)
    assert exceptions.approve(second, actor=lead, text=TEXT).in_force()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.ended_because) == (State.CLOSED, f"Renewed as {second}.")
    with pytest.raises(Conflict, match="escalate to the committee chair"):
        exceptions.renew(second, actor=owner, **given)
    exceptions.revoke(second, actor=lead, text=TEXT)
    third = ask(version, owner)
    with pytest.raises(Refused, match="takes the role committee chair"):
        exceptions.approve(third, actor=lead, text=TEXT)
    assert exceptions.approve(third, actor=chair, text=TEXT).in_force()


def test_a_renewal_of_an_accepted_risk_keeps_it_accepted(finding, validator, chair):
    first = exceptions.approve(ask_risk(finding, validator), actor=chair, text=TEXT)
    day = TODAY() + timedelta(days=90)
    second = exceptions.renew(first, actor=validator, reason=TEXT, compensating_control=TEXT, expiry=day)
    exceptions.approve(second, actor=chair, text=TEXT)
    finding.refresh_from_db()
    assert finding.state == Finding.State.ACCEPTED


def test_an_accepted_risk_lets_pass_with_conditions_and_only_this_version(version, finding, validator, chair):
    def blocked(of):
        return {one.id: one.allows_conditions for one in gates.blockers(of) if "finding" in one.id}

    assert blocked(version) == {"grave_finding": False}
    asked = ask_risk(finding, validator)
    assert blocked(version) == {"grave_finding": False}
    exceptions.approve(asked, actor=chair, text=TEXT)
    finding.refresh_from_db()
    assert finding.state == Finding.State.ACCEPTED
    assert blocked(version) == {"accepted_finding": True}
    told = [one for one in gates.evidence(version) if one.kind == "exception"]
    assert [(one.id, one.summary["approved_as"]) for one in told] == [(asked.pk, "committee_chair")]
    another = version.model.versions.create(
        number=2, artifact=version.artifact, format="joblib", created_by=version.created_by
    )
    assert blocked(another) == {"grave_finding": False}
    PolicyException.objects.update(expiry=TODAY() - timedelta(days=1))
    assert blocked(version) == {"grave_finding": False}


@pytest.mark.parametrize("act", ["close", "revoke", "expire"])
def test_when_the_acceptance_ends_the_finding_is_open_again(finding, validator, chair, act):
    asked = exceptions.approve(ask_risk(finding, validator), actor=chair, text=TEXT)
    person = {"close": validator, "revoke": chair, "expire": system_user()}[act]
    getattr(exceptions, act)(asked, actor=person, text=TEXT)
    finding.refresh_from_db()
    assert finding.state == Finding.State.OPEN


def test_a_finding_that_went_on_meanwhile_stays_where_it_is(finding, validator, chair):
    asked = exceptions.approve(ask_risk(finding, validator), actor=chair, text=TEXT)
    Finding.objects.update(state=Finding.State.CLOSED)
    exceptions.close(asked, actor=validator, text=TEXT)
    assert Finding.objects.get().state == Finding.State.CLOSED


def test_in_force_is_asked_of_a_day(version, owner, lead):
    asked = exceptions.approve(ask(version, owner), actor=lead, text=TEXT)
    last, rows = asked.expiry, PolicyException.objects
    assert asked.in_force(last)
    assert list(rows.in_force(last)) == [asked]
    after = last + timedelta(days=1)
    assert not asked.in_force(after)
    assert not rows.in_force(after).exists()
    assert list(rows.expiring(timedelta(days=30))) == [asked]
    assert not rows.expiring(timedelta(days=29)).exists()
    assert list(rows.run_out(after)) == [asked]


def test_run_out_and_still_relied_on_is_what_is_in_use_with_nothing_in_its_place(version, owner, lead):
    asked = exceptions.approve(ask(version, owner), actor=lead, text=TEXT)
    after, rows = asked.expiry + timedelta(days=1), PolicyException.objects
    assert not rows.still_relied_on(after).exists()
    ModelVersion.objects.update(use_status="in_use")
    assert list(rows.still_relied_on(after)) == [asked]
    PolicyException.objects.create(
        version=version, kind=asked.kind, test=asked.test, subject_key=asked.subject_key, state="expired",
        requested_by=owner, expiry=after - timedelta(days=2),
    )  # fmt: skip
    assert rows.still_relied_on(after).count() == 2
    rows.filter(pk=asked.pk).update(state="expired")
    PolicyException.objects.create(
        version=version, kind=asked.kind, test=asked.test, subject_key=asked.subject_key, state="active",
        requested_by=owner, expiry=after,
    )  # fmt: skip
    assert not rows.still_relied_on(after).exists()


# --- use before validation ------------------------------------------------------------------------
def excused(version, validator, chair) -> PolicyException:
    asked = ask(version, validator, kind="use_before_validation", test="")
    return exceptions.approve(asked, actor=chair, text=TEXT)


def test_a_use_before_validation_is_deployed_under_limits_and_supersedes_nothing(version, owner, validator, chair):
    older = version.model.versions.create(
        number=0, artifact=version.artifact, format="joblib", created_by=owner, approval_status="approved"
    )
    given = {"actor": owner, "sha256": version.artifact.sha256, "environment": "production"}
    with pytest.raises(Conflict, match="only what is approved comes into use"):
        use.deploy(version, restrictions=TEXT, **given)
    asked = excused(version, validator, chair)
    with pytest.raises(BadInput, match="used before its validation"):
        use.deploy(version, **given)
    use.deploy(version, restrictions=TEXT, **given)
    version.refresh_from_db()
    older.refresh_from_db()
    assert (version.approval_status, version.use_status) == ("draft", "in_use")
    assert older.approval_status == "approved"
    assert str(asked) in AuditEvent.objects.get(action="use.deploy", refused=False).detail["excuse"]
    assert clearance(version).decision is None


@pytest.mark.parametrize(("act", "who"), [(exceptions.close, "owner"), (exceptions.revoke, "chair")])
def test_the_use_ends_with_what_allowed_it_however_that_ends(version, owner, validator, chair, act, who):
    """Or whoever builds it could close the exception on its last day, and use the version for ever."""
    asked = excused(version, validator, chair)
    given = {"sha256": version.artifact.sha256, "environment": "production", "restrictions": TEXT}
    use.deploy(version, actor=owner, **given)
    act(asked, actor={"owner": owner, "chair": chair}[who], text=TEXT)
    version.refresh_from_db()
    assert version.use_status == "suspended"
    assert AuditEvent.objects.get(action="use.suspend").actor_name == "system"


def test_a_renewal_or_an_approval_meanwhile_lets_the_use_go_on(version, owner, validator, chair):
    asked = excused(version, validator, chair)
    ModelVersion.objects.update(use_status="in_use")
    again = exceptions.renew(
        asked, actor=owner, reason=TEXT, compensating_control=TEXT, expiry=TODAY() + timedelta(days=60)
    )
    again = exceptions.approve(again, actor=chair, text=TEXT)
    assert ModelVersion.objects.get(pk=version.pk).use_status == "in_use"
    ModelVersion.objects.update(approval_status="approved")
    exceptions.close(again, actor=owner, text=TEXT)
    assert ModelVersion.objects.get(pk=version.pk).use_status == "in_use"


def test_a_pipeline_is_let_through_as_long_as_it_holds(version, validator, chair):
    assert [one.id for one in clearance(version).reasons] == ["not_approved"]
    excused(version, validator, chair)
    assert clearance(version).allowed
    PolicyException.objects.update(expiry=TODAY() - timedelta(days=1))
    assert [one.id for one in clearance(version).reasons] == ["not_approved"]


@pytest.mark.parametrize("status", ["rejected", "validation_failed", "withdrawn", "superseded"])
def test_what_was_found_wanting_is_excused_by_nothing(version, owner, validator, chair, status):
    excused(version, validator, chair)
    ModelVersion.objects.update(approval_status=status)
    version.refresh_from_db()
    assert gates.excused(version) == ""
    assert "only what is approved" in use.deploy.refusal(version, owner)


def told(event: str) -> dict[str, str]:
    """{who was told: of what} of one kind of event."""
    rows = Notification.objects.filter(key__startswith=f"{event}:")
    return dict(rows.values_list("recipient__username", "subject"))


def test_those_who_outrank_the_requester_are_told_that_it_waits_for_them(version, validator, lead, chair, approver):
    version.model.developers.add(approver)  # who builds the model does not decide on it
    asked = ask(version, validator)
    said = f"{asked} for {version} waits for your decision"
    assert told("exception.requested") == {"lead": said, "chair": said}


@pytest.mark.parametrize(("act", "what"), [("approve", "granted until"), ("refuse", "refused")])
def test_who_asked_and_the_builders_are_told_what_became_of_it(version, validator, chair, owner, act, what):
    asked = ask(version, validator)
    getattr(exceptions, act)(asked, actor=chair, text=TEXT)
    heard = told("exception.decided")
    assert heard.keys() == {"validator", "owner"}
    assert heard["owner"].startswith(f"{asked} for {version} was {what}")


def test_one_that_is_taken_back_is_told_to_who_granted_it_too(version, validator, chair, lead):
    asked = exceptions.approve(ask(version, validator), actor=lead, text=TEXT)
    Notification.objects.all().delete()
    exceptions.revoke(asked, actor=chair, text=TEXT)
    assert told("exception.decided").keys() == {"validator", "owner", "lead"}
