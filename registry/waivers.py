"""What people do at the gate: grant and revoke waivers, scan a file again."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone

from registry import access, admission
from registry.action import Done, action
from registry.models import Artifact, ModelVersion, Scan, Waiver
from registry.refusals import BadInput, Conflict

SHORTEST_TEXT = 10  # characters
LONGEST_DAYS = 366


@contextmanager
def _read_waived(
    artifact: Artifact,
    *,
    actor,
    imports_sha256: str,
    reason: str,
    compensating_control: str,
    valid_until: date,
) -> Iterator[dict]:
    _check_words(reason, compensating_control)
    expires_at = _end_of(valid_until)
    scan = artifact.scan
    _check_seen(scan, imports_sha256)
    # A waiver for a file that cannot be loaded would help nobody: that is found out before it is granted.
    facts = admission.known_facts(artifact) or admission.inspect_waived(artifact, scan.format)
    yield {
        "imports_sha256": imports_sha256,
        "reason": reason.strip(),
        "compensating_control": compensating_control.strip(),
        "expires_at": expires_at,
        "facts": facts,
    }


@action("waiver.grant", rule=access.may_grant_waiver, prepare=_read_waived, at_signing=True)
def grant(
    artifact: Artifact,
    *,
    actor,
    imports_sha256: str,
    reason: str,
    compensating_control: str,
    expires_at: datetime,
    facts: dict,
) -> Done:
    """Answer for one file with exactly the imports that were seen. A waiver that is in force is replaced.

    Called as `grant(artifact, actor=…, imports_sha256=…, reason=…, compensating_control=…, valid_until=…)`;
    imports_sha256 is that of the scan which the officer read, valid_until the last day on which the waiver holds.
    """
    scan = artifact.scan
    _check_seen(scan, imports_sha256)
    if scan.verdict != Scan.Verdict.NEEDS_WAIVER:
        raise Conflict(f"The newest scan of {artifact} says {scan.get_verdict_display()} by now. Look at it again.")
    artifact.waivers.in_force().update(
        revoked_by=actor, revoked_at=timezone.now(), revoked_reason="Replaced by a new waiver."
    )
    waiver = Waiver.objects.create(
        artifact=artifact,
        sha256=artifact.sha256,
        imports_sha256=imports_sha256,
        imports=scan.imports,
        reason=reason,
        compensating_control=compensating_control,
        granted_by=actor,
        expires_at=expires_at,
    )
    admission.fill_in(artifact, facts)
    summary = f"Granted a waiver for {artifact} with its {_count(scan)} until {waiver.last_day:%-d %b %Y}"
    return Done(waiver, about=artifact, summary=summary, detail=_detail(waiver) | {"atlas": scan.atlas})


@action("waiver.revoke", rule=access.may_revoke_waiver)
def revoke(waiver: Waiver, *, actor, reason: str) -> Done:
    """End a waiver now: nothing starts under it any more, and what runs is stopped."""
    reason = reason.strip()
    if len(reason) < SHORTEST_TEXT:
        raise _too_short("Revoking a waiver needs a reason.", "reason")
    if waiver.state != Waiver.State.IN_FORCE:
        raise Conflict(f"{waiver} is {waiver.get_state_display()} by now.")
    waiver.revoked_by, waiver.revoked_at, waiver.revoked_reason = actor, timezone.now(), reason
    waiver.save(update_fields=["revoked_by", "revoked_at", "revoked_reason"])
    detail = {
        "waiver": waiver.pk,
        "sha256": waiver.sha256,
        "imports_sha256": waiver.imports_sha256,
        "reason": reason,
        "atlas": waiver.artifact.scan.atlas,
    }
    return Done(waiver, about=waiver.artifact, summary=f"Revoked the waiver for {waiver.artifact}", detail=detail)


@contextmanager
def _scan_again(version: ModelVersion, *, actor) -> Iterator[dict]:
    known = bool(admission.known_facts(version.artifact))
    scan, facts = admission.scan_stored(version.artifact, version.format, facts_known=known)
    yield {"scan": scan, "facts": facts}


@action("version.rescan", rule=access.may_rescan, prepare=_scan_again)
def rescan(version: ModelVersion, *, actor, scan: dict, facts: dict) -> Done:
    """Read the file with the allow-list of today. Earlier scans are kept; the newest one counts.

    Called as `rescan(version, actor=…)`; returns the Scan.
    """
    before = version.artifact.scan
    row = admission.keep(version.artifact, scan, actor=actor, version=version)
    admission.fill_in(version.artifact, facts or admission.known_facts(version.artifact))
    was = before.get_verdict_display() if before else "never scanned"
    detail = {"from": before.verdict if before else None, "to": row.verdict, "scan": row.pk, "atlas": row.atlas}
    summary = f"Scanned the file of {version} again: {row.get_verdict_display()}, before: {was}"
    return Done(row, about=version, summary=summary, detail=detail)


def _check_words(reason: str, compensating_control: str) -> None:
    if len(reason.strip()) < SHORTEST_TEXT:
        raise _too_short("A waiver needs a reason.", "reason")
    if len(compensating_control.strip()) < SHORTEST_TEXT:
        raise _too_short("A waiver needs a compensating control.", "compensating_control")


def _too_short(message: str, field: str) -> BadInput:
    hint = f"Write at least {SHORTEST_TEXT} characters, for those who will ask."
    return BadInput(message, hint=hint, code="note_required", field=field)


def _end_of(day: date) -> datetime:
    """The first moment after the last day on which a waiver holds. Raises BadInput."""
    today = timezone.localdate()
    if day < today:
        raise BadInput("The waiver would have ended already.", hint="Give a day to come.", field="valid_until")
    if day > today + timedelta(days=LONGEST_DAYS):
        raise BadInput(
            f"A waiver holds for at most {LONGEST_DAYS} days.",
            hint="Give an earlier day; it can be granted anew, on a new look.",
            field="valid_until",
        )
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC)


def _check_seen(scan: Scan, imports_sha256: str) -> None:
    if scan.imports_sha256 != imports_sha256:
        raise Conflict("The newest scan lists other imports than those you read. Look at it again, then decide.")


def _count(scan: Scan) -> str:
    number = len(scan.document["imports"])
    return f"{number} import{'s' * (number != 1)}"


def _detail(waiver: Waiver) -> dict:
    return {
        "waiver": waiver.pk,
        "sha256": waiver.sha256,
        "imports_sha256": waiver.imports_sha256,
        "imports": waiver.imports,
        "reason": waiver.reason,
        "compensating_control": waiver.compensating_control,
        "expires_at": waiver.expires_at.isoformat(),
    }
