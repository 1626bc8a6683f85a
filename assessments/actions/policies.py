"""Change what models are held to: draft, edit, propose; two other people sign, and the version takes effect."""

from copy import deepcopy
from datetime import datetime
from typing import Any

from django.db import IntegrityError
from django.db.models import Max
from django.utils import timezone

from assessments.models import Policy, PolicyVersion
from assessments.policies import sha256
from assessments.policy import rules
from assessments.policy.comparing import compare
from assessments.policy.document import checked
from assessments.policy.states import Event, after
from registry import access, signing
from registry.action import Done, action
from registry.independence import SECOND_LINE
from registry.notifying import having_role, notify
from registry.refusals import BadInput, Conflict

State = PolicyVersion.State
SHORTEST_REASON = 10  # characters
HELD_TO_IT = (access.OWNER, access.DEVELOPER, *sorted(SECOND_LINE))


@action("policy.draft", rule=rules.may_draft)
def draft(
    policy: Policy, *, actor, base: PolicyVersion | None = None, document: Any = None, rationale: str = ""
) -> Done:
    """A new version, with the document that is given, or that of `base`, or that of the newest approved version."""
    number = (policy.versions.aggregate(last=Max("number"))["last"] or 0) + 1
    base = base or _last(policy)
    if base is None and document is None:
        raise BadInput(f"{policy} has no version to start from.", hint="Give a document.", field="document")
    if base is not None and base.policy_id != policy.pk:
        raise BadInput(f"{base} is of another policy.", field="base")
    said = checked(deepcopy(base.document) if document is None else document, number=number, name=policy.name)
    try:
        version = policy.versions.create(
            number=number, document=said, sha256=sha256(said), rationale=rationale.strip(), drafted_by=actor
        )
    except IntegrityError as error:
        raise Conflict(f"Somebody else has just drafted a version of {policy}.") from error
    detail = {"sha256": version.sha256, "from": base.number if base else None}
    return Done(version, summary=f"Drafted {version}", detail=detail)


@action("policy.edit", rule=rules.may_edit)
def edit(version: PolicyVersion, *, actor, document: Any = None, rationale: str | None = None) -> Done:
    """Change what a draft says. Raises BadInput with everything that is wrong with the document."""
    was = version.document
    if document is not None:
        version.document = checked(document, number=version.number, name=version.policy.name)
        version.sha256 = sha256(version.document)
    if rationale is not None:
        version.rationale = rationale.strip()
    version.save(update_fields=["document", "sha256", "rationale"])
    told = compare(was, version.document).told
    return Done(version, summary=f"Edited {version}: {told}", detail={"sha256": version.sha256})


@action("policy.propose", rule=rules.may_propose)
def propose(version: PolicyVersion, *, actor, rationale: str | None = None, effective_from: datetime | None = None):
    """Ask for two signatures. From now on nobody changes it. effective_from: at once with the last one where None."""
    version.rationale = version.rationale if rationale is None else rationale.strip()
    if len(version.rationale) < SHORTEST_REASON:
        raise BadInput(
            "A policy needs a rationale.",
            hint=f"Write at least {SHORTEST_REASON} characters: why it differs from the version before.",
            code="rationale_required",
            field="rationale",
        )
    document = checked(version.document, number=version.number, name=version.policy.name)
    last = _last(version.policy)
    if last is not None and not compare(last.document, document):
        raise BadInput(f"It says nothing else than {last}.", hint="Change a limit first.", field="document")
    _check_start(last, effective_from)
    version.state, version.proposed_at, version.wanted_from = State.PROPOSED, timezone.now(), effective_from
    version.save(update_fields=["state", "proposed_at", "wanted_from", "rationale"])
    told = compare(last.document, document).told if last else "the first"
    notify(
        having_role(*rules.SIGNERS, but=[actor]),
        f"policy.proposed:{version.pk}",
        f"{version} waits for signatures",
        f"{actor} proposed it: {told}. {version.rationale}",
        address(version),
    )
    detail = {"sha256": version.sha256, "effective_from": effective_from.isoformat() if effective_from else None}
    return Done(version, summary=f"Proposed {version}: {told}", detail=detail)


@action("policy.sign", rule=rules.may_sign, at_signing=True)
def sign(version: PolicyVersion, *, actor, comment: str = "") -> Done:
    """Approve it in one's name. The second signature puts it in force, at once or from the day it was proposed for."""
    if sha256(version.document) != version.sha256:
        raise Conflict(f"The document of {version} is not the one that was proposed: its digest differs.")
    given = version.signatures.create(
        signer=actor,
        role=rules.role_for(actor, version),
        comment=comment.strip(),
        sha256=version.sha256,
        authenticated_at=signing.authenticated_at(),
    )
    detail: dict[str, Any] = {"role": given.role, "sha256": version.sha256}
    summary = f"Signed {version}"
    if len(rules.standing(version)) >= rules.SIGNATURES:
        _put_in_force(version)
        tell_in_force(version, f"policy.in_force:{version.pk}:signed")
        detail["effective_from"] = version.effective_from.isoformat()
        summary = f"Signed {version}, in force from {version.effective_from:%-d %b %Y %H:%M} UTC"
    return Done(version, summary=summary, detail=detail)


@action("policy.reject", rule=rules.may_reject)
def reject(version: PolicyVersion, *, actor, reason: str) -> Done:
    """It will not take effect; another draft may begin with its document."""
    return _end(version, actor, Event.REJECT, reason)


@action("policy.withdraw", rule=rules.may_withdraw)
def withdraw(version: PolicyVersion, *, actor, reason: str) -> Done:
    """Take a draft or a proposal back."""
    return _end(version, actor, Event.WITHDRAW, reason)


def address(version: PolicyVersion) -> str:
    """Of its page, from the root of this site."""
    return f"/policies/{version.policy.slug}/v{version.number}/"


def tell_in_force(version: PolicyVersion, key: str) -> None:
    """Those who build, judge and decide: from then on everything is held to it."""
    starts = f"{version.effective_from:%-d %b %Y %H:%M} UTC"
    now = version.effective_from <= timezone.now()
    said = f"{version} is in force" if now else f"{version} was signed and takes effect on {starts}"
    body = f"In force from {starts}. {version.rationale}".strip()
    notify(having_role(*HELD_TO_IT), key, said, body, address(version))


def _put_in_force(version: PolicyVersion) -> None:
    last, now = _last(version.policy), timezone.now()
    version.approved_at = now
    version.effective_from = max(now, version.wanted_from or now)
    if last is not None:
        if last.effective_from >= version.effective_from:
            starts = f"{last.effective_from:%-d %b %Y %H:%M} UTC"
            raise Conflict(f"{last} takes effect at {starts}, after this one: reject it, and propose it anew.")
        last.effective_to = version.effective_from
        last.save(update_fields=["effective_to"])
    version.state = State(after(version.state, Event.APPROVE) or version.state)
    version.save(update_fields=["state", "approved_at", "effective_from"])


def _end(version: PolicyVersion, actor, event: Event, reason: str) -> Done:
    reason = reason.strip()
    if len(reason) < SHORTEST_REASON:
        hint = f"Write at least {SHORTEST_REASON} characters, for the people who worked on it."
        raise BadInput("This needs a reason.", hint=hint, code="reason_required", field="reason")
    version.state = State(after(version.state, event) or version.state)
    version.ended_by, version.ended_at, version.ended_because = actor, timezone.now(), reason
    version.save(update_fields=["state", "ended_by", "ended_at", "ended_because"])
    past = {Event.REJECT: "Rejected", Event.WITHDRAW: "Withdrew"}[event]
    return Done(version, summary=f"{past} {version}", detail={"reason": reason})


def _check_start(last: PolicyVersion | None, effective_from: datetime | None) -> None:
    if effective_from is None:
        return
    if effective_from <= timezone.now():
        hint = "Leave it empty to let it take effect with the last signature."
        raise BadInput("It cannot take effect in the past.", hint=hint, field="effective_from")
    if last is not None and effective_from <= last.effective_from:
        starts = f"{last.effective_from:%-d %b %Y %H:%M} UTC"
        raise BadInput(f"{last} takes effect only at {starts}.", hint="Choose a later time.", field="effective_from")


def _last(policy: Policy) -> PolicyVersion | None:
    """The approved version that no other one follows yet; it may take effect only later."""
    found: PolicyVersion | None = policy.versions.filter(state=State.APPROVED, effective_to__isnull=True).first()
    return found
