"""Conditions: who shows that one is met, who says so, and through which states."""

import pytest

from registry import access, conditions
from registry.conditions import TRANSITIONS, Event
from registry.models import AuditEvent, Condition
from registry.refusals import BadInput, Conflict, Refused
from registry.roles import system_user
from tests.conftest import make_user
from tests.registry.upkeep import conditional, decided

pytestmark = pytest.mark.django_db
TEXT = "A sentence that says enough."
State = Condition.State
ACTS = conditions.STEPS | {Event.PASS: conditions.pass_criterion, Event.BREACH: conditions.breach}
SECOND = {"validator", "approver", "lead", "chair"}
WHO = {Event.SUBMIT: {"owner"}, Event.SATISFY: SECOND, Event.SEND_BACK: SECOND}


@pytest.fixture
def condition(model_version, approver, owner):
    """Of the owner's version, to be met by its owner."""
    return conditional(decided(model_version, approver, outcome="approve_with_conditions"), owner, evidence=TEXT)


@pytest.mark.parametrize("state", State.values)
@pytest.mark.parametrize("event", Event)
def test_every_pair_of_state_and_event_for_every_person(condition, cast, state, event):
    people = cast | {"lead": make_user("lead", access.MRM_LEAD), "chair": make_user("chair", access.COMMITTEE_CHAIR)}
    who = WHO.get(event, {"system"})
    for name, person in (people | {"system": system_user()}).items():
        Condition.objects.filter(pk=condition.pk).update(state=state)
        condition.refresh_from_db()
        target = TRANSITIONS.get((State(state), event))
        if name in who and target is not None:
            assert ACTS[event](condition, actor=person, text=TEXT).state == target
        else:
            with pytest.raises(Conflict if name in who else Refused):
                ACTS[event](condition, actor=person, text=TEXT)
            assert Condition.objects.get().state == state


def test_nobody_judges_their_own_condition_or_model(condition, model_version):
    both = make_user("both", access.VALIDATOR)
    Condition.objects.update(state=State.SUBMITTED, owner=both)
    with pytest.raises(Refused, match="You own Condition C-1"):
        conditions.satisfy(Condition.objects.get(), actor=both, text=TEXT)
    Condition.objects.update(owner=model_version.model.owner)
    model_version.model.developers.add(both)
    with pytest.raises(Refused, match="You own or develop"):
        conditions.satisfy(Condition.objects.get(), actor=both, text=TEXT)


def test_what_a_criterion_settles_no_person_does(condition, validator):
    Condition.objects.update(state=State.SUBMITTED, check_method="criterion")
    with pytest.raises(Conflict, match="when its criterion passes"):
        conditions.satisfy(Condition.objects.get(), actor=validator, text=TEXT)


def test_a_breached_one_is_not_met_without_evidence(condition, validator):
    Condition.objects.update(state=State.BREACHED, evidence="")
    with pytest.raises(Conflict, match="no evidence yet"):
        conditions.satisfy(Condition.objects.get(), actor=validator, text=TEXT)


def test_each_step_needs_words_and_keeps_them(condition, owner, validator):
    with pytest.raises(BadInput):
        conditions.submit_evidence(condition, actor=owner, text=" done ")
    moved = conditions.submit_evidence(condition, actor=owner, text="Retrained as version 4, see its page.")
    conditions.send_back(moved, actor=validator, text="The postcode is still in it.")
    told = list(AuditEvent.objects.about(condition).order_by("pk").values_list("action", "detail__text"))
    assert told == [
        ("condition.submit_evidence", "Retrained as version 4, see its page."),
        ("condition.send_back", "The postcode is still in it."),
    ]
