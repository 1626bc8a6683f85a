"""Why a person may not move an approval now: each rule gives a sentence, or None. Nothing is written here."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from registry import access
from registry.approvals import gates
from registry.approvals.states import DECISIONS, Event, after
from registry.models import ModelVersion
from registry.refusals import NotNow


def may_request(version: ModelVersion, actor: AbstractBaseUser, **_: Any) -> str | None:
    return (
        access.may_request_approval(version, actor)
        or _state(version, Event.REQUEST)
        or _blocked(version, knowingly=True)
    )


def may_withdraw(version: ModelVersion, actor: AbstractBaseUser, **_: Any) -> str | None:
    return access.may_request_approval(version, actor) or _state(version, Event.WITHDRAW)


def may_decide(version: ModelVersion, actor: AbstractBaseUser, *, outcome: str = "", **_: Any) -> str | None:
    """Without an outcome: whether this person may decide at all. Rejecting is possible whatever is missing."""
    reason = access.may_decide(version, actor) or _state(version, Event.REJECT)
    if reason is not None or outcome in {"", Event.REJECT}:
        return reason
    plainly = outcome == Event.APPROVE
    return _blocked(version, knowingly=not plainly) or (not_plainly(version) if plainly else None)


def outcomes(version: ModelVersion, actor: AbstractBaseUser) -> dict[str, str | None]:
    """Each outcome with the reason why this person may not choose it now, or None: draws the decision form."""
    return {str(event): may_decide(version, actor, outcome=event) for event in DECISIONS}


def _state(version: ModelVersion, event: Event) -> NotNow | None:
    if after(version.approval_status, event) is not None:
        return None
    return NotNow(f"{version} is {version.get_approval_status_display()}: {_NEEDS[event]}")


_NEEDS = {
    Event.REQUEST: "an approval can be requested for a version in development or rejected.",
    Event.WITHDRAW: "there is no open request to withdraw.",
    Event.REJECT: "there is no open request to decide.",
}


def _blocked(version: ModelVersion, *, knowingly: bool) -> NotNow | None:
    """knowingly: with conditions, past what was accepted for a time."""
    found = [one for one in gates.blockers(version) if not (knowingly and one.allows_conditions)]
    return NotNow(" ".join(f"{blocker.message} {blocker.hint}".strip() for blocker in found)) if found else None


def not_plainly(version: ModelVersion) -> NotNow | None:
    """A criterion that failed, or that a crash left unmeasured, is approved knowingly or not at all."""
    for evidence in gates.evidence(version):
        for word, said in (("fail", "failed"), ("error", "could not measure")):
            if count := evidence.summary.get(word) or 0:
                criteria = "criterion" if count == 1 else "criteria"
                return NotNow(f"{evidence.label} {said} {count} {criteria}: approve with conditions, or reject.")
    return None
