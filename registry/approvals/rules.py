"""Why a person may not move a case now: each rule gives a sentence, or None. Nothing is written here.

First who it is, then how the version stands, then the guards. Asked before an act, and again in its transaction.
"""

from collections.abc import Callable, Collection
from datetime import date
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from registry import access, revalidation, roles
from registry.approvals import gates, guards, holding, people, quorum
from registry.approvals.gates import Stage
from registry.approvals.states import DECISIONS, OF_APPROVAL, OF_USE, STANDING, Event, Who, ever_by, step
from registry.lineage import lineage, lineages
from registry.models import ApprovalRequest, Dossier, ModelVersion, RoleGrant, Vote
from registry.refusals import NotNow, PasswordNeeded

Person = AbstractBaseUser


def may_submit(version: ModelVersion, actor: Person, **_: Any) -> str | None:
    reason = _may(version, actor, Event.SUBMIT) or _asked_anew(version) or _documented(version)
    return reason or _blocked(version, Stage.SUBMIT)


def _asked_anew(version: ModelVersion) -> NotNow | None:
    """What stands approved is validated again where something asks for it, or its end is near."""
    if version.approval_status not in STANDING or version.revalidation or revalidation.is_due(version):
        return None
    ends = approved_until(version)
    if ends is None:
        return None
    renews = ends - revalidation.RENEW_BEFORE
    return NotNow(
        f"The approval of {version} holds until {ends:%-d %b %Y}, and nothing asks for a new validation before "
        f"{renews:%-d %b %Y}. Where something happened, ask for its revalidation first."
    )


def may_start_validation(
    version: ModelVersion, actor: Person, *, validator: Person | None = None, **_: Any
) -> str | None:
    return (
        _may(version, actor, Event.START_VALIDATION) or _independent(version, actor) or _validates(version, validator)
    )


def may_send_back(version: ModelVersion, actor: Person, **_: Any) -> str | None:
    """By the validating side. The deciders send back with their vote."""
    if version.case_status == ModelVersion.ApprovalStatus.PENDING:
        return NotNow(f"{version} is put to decision: whoever decides sends it back, with a vote.")
    return _may(version, actor, Event.RETURN) or _independent(version, actor)


def may_validate(version: ModelVersion, actor: Person, **_: Any) -> str | None:
    reason = _may(version, actor, Event.VALIDATE) or _independent(version, actor)
    return reason or _blocked(version, Stage.VALIDATE) or guards.signs_in_person(actor)


def may_fail_validation(version: ModelVersion, actor: Person, **_: Any) -> str | None:
    reason = _may(version, actor, Event.FAIL_VALIDATION) or _independent(version, actor)
    return reason or guards.signs_in_person(actor)


def may_put_to_decision(version: ModelVersion, actor: Person, **_: Any) -> str | None:
    reason = _may(version, actor, Event.PUT_TO_DECISION) or _independent(version, actor)
    return reason or _blocked(version, Stage.PUT_TO_DECISION, with_conditions=True)


def may_withdraw(version: ModelVersion, actor: Person, **_: Any) -> str | None:
    return _may(version, actor, Event.WITHDRAW)


def may_vote(version: ModelVersion, actor: Person, *, outcome: str = "", **_: Any) -> str | None:
    """Without an outcome: whether this person may vote at all. Rejecting is possible whatever is missing."""
    reason = has_a_vote(version, actor)
    if reason is None and outcome in {Event.APPROVE, Event.CONDITIONS}:
        plainly = outcome == Event.APPROVE
        reason = _blocked(version, Stage.DECIDE, with_conditions=not plainly)
        reason = reason or (not_plainly(version) if plainly else None)
    return reason or guards.signs_in_person(actor)


def has_a_vote(version: ModelVersion, actor: Person) -> str | None:
    """Why this person may not vote on the case, whatever the vote, and whether or not they could sign now."""
    return _may(version, actor, Event.REJECT) or _decides(version, actor)


def outcomes(version: ModelVersion, actor: Person) -> dict[str, str | None]:
    """Each outcome with the reason why this person may not choose it now, or None: draws the form, whose answer asks
    for the password."""
    reasons = {str(event): may_vote(version, actor, outcome=event) for event in DECISIONS}
    return {event: None if isinstance(reason, PasswordNeeded) else reason for event, reason in reasons.items()}


def of_use(event: Event) -> Callable[..., str | None]:
    """The rule of an event of use that takes no more than the right person and state."""

    def may(version: ModelVersion, actor: Person, **_: Any) -> str | None:
        return _may(version, actor, event)

    return may


def may_deploy(version: ModelVersion, actor: Person, **_: Any) -> str | None:
    reason = _may(version, actor, Event.DEPLOY)
    if reason is not None:
        return reason
    if not gates.excused(version) and (reason := _not_approved(version)):
        return reason
    return holding.conditions_kept(version) or access.not_admitted(version)


def _not_approved(version: ModelVersion) -> NotNow | None:
    if version.approval_status not in STANDING:
        return NotNow(f"{version} is {version.get_approval_status_display()}: only what is approved comes into use.")
    ends = approved_until(version)
    if ends is not None and ends < timezone.localdate():
        return NotNow(f"The approval of {version} ended on {ends:%-d %B %Y}.")
    return None


def approved_until(version: ModelVersion) -> date | None:
    """The last day of the newest approval of the version: as decided, or else by the cadence of its tier. None where it
    never was approved."""
    decision = revalidation.standing_decision(version)
    return revalidation.holds_until(version, decision) if decision else None


def may_expire(version: ModelVersion, actor: Person, *, today: date | None = None, **_: Any) -> str | None:
    reason = _may(version, actor, Event.EXPIRE)
    ends = approved_until(version)
    if reason is None and (ends is None or ends >= (today or timezone.localdate())):
        return NotNow(f"The approval of {version} has not ended.")
    return reason


def may_reinstate(version: ModelVersion, actor: Person, **_: Any) -> str | None:
    """By the deciders of the case that approved it, and only into an approval that stands."""
    case = approved_case(version)
    reason = _may(version, actor, Event.REINSTATE) or (judges(case, actor) if case else None)
    if reason is None and version.approval_status not in STANDING:
        return NotNow(
            f"{version} is {version.get_approval_status_display()}: it needs an approval before it is used again."
        )
    return reason or _blocked(version, Stage.DECIDE, with_conditions=True)


# --- people -----------------------------------------------------------------------------------------
_NAMES = {
    Who.VALIDATOR: "a validator",
    Who.MRM_LEAD: "an MRM lead",
    Who.LEAD_VALIDATOR: "the lead validator of the case",
    Who.SYSTEM: "the system itself",
}
_VERBS = {
    Event.SUBMIT: "submit",
    Event.START_VALIDATION: "start the validation of",
    Event.RETURN: "return",
    Event.VALIDATE: "sign the validation of",
    Event.FAIL_VALIDATION: "fail the validation of",
    Event.PUT_TO_DECISION: "put to decision",
    Event.REJECT: "decide on",
    Event.WITHDRAW: "withdraw",
    Event.EXPIRE: "end the approval of",
    Event.SUPERSEDE: "supersede",
    Event.DEPLOY: "deploy",
    Event.RESTRICT: "restrict",
    Event.SUSPEND: "suspend",
    Event.REINSTATE: "reinstate",
    Event.DECOMMISSION: "decommission",
    Event.RETIRE: "retire",
}


def _may(version: ModelVersion, actor: Person, event: Event) -> str | None:
    """The right person, then the right state."""
    now = step(version, event)
    wanted = now.who if now is not None else ever_by(event)
    case = request_of(version)
    if not any(is_one(who, actor, version, case) for who in wanted):
        names = " or ".join(_named(who, version, case) for who in Who if who in wanted)
        return f"{actor} may not {_VERBS[event]} {version}: that takes {names}."
    if now is None:
        return NotNow(f"{version} is {_standing(version, event)}: nobody can {_VERBS[event]} it now.")
    return None


def is_one(who: Who, actor: Person, version: ModelVersion, case: ApprovalRequest | None) -> bool:
    held = access.roles_of(actor)
    if who == Who.SYSTEM:
        return roles.is_system(actor)
    if not actor.is_active:
        return False
    if who == Who.OWNER:
        return bool(version.model.owner_id == actor.pk)
    if who == Who.LEAD_VALIDATOR:
        return access.VALIDATOR in held and (case is None or case.validator_id == actor.pk)
    if who == Who.DECIDER:
        return bool(held & set(quorum.roles_that_vote(_tier(version, case))))
    return str(who) in held


def request_of(version: ModelVersion) -> ApprovalRequest | None:
    """The open case, or else the last one: there is no newer one than the open one."""
    found: ApprovalRequest | None = version.approval_requests.order_by("-pk").first()
    return found


def approved_case(version: ModelVersion) -> ApprovalRequest | None:
    """The case that the approval rests on; the last one where none of them ended so."""
    decision = revalidation.standing_decision(version)
    return decision.request if decision else request_of(version)


def dossier_of(request: ApprovalRequest | None) -> Dossier | None:
    """The revision that is signed now."""
    return request.dossiers.filter(replaced_at__isnull=True).first() if request else None


def _tier(version: ModelVersion, case: ApprovalRequest | None) -> int:
    return case.tier if case is not None else version.model.tier


def _named(who: Who, version: ModelVersion, case: ApprovalRequest | None) -> str:
    if who == Who.OWNER:
        return f"the owner of {version.model}"
    if who == Who.DECIDER:
        votes = [role.replace("_", " ") for role in quorum.roles_that_vote(_tier(version, case))]
        return f"the role {' or '.join(votes)}"
    return _NAMES[who]


def _standing(version: ModelVersion, event: Event) -> str:
    if event in OF_USE:
        return str(version.get_use_status_display())
    approval = str(version.get_approval_status_display())
    if version.revalidation and event not in OF_APPROVAL:
        return f"{approval}, and its revalidation {version.case_words}"
    return approval


def _independent(version: ModelVersion, actor: Person) -> str | None:
    return guards.independent(actor, lineage(version.model), version.model)


def _validates(version: ModelVersion, validator: Person | None) -> str | None:
    """Asked of the person that an MRM lead assigns; before one is named there is nothing to ask."""
    if validator is None:
        return None
    if access.VALIDATOR not in access.roles_of(validator):
        return NotNow(f"{validator} has not the role validator.")
    reason = _independent(version, validator)
    return NotNow(reason) if reason else None


def _decides(version: ModelVersion, actor: Person) -> str | None:
    """G1 and G11 for whoever votes; and nobody votes twice."""
    case = request_of(version)
    if case is None:
        return NotNow(f"{version} was never submitted.")
    reason = judges(case, actor)
    if reason is None and Vote.objects.filter(dossier=dossier_of(case), voter_id=actor.pk, cleared_at=None).exists():
        reason = NotNow(f"{actor} has voted on this dossier already.")
    return reason


def judges(case: ApprovalRequest, actor: Person) -> str | None:
    """Whether this person's vote counts on the case: the role by now, G1 and G11."""
    return all_judged([case], actor)[case.pk]


def all_judged(
    cases: Collection[ApprovalRequest], actor: Person, grants: list[RoleGrant] | None = None
) -> dict[int, str | None]:
    """{case id: what `judges` says of it}, in as many queries as for one. grants: the actor's, as asked just now."""
    grants = people.grants_of(actor) if grants is None else grants
    parts = lineages(case.version.model for case in cases)
    return {case.pk: _judges(case, actor, grants, parts[case.version.model_id]) for case in cases}


def _judges(case: ApprovalRequest, actor: Person, grants: list[RoleGrant], parts: guards.Parts) -> str | None:
    version = case.version
    grant = people.votes_as(actor, case, grants)
    if grant is None:
        return f"{actor} may not decide on {version}: that takes {_named(Who.DECIDER, version, case)}."
    reason = guards.independent(actor, parts, version.model)
    if reason is None and case.tier in quorum.WITHOUT_LEAD_VALIDATOR:
        why = f"a decision on tier {case.tier} takes other people than its validation."
        reason = guards.not_the_lead_validator(actor, [case.validator_id, case.validated_by_id], why)
    return reason or guards.had_the_role(actor, grant.role, people.since(grant), case.requested_at)


# --- evidence ---------------------------------------------------------------------------------------
def _documented(version: ModelVersion) -> NotNow | None:
    """What an inventory entry must say before anybody validates it."""
    if not version.model.purpose.strip():
        return NotNow(f"{version.model} does not say what it is for. Its owner writes the intended use down first.")
    return None


def _blocked(version: ModelVersion, stage: Stage, *, with_conditions: bool = False) -> NotNow | None:
    return guards.evidence(gates.blockers(version, stage), with_conditions=with_conditions)


def not_plainly(version: ModelVersion) -> NotNow | None:
    """A criterion that failed, or that a crash left unmeasured, is approved knowingly or not at all."""
    for evidence in gates.evidence(version):
        for word, said in (("fail", "failed"), ("error", "could not measure")):
            if count := evidence.summary.get(word) or 0:
                criteria = "criterion" if count == 1 else "criteria"
                return NotNow(f"{evidence.label} {said} {count} {criteria}: approve with conditions, or reject.")
    return None
