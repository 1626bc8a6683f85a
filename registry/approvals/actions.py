"""The case of a version, step by step, from its submission to the vote that decides it.

Each step moves the version by compare-and-swap under the lock on its row, and asks its rule again under that lock: of
two people at the same instant one acts, and the other is told.
"""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from registry import roles
from registry.action import Done, action
from registry.approvals import deciding, dossiers, gates, rules, telling, use
from registry.approvals.guards import SHORTEST
from registry.approvals.moving import close, move, open_case
from registry.approvals.states import RUNNING, STANDING, Event
from registry.models import ModelVersion
from registry.refusals import BadInput


@action("approval.submit", rule=rules.may_submit, at_signing=True)
def submit(version: ModelVersion, *, actor: User, note: str = "") -> Done:
    """Open a case: the version is handed to the validating side, with the evidence as it is now.

    Where it stands approved that is its revalidation: the approval holds until the case is decided.
    """
    move(version, Event.SUBMIT)
    note = note.strip()
    case = version.approval_requests.create(
        requested_by=actor, note=note, tier=version.model.tier, evidence=_evidence(version)
    )
    telling.submitted(case, actor)
    detail = {"note": note, "tier": case.tier, "evidence": case.evidence}
    what = "revalidation; its approval stands meanwhile" if version.revalidation else "validation"
    return Done(case, about=version, summary=f"Submitted {version} for {what}", detail=detail)


@action("approval.start_validation", rule=rules.may_start_validation, at_signing=True)
def start_validation(version: ModelVersion, *, actor: User, validator: User, scope: str = "") -> Done:
    """Assign the lead validator, and say what is validated."""
    case = open_case(version)
    move(version, Event.START_VALIDATION)
    case.validator, case.scope = validator, _told(scope, "scope", "What is validated, and what is not?")
    case.save(update_fields=["validator", "scope"])
    telling.assigned(case, actor)
    detail = {"validator": validator.get_username(), "scope": case.scope}
    return Done(case, about=version, summary=f"{validator} validates {version}", detail=detail)


@action("approval.return", rule=rules.may_send_back, at_signing=True)
def send_back(version: ModelVersion, *, actor: User, reason: str = "") -> Done:
    """End the case: the owner answers the gaps, and submits anew."""
    reason = _told(reason, "reason", "Name the gaps that the owner must close.")
    case = open_case(version)
    move(version, Event.RETURN)
    close(case)
    telling.returned(case, actor, reason)
    return Done(case, about=version, summary=f"Returned {version}", detail={"reason": reason})


@action("approval.validate", rule=rules.may_validate, at_signing=True)
def validate(version: ModelVersion, *, actor: User, report: str = "") -> Done:
    """The lead validator's signature under the validation report."""
    return _sign_validation(version, Event.VALIDATE, actor, report, f"Validated {version}")


@action("approval.fail_validation", rule=rules.may_fail_validation, at_signing=True)
def fail_validation(version: ModelVersion, *, actor: User, report: str = "") -> Done:
    """The version is not fit for its use. A better one is another version."""
    return _sign_validation(version, Event.FAIL_VALIDATION, actor, report, f"Failed the validation of {version}")


@action("approval.put_to_decision", rule=rules.may_put_to_decision, at_signing=True)
def put_to_decision(version: ModelVersion, *, actor: User) -> Done:
    """Freeze the dossier that the deciders sign."""
    case = open_case(version)
    move(version, Event.PUT_TO_DECISION)
    case.evidence = _evidence(version)
    case.save(update_fields=["evidence"])
    dossier = dossiers.freeze(case, actor)
    telling.pending(dossier, actor)
    detail = {"dossier": dossier.pk, "revision": dossier.revision, "sha256": dossier.sha256}
    return Done(dossier, about=version, summary=f"Put {version} to decision", detail=detail)


@action("approval.vote", rule=rules.may_vote, prepare=deciding.signing, at_signing=True)
def vote(
    version: ModelVersion,
    *,
    actor: User,
    outcome: str,
    comment: str = "",
    conditions: Iterable[dict[str, Any]] = (),
    valid_until: date | None = None,
    seen: str = "",
) -> Done:
    """Sign the dossier: approve, approve with conditions, reject or return. The vote that completes the quorum decides.

    seen: the SHA-256 of the dossier that the voter had before them. Another one by now is a Conflict.
    """
    case = open_case(version)
    cast = deciding.cast(case, actor, outcome, comment.strip(), list(conditions), valid_until, seen)
    ended = deciding.ended_by(case, cast)
    if ended is None:
        return Done(cast, about=version, summary=f"Voted on {version}: {cast.get_outcome_display().lower()}",
                    detail=deciding.detail_of(cast))  # fmt: skip
    was, now = version.case_words, move(version, ended)
    case.evidence = _evidence(version)
    close(case)
    decision = deciding.decide(case, cast, ended) if ended != Event.RETURN else None
    if ended == Event.REJECT:
        _out_of_use(version, f"{actor} cast the vote that rejected its revalidation.")
    telling.decided(case, actor, f"{version} was {_PAST[ended].lower()}", cast.comment)
    detail = deciding.detail_of(cast) | deciding.detail_of_end(decision, was, now)
    return Done(cast, about=version, summary=f"{_PAST[ended]} {version}", detail=detail)


@action("approval.withdraw", rule=rules.may_withdraw, at_signing=True)
def withdraw(version: ModelVersion, *, actor: User, reason: str = "") -> Done:
    """Take the version back for good; another try is another version."""
    reason = _told(reason, "reason", "Say why it is taken back.")
    move(version, Event.WITHDRAW)
    case = version.approval_requests.filter(closed_at=None).first()
    if case is not None:
        close(case)
    return Done(case or version, about=version, summary=f"Withdrew {version}", detail={"reason": reason})


_PAST = {
    Event.APPROVE: "Approved",
    Event.CONDITIONS: "Approved with conditions",
    Event.REJECT: "Rejected",
    Event.RETURN: "Returned",
}


def _out_of_use(version: ModelVersion, because: str) -> None:
    """A revalidation that ends badly ends the approval; what is used under it stops at once."""
    if version.use_status in RUNNING and version.approval_status not in STANDING:
        use.suspend(version, actor=roles.system_user(), reason=f"{because} Its approval has ended.")


def _sign_validation(version: ModelVersion, event: Event, actor: User, report: str, summary: str) -> Done:
    case = open_case(version)
    case.report = _told(report, "report", "Write down the opinion and the reasons for it.")
    case.validated_by, case.validated_at = actor, timezone.now()
    move(version, event)
    case.evidence = _evidence(version)
    case.save(update_fields=["report", "validated_by", "validated_at", "evidence"])
    if event == Event.FAIL_VALIDATION:
        close(case)
        _out_of_use(version, f"{actor} failed its revalidation.")
    telling.validated(case, actor, summary)
    detail = {"report": case.report, "evidence": case.evidence}
    return Done(case, about=version, summary=summary, detail=detail)


def _told(text: str, field: str, hint: str) -> str:
    text = text.strip()
    if len(text) < SHORTEST:
        raise BadInput(
            f"This step needs a {field}.",
            hint=f"{hint} At least {SHORTEST} characters.",
            code=f"{field}_required",
            field=field,
        )
    return text


def _evidence(version: ModelVersion) -> list[dict[str, Any]]:
    return [asdict(found) for found in gates.evidence(version)]
