"""Random people do random things in random order: nothing is ever approved without its quorum, evidence, fresh
signatures and separated people.

What must hold is worked out here anew, from a ledger of what really happened, and not by asking the guards.
"""

import hashlib
import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry import access
from registry.approvals import actions, gates
from registry.models import Decision, MLModel, ModelVersion, RoleGrant, Vote
from registry.refusals import BadInput, Conflict, Refused, Unavailable
from tests import cases
from tests.cases import REASON
from tests.conftest import give_roles, make_user
from tests.signing import signed_in

pytestmark = pytest.mark.django_db

# Who plays: two of the roles that matter most, and people who are both.
PLAYERS = {
    "owner": [access.OWNER, access.APPROVER],
    "developer": [access.DEVELOPER, access.VALIDATOR],
    "lead": [access.MRM_LEAD],
    "other_lead": [access.MRM_LEAD, access.APPROVER],
    "validator": [access.VALIDATOR],
    "both": [access.VALIDATOR, access.APPROVER, access.COMMITTEE_CHAIR],
    "approver": [access.APPROVER],
    "chair": [access.COMMITTEE_CHAIR],
    "compliance": [access.COMPLIANCE],
    "admin": [access.ADMIN],
    "nobody": [],
}
NAMES = sorted(PLAYERS)
ROLES_THAT_DECIDE = {1: {"approver", "committee_chair", "compliance"}, 2: {"approver", "committee_chair", "compliance"}}
ROLES_THAT_DECIDE[3] = {"mrm_lead"}
MOVES = ["submit", "start", "return", "validate", "fail", "put", "withdraw"]
VOTES = ["approve", "approve_with_conditions", "reject", "return"]
UPSETS = ["evidence", "blocker", "purpose", "join", "part", "end role", "gain role", "spoil"]

person = st.sampled_from(NAMES)
move = st.tuples(st.sampled_from(MOVES), person)
vote = st.tuples(st.sampled_from(VOTES + ["approve"] * 4), person, st.sampled_from(["fresh"] * 5 + ["stale", "token"]))
upset = st.tuples(st.sampled_from(UPSETS), person)
# Most steps are what the right person would do next: else hardly any run comes near a decision.
onward = st.just(("onward",))
steps = st.lists(st.one_of(onward, onward, onward, vote, vote, move, upset), min_size=6, max_size=24)


@dataclass
class Ledger:
    """What really happened, kept beside the database."""

    version: int
    people: dict
    evidence: list = field(default_factory=list)
    blocked: bool = False
    spoilt: bool = False
    lineage: set = field(default_factory=set)  # names
    roles: dict = field(default_factory=dict)  # {name: {role: since}}, those in force
    submitted_at: object = None

    def now(self) -> ModelVersion:
        return ModelVersion.objects.get(pk=self.version)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tier=st.sampled_from([1, 2, 3]), script=steps)
def test_no_path_leads_to_approval_without_all_that_it_takes(model_version, tier, script):
    _walk(model_version, tier, script)


@pytest.mark.long
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tier=st.sampled_from([1, 2, 3]), script=steps)
def test_of_many_paths_none_leads_to_approval_without_all_that_it_takes(model_version, tier, script):
    _walk(model_version, tier, script)


def _walk(model_version, tier: int, script) -> None:
    """The steps one after the other; each leaves what may be."""
    point = transaction.savepoint()
    with ExitStack() as undone:
        undone.callback(transaction.savepoint_rollback, point)
        undone.callback(gates._gates.clear)
        undone.callback(gates._evidence.clear)
        ledger = _set_up(model_version, tier)
        for step in script:
            before = ledger.now().approval_status
            try:
                _do(step, ledger, undone)
            except (Refused, Conflict, BadInput, Unavailable):
                assert ledger.now().approval_status == before, "what is refused changes nothing"
            _check(ledger, before)


def _set_up(version, tier: int) -> Ledger:
    MLModel.objects.update(tier=tier)
    people = {name: _player(name, roles) for name, roles in PLAYERS.items()}
    since = timezone.now() - timedelta(days=300)
    roles = {name: dict.fromkeys(held, since) for name, held in PLAYERS.items()}
    ledger = Ledger(version.pk, people, roles=roles, lineage={"owner", "developer"})
    gates.evidence_source(
        lambda _version: [gates.Evidence("run", n, f"Run {n}", f"{n:064x}", {}) for n in ledger.evidence]
    )
    gates.gate(lambda _version: [gates.Blocker("held", "Something stands in the way.")] if ledger.blocked else [])
    return ledger


def _player(name: str, roles: list[str]):
    from django.contrib.auth import get_user_model

    user = get_user_model().objects.filter(username=name).first() or make_user(name)
    held = set(user.role_grants.values_list("role", flat=True))
    give_roles(user, *(role for role in roles if role not in held))
    return user


def _do(step: tuple, ledger: Ledger, undone: ExitStack) -> None:
    kind, *rest = step
    if kind == "onward":
        _onward(ledger)
    elif kind in UPSETS:
        _upset(kind, rest[0], ledger, undone)
    elif len(rest) == 2:
        _vote(ledger, kind, rest[0], rest[1])
    else:
        _move(ledger, kind, rest[0])


def _onward(ledger: Ledger) -> None:
    """What the right person would do next."""
    version = ledger.now()
    following = {
        "draft": lambda: _move(ledger, "submit", "owner"),
        "returned": lambda: _move(ledger, "submit", "owner"),
        "submitted": lambda: _move(ledger, "start", "lead"),
        "in_validation": lambda: _move(ledger, "validate", "validator"),
        "validated": lambda: _move(ledger, "put", "lead"),
        "pending_approval": lambda: _next_vote(ledger),
    }
    following.get(version.approval_status, lambda: None)()


def _next_vote(ledger: Ledger) -> None:
    tier = ledger.now().model.tier
    turns = {1: ["chair", "approver", "compliance"], 2: ["approver", "compliance"], 3: ["other_lead", "lead"]}[tier]
    voted = set(Vote.objects.filter(cleared_at=None).values_list("voter__username", flat=True))
    _vote(ledger, "approve", next((name for name in turns if name not in voted), turns[0]), "fresh")


def _move(ledger: Ledger, kind: str, name: str) -> None:
    version, actor = ledger.now(), ledger.people[name]
    with signed_in(actor):
        if kind == "submit":
            ledger.submitted_at = actions.submit(version, actor=actor).requested_at
            ledger.lineage.add(name)
        elif kind == "start":
            actions.start_validation(version, actor=actor, validator=ledger.people["validator"], scope=REASON)
        elif kind in {"return", "withdraw"}:
            {"return": actions.send_back, "withdraw": actions.withdraw}[kind](version, actor=actor, reason=REASON)
        elif kind == "put":
            actions.put_to_decision(version, actor=actor)
        else:
            {"validate": actions.validate, "fail": actions.fail_validation}[kind](version, actor=actor, report=REASON)


def _vote(ledger: Ledger, outcome: str, name: str, how: str) -> None:
    version, voter = ledger.now(), ledger.people[name]
    given = {"comment": REASON, "seen": cases.seen(version)}
    if outcome == "approve_with_conditions":
        given["conditions"] = [cases.condition(voter)]
    with signed_in(voter) as request:
        if how == "stale":
            request.session["authenticated_at"] = (timezone.now() - timedelta(hours=1)).isoformat()
        if how == "token":
            request.auth = object()
        actions.vote(version, actor=voter, outcome=outcome, **given)
        assert how == "fresh", "only a session whose person just gave the password signs"


def _upset(kind: str, name: str, ledger: Ledger, undone: ExitStack) -> None:
    version, user = ledger.now(), ledger.people[name]
    if kind == "evidence":
        ledger.evidence.append(len(ledger.evidence) + 1)
    elif kind == "blocker":
        ledger.blocked = not ledger.blocked
    elif kind == "purpose":
        MLModel.objects.update(purpose=f"Use {timezone.now().isoformat()}")
    elif kind == "join":
        version.model.developers.add(user)
        ledger.lineage.add(name)
    elif kind == "part":
        version.model.assignments.create(user=user, part="owner", assigned_by=user, until=timezone.now())
        ledger.lineage.add(name)
    elif kind == "end role":
        RoleGrant.objects.filter(user=user, state="in_force").update(ended_at=timezone.now(), state="ended")
        ledger.roles[name] = {}
    elif kind == "gain role":
        _gain(name, user, ledger)
    elif not ledger.spoilt:
        undone.enter_context(cases.spoilt(version))
        ledger.spoilt = True


def _gain(name: str, user, ledger: Ledger) -> None:
    """A role from now on: it counts for cases that are submitted later."""
    if access.APPROVER not in ledger.roles[name]:
        give_roles(user, access.APPROVER)
        now = timezone.now()
        user.role_grants.filter(role=access.APPROVER, state="in_force").update(granted_at=now)
        ledger.roles[name] = ledger.roles[name] | {access.APPROVER: now}


def _check(ledger: Ledger, before: str) -> None:
    """Of a version that this step approved."""
    version = ledger.now()
    if before == version.approval_status or version.approval_status not in {"approved", "approved_with_conditions"}:
        return
    assert before == "pending_approval"
    decision = Decision.objects.get(
        request__version=version, request__closed_at__isnull=False, outcome__startswith="app"
    )
    case, dossier = decision.request, decision.dossier
    votes = list(dossier.votes.filter(cleared_at=None, outcome__startswith="approve").select_related("voter"))
    counted = {vote.voter.username: vote.role for vote in votes if _may_decide(vote, case, ledger)}
    _check_quorum(case.tier, set(counted.items()))
    validated_by = case.validated_by.username
    assert validated_by not in ledger.lineage
    if case.tier in {1, 3}:
        assert {place["voter"] for place in decision.quorum["places"]}.isdisjoint({validated_by})
    assert {place["voter"] for place in decision.quorum["places"]} <= set(counted)
    _check_evidence(dossier, version, ledger)
    assert decision.valid_until > timezone.localdate()


def _may_decide(vote: Vote, case, ledger: Ledger) -> bool:
    """By the ledger: not of the lineage, in a role held since before the submission, with the password just given."""
    name = vote.voter.username
    since = ledger.roles[name].get(vote.role)
    assert vote.authenticated_at is not None
    assert vote.cast_at - vote.authenticated_at < timedelta(minutes=15)
    return name not in ledger.lineage and since is not None and since <= ledger.submitted_at


def _check_quorum(tier: int, counted: set[tuple[str, str]]) -> None:
    assert counted
    assert all(role in ROLES_THAT_DECIDE[tier] for _name, role in counted)
    if tier == 1:
        assert len({name for name, _role in counted}) >= 2
        assert {role for _name, role in counted} & {"committee_chair", "compliance"}


def _check_evidence(dossier, version, ledger: Ledger) -> None:
    """The dossier that was signed is what was true at the decision, and its file was the one on the store."""
    assert not ledger.blocked
    assert not ledger.spoilt
    assert [found["id"] for found in dossier.document["evidence"]] == ledger.evidence
    assert dossier.document["intended_use"] == version.model.purpose
    assert set(dossier.document["model"]["developers"]) == set(
        version.model.developers.values_list("username", flat=True)
    )
    written = json.dumps(dossier.document, sort_keys=True, separators=(",", ":")).encode()
    assert hashlib.sha256(written).hexdigest() == dossier.sha256


def test_the_right_people_get_there(model_version):
    """So that the property above is not true of nothing: going onward alone leads to an approval in each tier."""
    for tier in (1, 2, 3):
        point = transaction.savepoint()
        ledger = _set_up(model_version, tier)
        for _ in range(7):
            before = ledger.now().approval_status
            _onward(ledger)
            _check(ledger, before)
        assert ledger.now().approval_status == "approved"
        transaction.savepoint_rollback(point)
