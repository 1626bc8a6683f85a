"""Request, withdraw, decide. Each moves the version by compare-and-swap, so that of two people only one decides."""

from dataclasses import asdict
from datetime import date
from typing import Any

from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.utils import timezone

from registry.action import Done, action
from registry.approvals import gates, rules
from registry.approvals.states import Event, after
from registry.models import ApprovalRequest, Decision, ModelVersion
from registry.refusals import BadInput, Conflict

SHORTEST_REASON = 10  # characters


@action("approval.request", rule=rules.may_request)
def request_approval(version: ModelVersion, *, actor: User, note: str = "") -> Done:
    """Ask for a decision, with the evidence as it is now."""
    _move(version, Event.REQUEST)
    evidence = _evidence(version)
    request = version.approval_requests.create(requested_by=actor, note=note.strip(), evidence=evidence)
    detail = {"note": note.strip(), "evidence": evidence}
    return Done(request, about=version, summary=f"Requested approval of {version}", detail=detail)


@action("approval.withdraw", rule=rules.may_withdraw)
def withdraw_request(version: ModelVersion, *, actor: User) -> Done:
    """Take the open request back; the version is in development again."""
    _move(version, Event.WITHDRAW)
    request = _open_request(version)
    _close(request)
    return Done(request, about=version, summary=f"Withdrew the request for approval of {version}")


@action("approval.decide", rule=rules.may_decide)
def decide(
    version: ModelVersion,
    *,
    actor: User,
    outcome: str,
    note: str = "",
    valid_until: date | None = None,
    seen: str = "",
) -> Done:
    """Answer the open request. Rejecting and conditions take a reason; `valid_until` ends an approval.

    seen: the seal of the evidence that the decider had before them; other evidence by now is a Conflict.
    """
    note = note.strip()
    _check_decision(outcome, note, valid_until)
    was = version.get_approval_status_display()
    if seen and seen != gates.seal(version):
        raise Conflict(f"The evidence on {version} changed while you read it. Look at it again, then decide.")
    status = _move(version, Event(outcome))
    request = _open_request(version)
    # The request keeps what was in force when it was answered, which may be newer than when it was asked.
    request.evidence = _evidence(version)
    if outcome == Event.APPROVE and (reason := rules.not_plainly(version)):
        # Finished since the rule was asked, before the row was locked.
        raise Conflict(f"{reason} Reload the page.")
    _close(request)
    decision = Decision.objects.create(
        request=request, outcome=outcome, note=note, valid_until=valid_until, decided_by=actor
    )
    detail = {
        "from": was,
        "to": status.label,
        "outcome": outcome,
        "note": note,
        "valid_until": valid_until.isoformat() if valid_until else None,
        "evidence": request.evidence,
    }
    return Done(decision, about=version, summary=f"{_PAST[Event(outcome)]} {version}", detail=detail)


_PAST = {
    Event.APPROVE: "Approved",
    Event.CONDITIONS: "Approved with conditions",
    Event.REJECT: "Rejected",
}


def _check_decision(outcome: str, note: str, valid_until: date | None) -> None:
    if outcome not in _PAST:
        raise BadInput(f"{outcome!r} is not an outcome.", hint=f"Choose one of {', '.join(_PAST)}.", field="outcome")
    if outcome != Event.APPROVE and len(note) < SHORTEST_REASON:
        raise BadInput(
            "This decision needs a reason.",
            hint=f"Write at least {SHORTEST_REASON} characters, for the people who must act on it.",
            code="note_required",
            field="note",
        )
    if valid_until is None:
        return
    if outcome == Event.REJECT:
        raise BadInput("A rejection has no end date.", hint="Leave the date empty.", field="valid_until")
    if valid_until <= timezone.localdate():
        raise BadInput("The approval would have ended already.", hint="Give a future date.", field="valid_until")


def _move(version: ModelVersion, event: Event) -> ModelVersion.ApprovalStatus:
    """Compare and swap: whoever comes second finds the state changed."""
    status = after(version.approval_status, event)
    moved = status is not None and ModelVersion.objects.filter(
        pk=version.pk, approval_status=version.approval_status
    ).update(approval_status=status)
    if status is None or not moved:
        raise Conflict(f"{version} is {version.get_approval_status_display()} by now. Reload the page.")
    version.approval_status = status
    return status


def _open_request(version: ModelVersion) -> ApprovalRequest:
    request: ApprovalRequest | None = version.approval_requests.filter(closed_at__isnull=True).first()
    if request is None:
        raise Conflict(f"{version} has no open request for approval.")
    return request


def _close(request: ApprovalRequest) -> None:
    request.closed_at = Now()
    request.save(update_fields=["closed_at", "evidence"])
    request.refresh_from_db(fields=["closed_at"])


def _evidence(version: ModelVersion) -> list[dict[str, Any]]:
    return [asdict(found) for found in gates.evidence(version)]
