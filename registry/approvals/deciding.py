"""Votes on a dossier, and the decision that the last of them makes."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from registry import access
from registry import signing as signatures
from registry.action import Done, action
from registry.approvals import dossiers, guards, people, quorum, rehashing, rules, telling
from registry.approvals.states import Event
from registry.lineage import lineage
from registry.models import ApprovalRequest, Condition, Decision, Dossier, ModelVersion, RoleGrant, Vote
from registry.refusals import BadInput, Conflict, Refused
from registry.tiers.matrix import cadence_months

APPROVING = {Vote.Outcome.APPROVE, Vote.Outcome.CONDITIONS}


class Stale(Exception):
    """The dossier is no longer true; found under the lock, told after the transaction was taken back."""

    def __init__(self, dossier: Dossier, parts: list[str]) -> None:
        super().__init__(dossier)
        self.dossier, self.parts = dossier, parts


@contextmanager
def signing(version: ModelVersion, *, actor: User, outcome: str, **given: Any) -> Iterator[dict[str, Any]]:
    """Read the stored file to its end before an approving vote (G9); and where the dossier turns out to be stale, keep
    the new revision, although the vote is refused (G12)."""
    if outcome in APPROVING and (trouble := rehashing.changed(version)):
        raise Refused(f"{trouble.message} {version} is not approved on it.", code="artifact_changed")
    try:
        yield {"outcome": outcome, **given}
    except Stale as stale:
        parts = ", ".join(stale.parts)
        fresh = revise(version, actor=actor, because=f"Changed since it was frozen: {parts}.")
        raise Conflict(
            f"What the dossier of {version} rests on changed ({parts}): revision {fresh.revision} takes its place, and "
            "all votes are void. Look at it, then vote.",
            code="dossier_changed",
        ) from stale


def _may_revise(version: ModelVersion, _actor: User, **_: Any) -> str | None:
    """Nobody chooses to: it is a fact, which any vote may run into."""
    return None


@action("approval.revise_dossier", rule=_may_revise)
def revise(version: ModelVersion, *, actor: User, because: str) -> Done:
    """Put a new revision of what is true now in the place of a stale one."""
    dossier = rules.dossier_of(rules.request_of(version))
    if dossier is None or dossier.request.closed_at is not None:
        raise Conflict(f"{version} is not put to decision.")
    if not dossiers.stale(dossier):
        return Done(dossier, about=version, summary=f"The dossier of {version} stands")
    fresh = dossiers.replace(dossier, actor, because)
    telling.pending(fresh, actor, because)
    detail = {"revision": fresh.revision, "sha256": fresh.sha256, "because": because, "replaces": dossier.sha256}
    return Done(fresh, about=version, summary=f"Revision {fresh.revision} of the dossier of {version}", detail=detail)


def cast(
    case: ApprovalRequest,
    actor: User,
    outcome: str,
    comment: str,
    conditions: list[dict[str, Any]],
    valid_until: date | None,
    seen: str,
) -> Vote:
    """Sign the dossier, under the lock on the version."""
    _check_form(case, outcome, comment, conditions, valid_until)
    dossier = rules.dossier_of(case)
    if dossier is None:
        raise Conflict(f"{case.version} has no dossier to sign.")
    if parts := dossiers.stale(dossier):
        raise Stale(dossier, parts)
    if seen != dossier.sha256:
        raise Conflict(
            f"You read another revision of the dossier of {case.version} than the one to sign: {dossier.sha256[:12]}, "
            f"revision {dossier.revision}. Look at it, then vote.",
            code="another_dossier",
        )
    return sign(
        case,
        dossier,
        actor,
        outcome=outcome,
        comment=comment,
        conditions=[_as_json(condition) for condition in conditions],
        valid_until=(valid_until or latest_day(case.tier)) if outcome in APPROVING else None,
    )


def sign(case: ApprovalRequest, dossier: Dossier, actor: User, **said: Any) -> Vote:
    """The signature with what it rests on: authority, conflict check, and when the password was given."""
    grant = _grant(case, actor)
    made: Vote = dossier.votes.create(
        voter=actor,
        role=grant.role,
        grant=grant,
        conflict_check=_compared(case, actor),
        authenticated_at=signatures.authenticated_at(),
        **said,
    )
    return made


def reasoned(comment: str) -> str:
    comment = comment.strip()
    if len(comment) < guards.SHORTEST:
        raise BadInput(
            "A vote needs a reason.",
            hint=f"Write at least {guards.SHORTEST} characters, for the people who must act on it.",
            code="note_required",
            field="comment",
        )
    return comment


def ended_by(case: ApprovalRequest, cast: Vote) -> Event | None:
    """What the case comes to with this vote; None while the quorum waits for more."""
    if cast.outcome not in APPROVING:
        return Event(cast.outcome)
    votes = counted(cast.dossier)
    if quorum.filled(case.tier, votes) is None:
        return None
    conditions = any(vote.outcome == Vote.Outcome.CONDITIONS for vote in votes)
    return Event.CONDITIONS if conditions else Event.APPROVE


def counted(dossier: Dossier) -> list[Vote]:
    """The approving votes of people who could still cast them: a role that ended takes its vote along."""
    cast = dossier.votes.filter(cleared_at=None, outcome__in=APPROVING).select_related("voter", "dossier__request")
    return [vote for vote in cast if not_counted(vote) is None]


def not_counted(vote: Vote) -> str | None:
    """Why an approving vote does not count towards the quorum now, or None."""
    case = vote.dossier.request
    if vote.role not in access.roles_of(vote.voter):
        return f"{vote.voter} no longer has the role {vote.role.replace('_', ' ')}."
    return rules.judges(case, vote.voter)


def decide(case: ApprovalRequest, last: Vote, outcome: Event) -> Decision:
    """Write down what was decided, by whom, until when, and under which conditions."""
    votes = counted(last.dossier) if outcome != Event.REJECT else [last]
    places = quorum.filled(case.tier, votes) if outcome != Event.REJECT else {"against": last}
    decision: Decision = Decision.objects.create(
        request=case,
        dossier=last.dossier,
        outcome=str(outcome),
        note="\n\n".join(f"{vote.voter}: {vote.comment}" for vote in votes) if len(votes) > 1 else last.comment,
        valid_until=min(vote.valid_until for vote in votes if vote.valid_until) if outcome != Event.REJECT else None,
        quorum=quorum.told(case.tier, places or {}) | {"sign_off": _sign_off(case)},
        decided_by=last.voter,
    )
    wanted = [condition for vote in votes for condition in vote.conditions] if outcome == Event.CONDITIONS else []
    Condition.objects.bulk_create(
        Condition(
            decision=decision,
            number=number,
            text=condition["text"],
            owner_id=condition["owner_id"],
            due=date.fromisoformat(condition["due"]),
            check_method=condition["check_method"],
            criterion=condition["criterion"],
        )
        for number, condition in enumerate(wanted, start=1)
    )
    return decision


def latest_day(tier: int, today: date | None = None) -> date:
    """The last day for which an approval of the tier holds without a new review."""
    today = today or timezone.localdate()
    months = today.month - 1 + cadence_months(tier)
    year, month = today.year + months // 12, months % 12 + 1
    for day in (today.day, 30, 29, 28):
        try:
            return date(year, month, day)
        except ValueError:
            continue
    raise AssertionError(f"{year}-{month} has no 28th.")


def detail_of(vote: Vote) -> dict[str, Any]:
    return {
        "outcome": vote.outcome,
        "comment": vote.comment,
        "role": vote.role,
        "dossier": vote.dossier.sha256,
        "revision": vote.dossier.revision,
        "conditions": vote.conditions,
        "valid_until": vote.valid_until.isoformat() if vote.valid_until else None,
        "authenticated_at": vote.authenticated_at.isoformat() if vote.authenticated_at else None,
        "conflict_check": vote.conflict_check,
    }


def detail_of_end(decision: Decision | None, was: str, to: str) -> dict[str, Any]:
    told: dict[str, Any] = {"from": was, "to": to}
    if decision is not None:
        told |= {
            "decision": decision.pk,
            "outcome": decision.outcome,
            "quorum": decision.quorum,
            "valid_until": decision.valid_until.isoformat() if decision.valid_until else None,
        }
    return told


def _grant(case: ApprovalRequest, actor: User) -> RoleGrant:
    """The authority of the vote, locked: nobody ends it before this is written down."""
    found = people.votes_as(actor, case)
    grants = RoleGrant.objects.in_force().select_for_update()
    held: RoleGrant | None = grants.filter(pk=found.pk).first() if found else None
    if held is None:
        raise Refused(f"{actor} no longer has a role that votes on {case.version}.")
    return held


def _compared(case: ApprovalRequest, actor: User) -> dict[str, Any]:
    """What the conflict check looked at (G1), kept with the signature."""
    parts = lineage(case.version.model)
    names = dict(User.objects.filter(pk__in=parts).values_list("pk", "username"))
    return {
        "lineage": {names[key]: sorted(set(had)) for key, had in sorted(parts.items())},
        "lead_validator": case.validator.get_username() if case.validator else None,
        "found": "none of these" if actor.pk not in parts else sorted(set(parts[actor.pk])),
    }


def _sign_off(case: ApprovalRequest) -> dict[str, Any] | None:
    if case.validated_by is None or case.validated_at is None:
        return None
    return {"validator": case.validated_by.get_username(), "at": case.validated_at.isoformat()}


def _check_form(
    case: ApprovalRequest, outcome: str, comment: str, conditions: list[dict[str, Any]], valid_until: date | None
) -> None:
    if outcome not in Vote.Outcome.values:
        known = ", ".join(Vote.Outcome.values)
        raise BadInput(f"{outcome!r} is not an outcome.", hint=f"Choose one of {known}.", field="outcome")
    reasoned(comment)
    if outcome == Vote.Outcome.CONDITIONS and (wrong := guards.measurable(conditions, timezone.localdate())):
        raise BadInput(wrong, hint="Give text, owner, due date and check method.", field="conditions")
    if outcome != Vote.Outcome.CONDITIONS and conditions:
        raise BadInput(
            "This outcome has no conditions.", hint="Approve with conditions, or leave them out.", field="conditions"
        )
    _check_date(case, outcome, valid_until)


def _check_date(case: ApprovalRequest, outcome: str, valid_until: date | None) -> None:
    if outcome not in APPROVING:
        if valid_until is not None:
            raise BadInput("Only an approval has an end date.", hint="Leave the date empty.", field="valid_until")
        return
    if valid_until is None:
        return
    if valid_until <= timezone.localdate():
        raise BadInput("The approval would have ended already.", hint="Give a future date.", field="valid_until")
    latest = latest_day(case.tier)
    if valid_until > latest:
        raise BadInput(
            f"An approval of tier {case.tier} holds for {cadence_months(case.tier)} months at most.",
            hint=f"Give a date up to {latest.isoformat()}.",
            field="valid_until",
        )


def _as_json(condition: dict[str, Any]) -> dict[str, Any]:
    return {
        "text": condition["text"].strip(),
        "owner": condition["owner"].get_username(),
        "owner_id": condition["owner"].pk,
        "due": condition["due"].isoformat(),
        "check_method": condition["check_method"],
        "criterion": condition.get("criterion") or {},
    }
