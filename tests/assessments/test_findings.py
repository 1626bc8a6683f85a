"""Findings: who raises, answers and closes them, through which states, and what they hold up."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from assessments.actions.findings import DAYS_TO_END, open_steps, raise_finding, steps
from assessments.findings.states import ACCEPTANCE_ENDS, STEPS, TRANSITIONS, Event, Side, after, waits_for
from assessments.models import Finding, Verdict
from registry.approvals import dossiers, gates
from registry.models import AuditEvent, ModelVersion
from registry.refusals import BadInput, Conflict, Refused
from tests.conftest import give_roles, make_user

pytestmark = pytest.mark.django_db

TEXT = "A sentence that says enough."
State = Finding.State


@pytest.fixture
def finding(version, validator):
    """High, raised by the validator against the owner's version."""
    return raise_finding(version, actor=validator, title="Unequal", description=TEXT, severity="high")


def put(finding, state: str):
    Finding.objects.filter(pk=finding.pk).update(state=state)
    finding.refresh_from_db()
    return finding


@pytest.mark.parametrize("state", State.values)
@pytest.mark.parametrize("event", Event)
def test_every_pair_of_state_and_event_for_every_person(finding, cast, state, event):
    """The table decides, and of people only those of the event's side: nobody closes what they have built."""
    right = {Side.BUILDING: {"owner"}, Side.VALIDATING: {"validator", "approver"}}[STEPS[event].side]
    for name, person in cast.items():
        put(finding, state)
        target = TRANSITIONS.get((State(state), event))
        if name in right and target is not None:
            assert steps[event](finding, actor=person, text=TEXT).state == target
            assert (finding.__class__.objects.get(pk=finding.pk).ended_at is not None) == (target in Finding.ENDED)
        else:
            refusal = Conflict if name in right else Refused
            with pytest.raises(refusal):
                steps[event](finding, actor=person, text=TEXT)
            assert Finding.objects.get(pk=finding.pk).state == state


def test_from_every_state_that_has_not_ended_someone_can_move_it_and_from_each_it_can_end():
    for state in State:
        moves = [target for (source, _event), target in TRANSITIONS.items() if source == state]
        side = waits_for(state)
        if side is None and state in Finding.ENDED:
            continue
        if side is None:
            assert state == State.ACCEPTED  # it rests until its exception ends
            assert ACCEPTANCE_ENDS[state] in State
            continue
        assert any(STEPS[event].side == side for (source, event) in TRANSITIONS if source == state)
        seen, reach = set(), set(moves)
        while reach - seen:
            one = (reach - seen).pop()
            seen.add(one)
            reach |= {target for (source, _event), target in TRANSITIONS.items() if source == one}
        assert seen & set(Finding.ENDED)


def test_only_the_challenging_side_ends_a_finding():
    ending = {event for (_state, event), target in TRANSITIONS.items() if target in Finding.ENDED}
    assert {STEPS[event].side for event in ending} == {Side.VALIDATING}


@pytest.mark.parametrize("name", ["owner", "developer", "security_officer", "auditor", "outsider"])
def test_others_do_not_raise_findings(version, cast, name):
    with pytest.raises(Refused):
        raise_finding(version, actor=cast[name], title="t", description=TEXT, severity="low")
    assert not Finding.objects.exists()
    assert AuditEvent.objects.filter(action="finding.raise", refused=True, actor=cast[name]).exists()


def test_who_uploaded_any_version_of_the_model_does_not_challenge_it(version, db):
    both = make_user("both", "validator", "developer")
    ModelVersion.objects.filter(pk=version.pk).update(created_by=both)
    with pytest.raises(Refused, match="someone independent"):
        raise_finding(version, actor=both, title="t", description=TEXT, severity="low")


def test_a_second_role_does_not_let_the_owner_close_it(finding, owner):
    give_roles(owner, "validator")
    put(finding, State.SUBMITTED)
    with pytest.raises(Refused, match="You own or develop"):
        steps[Event.CLOSE](finding, actor=type(owner).objects.get(pk=owner.pk), text=TEXT)


@pytest.mark.parametrize("severity", Finding.Severity.values)
def test_each_severity_has_its_day(version, validator, severity):
    made = raise_finding(version, actor=validator, title="t", description=TEXT, severity=severity)
    days = DAYS_TO_END[severity]
    assert made.due == (timezone.localdate() + timedelta(days=days) if days else None)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"description": "short"}, "description"),
        ({"title": "  "}, "title"),
        ({"title": "t" * 201}, "title"),
        ({"severity": "grave"}, "severity"),
        ({"due": timezone.localdate() - timedelta(days=1)}, "due"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_field(version, validator, given, field):
    with pytest.raises(BadInput) as caught:
        raise_finding(version, actor=validator, **({"title": "t", "description": TEXT, "severity": "low"} | given))
    assert caught.value.field == field


def test_a_step_needs_words(finding, owner):
    with pytest.raises(BadInput):
        steps[Event.ACCEPT](finding, actor=owner, text="  ok ")
    assert Finding.objects.get().state == State.ISSUED


def test_a_finding_keeps_what_it_was_raised_from(waiting, validator, model_of_another):
    named = {"position": 1, "test": "fairness.group_metrics", "family": "fairness", "metric": "m", "title": "Ratio"}
    verdict = Verdict.objects.create(
        assessment=waiting, verdict="fail", value=0.3, better="higher", group={"sex": "*"}, reason="Below.", **named
    )
    made = raise_finding(
        waiting.version, actor=validator, title="t", description=TEXT, severity="high", verdict=verdict
    )
    assert (made.assessment, made.criterion["value"], made.criterion["group"]) == (waiting, 0.3, {"sex": "*"})
    with pytest.raises(BadInput, match="not about"):
        raise_finding(model_of_another, actor=validator, title="t", description=TEXT, severity="high", verdict=verdict)


@pytest.fixture
def model_of_another(tiny_files, db):
    from registry.actions import register_model
    from registry.models import MLModel
    from tests.assessments.conftest import make_version

    model = register_model(MLModel, actor=make_user("neighbour", "owner"), name="Another")
    return make_version(model, b"another")


# --- what they hold up ----------------------------------------------------------------------------
def codes(version) -> list[str]:
    return [blocker.id for blocker in gates.blockers(version)]


@pytest.mark.parametrize("severity", Finding.Severity.values)
def test_critical_and_high_ones_hold_up_approval(version, validator, severity):
    raise_finding(version, actor=validator, title="t", description=TEXT, severity=severity)
    assert ("grave_finding" in codes(version)) == (severity in {"critical", "high"})


@pytest.mark.parametrize("state", State.values)
def test_until_they_have_ended(finding, version, state):
    put(finding, state)
    assert ("grave_finding" in codes(version)) == (state not in {State.DRAFT, *Finding.ENDED})


def test_a_new_version_does_not_get_rid_of_them(finding, version):
    from tests.assessments.conftest import make_version

    assert "grave_finding" in codes(make_version(version.model, b"a later file"))


def test_what_is_decided_on_changes_with_a_finding(finding, version, owner):
    before = dossiers.digest(dossiers.document(version))
    steps[Event.ACCEPT](finding, actor=owner, text="We will retrain it.")
    assert dossiers.digest(dossiers.document(version)) != before


# --- the pages ------------------------------------------------------------------------------------
def signed_in(client, user):
    client.force_login(user)
    return client


def test_it_is_raised_and_answered_on_the_pages(client, version, validator, owner):
    address = reverse("finding-raise", args=[version.model.slug, version.number])
    given = {"title": "Unequal", "description": TEXT, "severity": "high"}
    answer = signed_in(client, validator).post(address, given)
    made = Finding.objects.get()
    assert (answer.status_code, answer.url) == (302, reverse("finding", args=[made.pk]))
    page = signed_in(client, owner).get(answer.url).content.decode()
    assert "Accept" in page
    assert "Verify and close" not in page
    client.post(answer.url, {"event": "accept", "text": "We will retrain it."})
    made.refresh_from_db()
    assert (made.state, made.plan) == (State.OPEN, "We will retrain it.")


def test_what_was_typed_is_kept_with_its_error(client, finding, owner):
    address = reverse("finding", args=[finding.pk])
    answer = signed_in(client, owner).post(address, {"event": "rebut", "text": "no"})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "This step needs a few words." in page
    assert ">\nno</textarea>" in page


def test_who_can_do_nothing_is_told_why(client, finding, auditor):
    page = signed_in(client, auditor).get(reverse("finding", args=[finding.pk])).content.decode()
    assert "Only the owner or a developer of" in page


def test_it_waits_in_the_inbox_of_the_side_whose_move_it_is(client, finding, owner, validator):
    address = reverse("finding", args=[finding.pk])
    assert address in signed_in(client, owner).get("/").content.decode()
    assert address not in signed_in(client, validator).get("/").content.decode()
    put(finding, State.SUBMITTED)
    assert address not in signed_in(client, owner).get("/").content.decode()
    assert address in signed_in(client, validator).get("/").content.decode()


def test_the_list_shows_what_is_asked_for(client, finding, auditor, outsider):
    signed_in(client, auditor)
    listed = reverse("findings")
    assert "Unequal" in client.get(listed).content.decode()
    assert "Unequal" not in client.get(listed, {"show": "overdue"}).content.decode()
    Finding.objects.update(due=timezone.localdate() - timedelta(days=1))
    assert "overdue" in client.get(listed, {"show": "overdue"}).content.decode()
    assert "Unequal" not in client.get(listed, {"severity": "low"}).content.decode()
    put(finding, State.CLOSED)
    assert "Unequal" not in client.get(listed).content.decode()
    assert "Unequal" in client.get(listed, {"show": "all"}).content.decode()
    assert "Unequal" not in signed_in(client, outsider).get(listed).content.decode()
    assert client.get(reverse("finding", args=[finding.pk])).status_code == 404


def test_its_history_keeps_every_word(client, finding, owner, validator):
    steps[Event.REBUT](finding, actor=owner, text="It is not an issue.")
    finding.refresh_from_db()
    steps[Event.UPHOLD](finding, actor=validator, text="It is, see the page.")
    page = signed_in(client, validator).get(reverse("finding", args=[finding.pk])).content.decode()
    assert "It is not an issue." in page
    assert "It is, see the page." in page


def test_the_steps_offered_are_those_of_the_table(finding, owner, validator):
    for state in State:
        put(finding, state)
        for person, side in ((owner, Side.BUILDING), (validator, Side.VALIDATING)):
            offered = {event for event, _step in open_steps(finding, person)}
            assert offered == {e for e in Event if after(state, e) and STEPS[e].side == side}
