"""The use of a version, from its first deployment to its retirement; and what ends its approval."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from registry import roles
from registry.action import Done, action
from registry.approvals import gates, guards, rehashing, rules, telling
from registry.approvals.moving import close, move
from registry.approvals.reinstating import reinstate
from registry.approvals.states import STANDING, Event, Status, step
from registry.models import ModelVersion
from registry.refusals import BadInput, Conflict, Refused

__all__ = ["decommission", "deploy", "expire", "reinstate", "restrict", "retire", "supersede", "suspend"]


@contextmanager
def _unchanged(version: ModelVersion, *, actor: User, sha256: str, **given: Any) -> Iterator[dict[str, Any]]:
    """Guard G9: the file in hand, and the stored one, are the one that was approved. A stored file that is another one
    by now voids the approval: the version is out of use until somebody looks."""
    if wrong := guards.same_file(version.artifact.sha256, sha256, version):
        raise Refused(wrong, code="another_file")
    if trouble := rehashing.changed(version):
        suspend(version, actor=roles.system_user(), reason=f"{trouble.message} Found when {actor} deployed it.")
        raise Refused(f"{trouble.message} {version} is suspended.", code="artifact_changed")
    yield {"sha256": sha256.lower(), **given}


@action("use.deploy", rule=rules.may_deploy, prepare=_unchanged, at_signing=True)
def deploy(version: ModelVersion, *, actor: User, sha256: str, environment: str = "", restrictions: str = "") -> Done:
    """Bring an approved version into use; older approved versions of the model are superseded by it. One that is used
    before its validation, under an exception in force, supersedes none."""
    environment, restrictions = environment.strip(), restrictions.strip()
    if not environment:
        raise BadInput("Say where it runs.", hint="For example production.", field="environment")
    approved, excuse = version.approval_status in STANDING, gates.excused(version)
    if (version.approval_status == Status.CONDITIONS or not approved) and not restrictions:
        raise BadInput(
            f"{version} is approved with conditions." if approved else f"{version} is used before its validation.",
            hint="Write down the restrictions that its users acknowledged.",
            field="restrictions",
        )
    was = version.get_use_status_display()
    _move(version, Event.DEPLOY)
    made = version.deployments.create(
        sha256=sha256, environment=environment, restrictions=restrictions, deployed_by=actor
    )
    telling.used(version, actor, f"{version} came into use: {environment}", restrictions)
    older = version.model.versions.filter(number__lt=version.number, approval_status__in=STANDING).order_by("number")
    for one in older if approved else []:
        supersede(one, actor=roles.system_user(), by=version)
    detail: dict[str, Any] = {"sha256": sha256, "environment": environment, "restrictions": restrictions, "from": was}
    detail |= {"supersedes": [one.number for one in older] if approved else [], "excuse": excuse}
    return Done(made, about=version, summary=f"Deployed {version} to {environment}", detail=detail)


@action("use.restrict", rule=rules.of_use(Event.RESTRICT), at_signing=True)
def restrict(version: ModelVersion, *, actor: User, reason: str = "") -> Done:
    """It may be used only within the limits that the reason names."""
    return _moved(version, actor, Event.RESTRICT, f"Restricted the use of {version}", reason)


@action("use.suspend", rule=rules.of_use(Event.SUSPEND), at_signing=True)
def suspend(version: ModelVersion, *, actor: User, reason: str = "") -> Done:
    """It may not be used until its deciders reinstate it."""
    return _moved(version, actor, Event.SUSPEND, f"Suspended the use of {version}", reason)


@action("use.decommission", rule=rules.of_use(Event.DECOMMISSION), at_signing=True)
def decommission(version: ModelVersion, *, actor: User, reason: str = "", replacement: str = "") -> Done:
    """Begin to take it out of use: whoever depends on it is told. replacement: what takes its place, or nothing."""
    return _moved(
        version, actor, Event.DECOMMISSION, f"Began to decommission {version}", reason, replacement=replacement
    )


@action("use.retire", rule=rules.of_use(Event.RETIRE), at_signing=True)
def retire(
    version: ModelVersion, *, actor: User, reason: str = "", archive: str = "", retain_until: date | None = None
) -> Done:
    """Out of use for good. archive: where its records are kept."""
    if not archive.strip():
        raise BadInput("Say where its records are kept.", hint="Name the archive.", field="archive")
    kept = {"archive": archive.strip(), "retain_until": retain_until.isoformat() if retain_until else None}
    done = _moved(version, actor, Event.RETIRE, f"Retired {version}", reason, **kept)
    version.deployments.filter(ended_at=None).update(ended_at=timezone.now())
    return done


@action("approval.expire", rule=rules.may_expire, at_signing=True)
def expire(version: ModelVersion, *, actor: User, today: date | None = None) -> Done:
    """The last day of the approval has passed."""
    ended = rules.approved_until(version)
    if ended is None:
        raise Conflict(f"{version} was never approved.")
    move(version, Event.EXPIRE)
    summary = f"The approval of {version} expired: it held until {ended:%-d %b %Y}"
    return Done(version, summary=summary, detail={"valid_until": ended.isoformat()})


@action("approval.supersede", rule=rules.of_use(Event.SUPERSEDE), at_signing=True)
def supersede(version: ModelVersion, *, actor: User, by: ModelVersion) -> Done:
    """A newer version of the model came into use."""
    case = version.approval_requests.filter(closed_at=None).first()
    move(version, Event.SUPERSEDE)
    if case is not None:  # its revalidation: nobody needs it any more
        close(case)
    return Done(version, summary=f"{by} supersedes {version}", detail={"by": by.pk, "number": by.number})


def _moved(version: ModelVersion, actor: User, event: Event, summary: str, reason: str, **more: Any) -> Done:
    reason = reason.strip()
    if len(reason) < guards.SHORTEST:
        raise BadInput(
            "This step needs a reason.",
            hint=f"Write at least {guards.SHORTEST} characters.",
            code="reason_required",
            field="reason",
        )
    was = version.get_use_status_display()
    _move(version, event)
    telling.used(version, actor, f"{version} is {version.get_use_status_display()}", reason)
    detail = {"from": was, "to": version.get_use_status_display(), "reason": reason} | more
    return Done(version, summary=summary, detail=detail)


def _move(version: ModelVersion, event: Event) -> None:
    """Compare and swap, as with approvals."""
    found = step(version, event)
    moved = found is not None and ModelVersion.objects.filter(pk=version.pk, use_status=version.use_status).update(
        use_status=found.to
    )
    if found is None or not moved:
        raise Conflict(f"{version} is {version.get_use_status_display()} by now. Reload the page.")
    version.use_status = found.to
