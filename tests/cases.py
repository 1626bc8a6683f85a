"""Bring a version to any state of its case, and of its use, through the real actions and the right people.

    people = cases.people()
    version = cases.bring(version, "approved")          # or cases.bring(version, "suspended")
    cases.vote(version, people.approver, "approve")     # a signature of one more person

The gates of other apps speak as ever: a test that has no assessment takes the fixture `no_gates`, or calls
`cases.without_gates()`.
"""

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from registry import revalidation
from registry.approvals import actions, gates, rules, use
from registry.approvals.states import Event, Status, Use
from registry.models import Decision, ModelVersion, Vote
from registry.roles import system_user
from tests.conftest import make_user
from tests.signing import signed_in

REASON = "Written down for the people who must act on it."
SCOPE = "The whole battery on the hold-out data; not the data pipeline."
REPORT = "Fit for its use, with the limits that the findings name."


@dataclass(frozen=True)
class People:
    """The second line of every case; the first line is the model's own owner and developers."""

    mrm_lead: User
    validator: User
    approver: User
    committee_chair: User
    compliance: User


def people() -> People:
    """Each named after the role; those who are there already are taken."""
    return People(**{name: _person(name) for name in People.__dataclass_fields__})


def _person(role: str) -> User:
    known = get_user_model().objects.filter(username=role).first()
    return known or make_user(role, role)


@contextmanager
def without_gates():
    """The gates and the evidence of all apps fall silent."""
    kept = gates._gates[:], gates._evidence[:]
    gates._gates[:], gates._evidence[:] = [], []
    try:
        yield
    finally:
        gates._gates[:], gates._evidence[:] = kept


def condition(owner: User, **changes: Any) -> dict[str, Any]:
    due = timezone.localdate() + timedelta(days=60)
    return {
        "text": "Measure the selection rates again.",
        "owner": owner,
        "due": due,
        "check_method": "person",
    } | changes


def seen(version: ModelVersion) -> str:
    """The digest of the dossier that is to be signed now."""
    dossier = rules.dossier_of(rules.request_of(version))
    return dossier.sha256 if dossier else ""


def vote(version: ModelVersion, voter: User, outcome: str = "approve", **given: Any) -> Vote:
    """One signature, from a session in which the password was just given."""
    if outcome == Event.CONDITIONS:
        given.setdefault("conditions", [condition(version.model.owner)])
    given = {"comment": REASON, "seen": seen(version)} | given
    with signed_in(voter):
        return actions.vote(version, actor=voter, outcome=outcome, **given)


def voters(version: ModelVersion) -> list[User]:
    """As many of the people as the tier asks for."""
    known, tier = people(), version.model.tier
    return {1: [known.committee_chair, known.approver], 2: [known.approver], 3: [known.mrm_lead]}[tier]


def decide(version: ModelVersion, outcome: str = "approve", **given: Any) -> Decision | None:
    """The votes of the whole quorum; the decision that the last of them made."""
    for voter in voters(version)[: None if outcome in {"approve", "approve_with_conditions"} else 1]:
        vote(_now(version), voter, outcome, **given)
    return Decision.objects.filter(request__version=version).order_by("-pk").first()


def bring(version: ModelVersion, to: str) -> ModelVersion:
    """Walk a draft, or whatever lies on the way, to the state. Approval and use have states of different names."""
    people()  # before the submission: who gains a role later has no say in the case
    if to in Use.values:
        return _bring_use(version, Use(to))
    for state, act in _way(Status(to)):
        version = _now(version)
        if version.approval_status != state:
            act(version)
    return _now(version)


def ask_anew(version: ModelVersion) -> None:
    """Something happened that a new validation must look at."""
    revalidation.open_trigger(_now(version), actor=people().validator, kind="incident", reason=REASON)


def bring_anew(version: ModelVersion, to: str, *, use: str = "", approved: str = "approved") -> ModelVersion:
    """Approve it (and use it), ask for its revalidation, and walk the new case to a state; "" starts none."""
    version = bring(version, use or approved)
    ask_anew(version)
    for state, act in _way(Status(to)) if to else []:
        act(_now(version))
        assert _now(version).revalidation == state
    return _now(version)


def _way(to: Status) -> list:
    known = people()
    steps = {
        Status.SUBMITTED: lambda version: actions.submit(version, actor=version.model.owner),
        Status.IN_VALIDATION: lambda version: actions.start_validation(
            version, actor=known.mrm_lead, validator=known.validator, scope=SCOPE
        ),
        Status.VALIDATED: _validate,
        Status.PENDING: lambda version: actions.put_to_decision(version, actor=known.mrm_lead),
    }
    ends = {
        Status.RETURNED: (1, lambda version: actions.send_back(version, actor=known.mrm_lead, reason=REASON)),
        Status.VALIDATION_FAILED: (2, lambda version: _validate(version, actions.fail_validation)),
        Status.APPROVED: (4, lambda version: decide(version)),
        Status.CONDITIONS: (4, lambda version: decide(version, "approve_with_conditions")),
        Status.REJECTED: (4, lambda version: decide(version, "reject")),
        Status.WITHDRAWN: (0, lambda version: actions.withdraw(version, actor=version.model.owner, reason=REASON)),
        Status.EXPIRED: (4, _expire),
        Status.SUPERSEDED: (4, _supersede),
    }
    if to == Status.DRAFT:
        return []
    if to in steps:
        return list(steps.items())[: list(steps).index(to) + 1]
    length, last = ends[to]
    return [*list(steps.items())[:length], (to, last)]


def _validate(version: ModelVersion, act=actions.validate) -> None:
    lead = rules.request_of(version).validator
    with signed_in(lead):
        act(version, actor=lead, report=REPORT)


def _expire(version: ModelVersion) -> None:
    """Approved, and the day passed: the one thing that no action can do."""
    decision = decide(version)
    Decision.objects.filter(pk=decision.pk).update(valid_until=timezone.localdate() - timedelta(days=1))
    use.expire(_now(version), actor=system_user())


def _supersede(version: ModelVersion) -> None:
    decide(version)
    use.supersede(_now(version), actor=system_user(), by=version)


def deploy(version: ModelVersion, **given: Any):
    given = {"environment": "production", "restrictions": "Only for new customers."} | given
    return use.deploy(version, actor=version.model.owner, sha256=version.artifact.sha256, **given)


def _bring_use(version: ModelVersion, to: Use) -> ModelVersion:
    if version.approval_status not in (Status.APPROVED, Status.CONDITIONS):
        version = bring(version, Status.APPROVED)
    if to == Use.NOT_IN_USE:
        return version
    lead, owner = people().mrm_lead, version.model.owner
    deploy(version)
    acts = {
        Use.RESTRICTED: [lambda: use.restrict(_now(version), actor=lead, reason=REASON)],
        Use.SUSPENDED: [lambda: use.suspend(_now(version), actor=lead, reason=REASON)],
        Use.DECOMMISSIONING: [lambda: use.decommission(_now(version), actor=owner, reason=REASON)],
    }
    acts[Use.RETIRED] = [
        *acts[Use.DECOMMISSIONING],
        lambda: use.retire(_now(version), actor=lead, reason=REASON, archive="The records room."),
    ]
    for act in acts.get(to, []):
        act()
    return _now(version)


@contextmanager
def spoilt(version: ModelVersion):
    """The stored file is another one meanwhile, as whoever holds the store can make it."""
    key = version.artifact.key
    content = b"".join(default_storage.stream(key))
    _put(key, content[:-1] + bytes([content[-1] ^ 1]))
    try:
        yield
    finally:
        _put(key, content)


def _put(key: str, content: bytes) -> None:
    default_storage.delete(key)  # no store replaces a file
    default_storage.store(key, ContentFile(content))


def _now(version: ModelVersion) -> ModelVersion:
    return ModelVersion.objects.select_related("model", "artifact").get(pk=version.pk)
