"""Back into use after a suspension or a restriction: by the quorum of the tier, on a dossier of its own.

The cause must be closed: no condition is breached or overdue, and a suspended version was assessed anew since.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, User
from django.utils import timezone

from registry.action import Done, action
from registry.approvals import deciding, dossiers, gates, guards, holding, quorum, rehashing, rules, telling
from registry.approvals.states import Event, Use, step
from registry.models import ApprovalRequest, AuditEvent, Dossier, ModelVersion, Vote
from registry.refusals import Conflict, NotNow, Refused

PURPOSE = "reinstatement"


def may_reinstate(version: ModelVersion, actor: AbstractBaseUser, **_: Any) -> str | None:
    reason = rules.may_reinstate(version, actor)
    if reason is not None:
        return reason
    case = rules.approved_case(version)
    signed = _open_dossier(case) if case else None
    if Vote.objects.filter(dossier=signed, voter_id=actor.pk, cleared_at=None).exists():
        return NotNow(f"{actor} has voted on this reinstatement already.")
    return _cause_stands(version) or guards.signs_in_person(actor)


@contextmanager
def _unchanged(version: ModelVersion, *, actor: User, **given: Any) -> Iterator[dict[str, Any]]:
    """Guard G9, as at a deployment: what comes back into use is the file that was approved."""
    if trouble := rehashing.changed(version):
        raise Refused(trouble.message, code="artifact_changed")
    yield given


@action("use.reinstate", rule=may_reinstate, prepare=_unchanged, at_signing=True)
def reinstate(version: ModelVersion, *, actor: User, reason: str = "") -> Done:
    """Vote for its use; the vote that completes the quorum brings it back. reason: why the cause is closed."""
    reason = deciding.reasoned(reason)
    case = rules.approved_case(version)
    if case is None:
        raise Conflict(f"{version} was never submitted.")
    dossier = _dossier(version, case, actor)
    vote = deciding.sign(case, dossier, actor, outcome=Vote.Outcome.APPROVE, comment=reason)
    places = quorum.filled(case.tier, deciding.counted(dossier))
    was = version.get_use_status_display()
    detail: dict[str, Any] = {"reason": reason, "dossier": dossier.sha256, "role": vote.role, "from": was}
    if places is None:
        return Done(vote, about=version, summary=f"Voted to reinstate {version}", detail=detail)
    _bring_back(version)
    telling.used(version, actor, f"{version} is {version.get_use_status_display()} again", reason)
    dossier.replaced_at, dossier.replaced_because = timezone.now(), "It was acted on."
    dossier.save(update_fields=["replaced_at", "replaced_because"])
    detail |= {"to": version.get_use_status_display(), "quorum": quorum.told(case.tier, places)}
    return Done(vote, about=version, summary=f"Reinstated {version}", detail=detail)


def _bring_back(version: ModelVersion) -> None:
    """Into use; or, where it was suspended before it was ever deployed, out of the suspension."""
    found = step(version, Event.REINSTATE)
    to = found.to if found and version.deployments.filter(ended_at=None).exists() else Use.NOT_IN_USE
    moved = ModelVersion.objects.filter(pk=version.pk, use_status=version.use_status).update(use_status=to)
    if found is None or not moved:
        raise Conflict(f"{version} is {version.get_use_status_display()} by now. Reload the page.")
    version.use_status = to


def _open_dossier(case: ApprovalRequest) -> Dossier | None:
    found: Dossier | None = case.dossiers.filter(replaced_at=None, document__purpose=PURPOSE).first()
    return found


def _dossier(version: ModelVersion, case: ApprovalRequest, actor: User) -> Dossier:
    """The one that earlier voters signed, while it is still true; or else a new one, which nobody has signed."""
    dossier = _open_dossier(case)
    if dossier is None:
        return dossiers.freeze(case, actor, purpose=PURPOSE)
    if parts := dossiers.stale(dossier):
        return dossiers.replace(dossier, actor, f"Changed since it was frozen: {', '.join(parts)}.")
    return dossier


def _cause_stands(version: ModelVersion) -> NotNow | None:
    if (held := holding.conditions_kept(version)) is not None:
        return held
    since = suspended_at(version)
    if since is None or _assessed_since(version, since):
        return None
    return NotNow(f"{version} was suspended on {since:%-d %b %Y %H:%M} UTC and not assessed since: assess it anew.")


def suspended_at(version: ModelVersion) -> datetime | None:
    """When the suspension that holds began; None where it is not suspended."""
    if version.use_status != Use.SUSPENDED:
        return None
    event = AuditEvent.objects.about(version).filter(action="use.suspend", refused=False).order_by("-pk").first()
    return event.at if event else None


def _assessed_since(version: ModelVersion, since: datetime) -> bool:
    finished = [found.summary.get("finished_at") for found in gates.evidence(version) if found.kind == "assessment"]
    return any(at and datetime.fromisoformat(at) > since for at in finished)
