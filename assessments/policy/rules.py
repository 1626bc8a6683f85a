"""Why a person may not draft, propose, sign or end a version of the policy now (guard G11). Nothing is written here.

Whoever validates models has no hand in the limits that the models are validated by (guard G3).
"""

from typing import Any

from assessments.models import Policy, PolicySignature, PolicyVersion
from assessments.policy.states import Event, after
from registry import access, signing
from registry.people import had_role_at
from registry.refusals import NotNow

DRAFTERS = frozenset({access.MRM_LEAD, access.COMMITTEE_CHAIR, access.COMPLIANCE})
HEADS = frozenset({access.MRM_LEAD, access.COMMITTEE_CHAIR})  # one of the signatures is theirs
SIGNERS = HEADS | {access.COMPLIANCE, access.APPROVER}
SIGNATURES = 2


def may_draft(policy: Policy, actor, **_: Any) -> str | None:
    reason = _of_the_house(actor, DRAFTERS, "Drafting a policy")
    if reason is None and (open_one := policy.versions.open().first()):
        return NotNow(f"{open_one} is being written or signed; one is changed at a time.")
    return reason


def may_edit(version: PolicyVersion, actor, **_: Any) -> str | None:
    return _of_the_drafter(version, actor) or _state(version, Event.EDIT)


def may_propose(version: PolicyVersion, actor, **_: Any) -> str | None:
    return _of_the_drafter(version, actor) or _state(version, Event.PROPOSE)


def may_sign(version: PolicyVersion, actor, **_: Any) -> str | None:
    """Two people other than the drafter, of whom one leads model risk management or chairs the committee."""
    reason = _of_the_house(actor, SIGNERS, "Signing a policy")
    if reason is not None:
        return reason
    if version.drafted_by_id == actor.pk:
        return f"You drafted {version}; two other people must sign it."
    if not roles_to_sign(actor, version):
        return f"You were given your role after {version} was proposed; somebody who had it then must sign."
    if (state := _state(version, Event.SIGN)) is not None:
        return state
    if version.signatures.filter(signer=actor.pk).exists():
        return NotNow(f"You signed {version} already; somebody else must be the second.")
    given = standing(version)
    headed = any(signature.role in HEADS for signature in given) or roles_to_sign(actor, version) & HEADS
    if given and not headed:
        first = f"{given[0].signer} signed as {given[0].role.replace('_', ' ')}"
        return f"One of the two signatures is the MRM lead's or the committee chair's; {first}."
    return signing.refusal(actor)


def may_reject(version: PolicyVersion, actor, **_: Any) -> str | None:
    reason = _of_the_house(actor, SIGNERS, "Rejecting a policy")
    if reason is None and version.drafted_by_id == actor.pk:
        return f"You drafted {version}; withdraw it instead."
    return reason or _state(version, Event.REJECT)


def may_withdraw(version: PolicyVersion, actor, **_: Any) -> str | None:
    """The drafter; or an MRM lead, so that an abandoned draft does not stand in the way."""
    if version.drafted_by_id != actor.pk and access.MRM_LEAD not in access.roles_of(actor):
        return f"Only {version.drafted_by}, who drafted {version}, or an MRM lead may withdraw it."
    return _state(version, Event.WITHDRAW)


def roles_to_sign(actor, version: PolicyVersion) -> set[str]:
    """The roles in which this person may sign: held now, and when it was proposed."""
    held = access.roles_of(actor) & SIGNERS
    return {role for role in held if version.proposed_at is None or had_role_at(actor, role, version.proposed_at)}


def role_for(actor, version: PolicyVersion) -> str:
    """In which of their roles a person signs: the one that counts most."""
    order = (access.COMMITTEE_CHAIR, access.MRM_LEAD, access.COMPLIANCE, access.APPROVER)
    return next(role for role in order if role in roles_to_sign(actor, version))


def standing(version: PolicyVersion) -> list[PolicySignature]:
    """The signatures that count: a role that ended takes its signature along, as with votes."""
    given = version.signatures.select_related("signer").order_by("pk")
    return [one for one in given if one.role in access.roles_now(one.signer)]


def _of_the_house(actor, roles: frozenset[str], what: str) -> str | None:
    found = access.roles_of(actor)
    if not found & roles:
        listed = ", ".join(role.replace("_", " ") for role in sorted(roles))
        return f"{what} takes one of these roles: {listed}."
    if access.VALIDATOR in found:
        return "You validate models; the limits that they are validated by are other people's to set."
    return None


def _of_the_drafter(version: PolicyVersion, actor) -> str | None:
    if version.drafted_by_id != actor.pk:
        return f"Only {version.drafted_by}, who drafts {version}, may change it or propose it."
    return _of_the_house(actor, DRAFTERS, "Drafting a policy")


def _state(version: PolicyVersion, event: Event) -> NotNow | None:
    if after(version.state, event) is not None:
        return None
    return NotNow(f"{version} is in the state “{version.get_state_display()}”: this step is not open now.")
