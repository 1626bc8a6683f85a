"""The two tables, state by state, event by event and person by person: what the actions really do, against what
governance.md 3.1 says."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from registry import access
from registry.approvals import actions, states, use
from registry.approvals.states import Anew, Event, Status, Use
from registry.models import AuditEvent, Decision, ModelVersion
from registry.refusals import Conflict, Refused
from registry.roles import system_user
from tests import cases
from tests.cases import REASON
from tests.conftest import make_user
from tests.signing import signed_in

pytestmark = pytest.mark.django_db

# (state, event): (where it leads, who may), from governance.md 3.1; of tier 2, validated by "validator".
DECIDERS = {"approver", "committee_chair", "compliance"}
OWNER, LEAD, SYSTEM = {"owner"}, {"mrm_lead"}, {"system"}
SAYS = {
    ("draft", "submit"): ("submitted", OWNER),
    ("returned", "submit"): ("submitted", OWNER),
    ("expired", "submit"): ("submitted", OWNER),
    ("submitted", "start_validation"): ("in_validation", LEAD),
    ("submitted", "return"): ("returned", {"validator", "other_validator", "mrm_lead"}),
    ("in_validation", "return"): ("returned", {"validator", "mrm_lead"}),
    ("in_validation", "validate"): ("validated", {"validator"}),
    ("in_validation", "fail_validation"): ("validation_failed", {"validator"}),
    ("validated", "put_to_decision"): ("pending_approval", LEAD),
    ("pending_approval", "approve"): ("approved", DECIDERS),
    ("pending_approval", "approve_with_conditions"): ("approved_with_conditions", DECIDERS),
    ("pending_approval", "reject"): ("rejected", DECIDERS),
    ("pending_approval", "return"): ("returned", DECIDERS),
    ("approved", "expire"): ("expired", SYSTEM),
    ("approved_with_conditions", "expire"): ("expired", SYSTEM),
    ("approved", "supersede"): ("superseded", SYSTEM),
    ("approved_with_conditions", "supersede"): ("superseded", SYSTEM),
} | {
    (state, "withdraw"): ("withdrawn", OWNER)
    for state in ("draft", "submitted", "in_validation", "returned", "validated", "pending_approval")
}
SAYS_OF_USE = {
    ("not_in_use", "deploy"): ("in_use", OWNER),
    ("in_use", "deploy"): ("in_use", OWNER),
    ("not_in_use", "suspend"): ("suspended", SYSTEM),
    ("in_use", "restrict"): ("restricted", LEAD | SYSTEM),
    ("in_use", "suspend"): ("suspended", LEAD | SYSTEM),
    ("restricted", "suspend"): ("suspended", LEAD | SYSTEM),
    ("restricted", "reinstate"): ("in_use", DECIDERS),
    ("in_use", "decommission"): ("decommissioning", OWNER),
    ("restricted", "decommission"): ("decommissioning", OWNER),
    ("suspended", "decommission"): ("decommissioning", OWNER),
    ("decommissioning", "retire"): ("retired", LEAD),
}
# Of what stands approved, once a trigger asks for it: (the approval beside it, where its new case is).
SAYS_ANEW = {
    ("", "submit"): (("approved", "submitted"), OWNER),
    ("returned", "submit"): (("approved", "submitted"), OWNER),
    ("submitted", "start_validation"): (("approved", "in_validation"), LEAD),
    ("submitted", "return"): (("approved", "returned"), {"validator", "other_validator", "mrm_lead"}),
    ("in_validation", "return"): (("approved", "returned"), {"validator", "mrm_lead"}),
    ("in_validation", "validate"): (("approved", "validated"), {"validator"}),
    ("in_validation", "fail_validation"): (("validation_failed", ""), {"validator"}),
    ("validated", "put_to_decision"): (("approved", "pending_approval"), LEAD),
    ("pending_approval", "approve"): (("approved", ""), DECIDERS),
    ("pending_approval", "approve_with_conditions"): (("approved_with_conditions", ""), DECIDERS),
    ("pending_approval", "reject"): (("rejected", ""), DECIDERS),
    ("pending_approval", "return"): (("approved", "returned"), DECIDERS),
}
OF_USE = ["deploy", "restrict", "suspend", "reinstate", "decommission", "retire"]
OF_APPROVAL = [event for event in Event if event not in OF_USE]
ROLES = [role for role in access.ROLES if role not in {"owner", "developer"}]


@pytest.fixture
def everyone(owner, developer):
    """One person of each role, a second validator, somebody without a role, and the system itself."""
    found = {"owner": owner, "developer": developer, "system": system_user(), "nobody": make_user("nobody")}
    found |= {role: cases._person(role) for role in ROLES}
    found["other_validator"] = make_user("other_validator", access.VALIDATOR)
    return found | {"stranger": make_user("stranger", access.OWNER)}


def act(version, event: str, person):
    """Do it as this person, who has a session in which the password was just given."""
    acts = {
        "submit": lambda: actions.submit(version, actor=person),
        "start_validation": lambda: actions.start_validation(
            version, actor=person, validator=cases.people().validator, scope=REASON
        ),
        "validate": lambda: actions.validate(version, actor=person, report=REASON),
        "fail_validation": lambda: actions.fail_validation(version, actor=person, report=REASON),
        "put_to_decision": lambda: actions.put_to_decision(version, actor=person),
        "withdraw": lambda: actions.withdraw(version, actor=person, reason=REASON),
        "expire": lambda: use.expire(version, actor=person),
        "supersede": lambda: use.supersede(version, actor=person, by=version),
        "deploy": lambda: use.deploy(version, actor=person, sha256=version.artifact.sha256, environment="production"),
        "restrict": lambda: use.restrict(version, actor=person, reason=REASON),
        "suspend": lambda: use.suspend(version, actor=person, reason=REASON),
        "reinstate": lambda: use.reinstate(version, actor=person, reason=REASON),
        "decommission": lambda: use.decommission(version, actor=person, reason=REASON),
        "retire": lambda: use.retire(version, actor=person, reason=REASON, archive="The records room."),
    }
    if event == "return" and version.case_status != Status.PENDING:
        acts["return"] = lambda: actions.send_back(version, actor=person, reason=REASON)
    if event in acts:
        with signed_in(person):
            return acts[event]()
    return cases.vote(version, person, event)


def tried(version, event: str, person, *columns: str):
    """The state (or states) that it led to, or None where it was refused; what was done is undone."""
    point = transaction.savepoint()
    recorded = AuditEvent.objects.filter(refused=True).count()
    try:
        act(ModelVersion.objects.get(pk=version.pk), event, person)
        led = tuple(map(str, ModelVersion.objects.values_list(*columns).get(pk=version.pk)))
        return led if len(columns) > 1 else led[0]
    except Conflict:
        return None
    except Refused:
        assert AuditEvent.objects.filter(refused=True).count() == recorded + 1, "a refusal is recorded, once"
        return None
    finally:
        transaction.savepoint_rollback(point)


def test_the_tables_are_what_governance_says():
    found = {(str(state), str(event)): str(step.to) for (state, event), step in states.TRANSITIONS.items()}
    assert found == {key: to for key, (to, _who) in SAYS.items()}
    found = {(str(state), str(event)): str(step.to) for (state, event), step in states.REVALIDATION.items()}
    assert found == {key: anew or approval for key, ((approval, anew), _who) in SAYS_ANEW.items()}
    # A suspended version is reinstated after a new assessment: its own test.
    found = {(str(state), str(event)): str(step.to) for (state, event), step in states.USE.items()}
    assert found == {key: to for key, (to, _who) in SAYS_OF_USE.items()} | {("suspended", "reinstate"): "in_use"}


@pytest.mark.parametrize("state", Status)
def test_every_event_by_every_person_in_every_state_of_an_approval(model_version, everyone, state):
    version = cases.bring(model_version, state)
    Decision.objects.update(valid_until=timezone.localdate() - timedelta(days=1))  # so that it may expire
    led = {
        (event, name): to
        for event in OF_APPROVAL
        for name, person in everyone.items()
        if (to := tried(version, event, person, "approval_status"))
    }
    anew = {("submit", "owner"): str(state)} if state in states.STANDING else {}  # its end has come: see below
    assert led == anew | {
        (event, name): SAYS[state, event][0]
        for event in map(str, OF_APPROVAL)
        if (str(state), event) in SAYS
        for name in SAYS[state, event][1]
    }


@pytest.mark.parametrize("state", Anew)
def test_every_event_by_every_person_in_every_state_of_a_revalidation(model_version, everyone, state):
    """Of the case alone; what ends the approval beside it is asked below."""
    version = cases.bring_anew(model_version, state)
    of_case = [event for event in OF_APPROVAL if event not in {"expire", "supersede"}]
    led = {
        (event, name): to
        for event in of_case
        for name, person in everyone.items()
        if (to := tried(version, event, person, "approval_status", "revalidation"))
    }
    assert led == {
        (event, name): SAYS_ANEW[state, event][0]
        for event in map(str, of_case)
        if (str(state), event) in SAYS_ANEW
        for name in SAYS_ANEW[state, event][1]
    }


@pytest.mark.parametrize("state", Use)
def test_every_event_by_every_person_in_every_state_of_a_use(model_version, everyone, state):
    version = cases.bring(model_version, state)
    led = {
        (event, name): to
        for event in OF_USE
        for name, person in everyone.items()
        if (to := tried(version, event, person, "use_status"))
    }
    assert led == {
        (event, name): SAYS_OF_USE[state, event][0]
        for event in OF_USE
        if (str(state), event) in SAYS_OF_USE
        for name in SAYS_OF_USE[state, event][1]
    }


@pytest.mark.parametrize("state", sorted(set(Status) - {Status.APPROVED, Status.CONDITIONS}))
def test_only_what_is_approved_comes_into_use(model_version, everyone, state):
    version = cases.bring(model_version, state)
    assert tried(version, "deploy", everyone["owner"], "use_status") is None


@pytest.mark.parametrize(("tier", "asked"), [(1, 2), (2, 1), (3, 1)])
def test_each_tier_is_decided_by_its_quorum(model_version, tier, asked):
    type(model_version.model).objects.update(tier=tier)
    version = cases.bring(ModelVersion.objects.get(), "approved")
    decision = Decision.objects.get(request__version=version)
    assert [place["role"] for place in decision.quorum["places"]] == {
        1: ["committee_chair", "approver"],
        2: ["approver"],
        3: ["mrm_lead"],
    }[tier]
    assert decision.dossier.votes.count() == asked
    assert decision.quorum["sign_off"]["validator"] == "validator"
