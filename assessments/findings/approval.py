"""What findings say in an approval: those that stand are evidence; a critical or high one blocks it."""

import hashlib
from collections.abc import Iterator

from assessments.models import Finding, PolicyException
from assessments.results import canonical
from registry.approvals.gates import Blocker, Evidence, Stage, evidence_source, gate

UNANSWERED = (Finding.State.ISSUED, Finding.State.REBUTTED, Finding.State.UPHELD)
BLOCKING = (Finding.Severity.CRITICAL, Finding.Severity.HIGH)


@evidence_source
def standing_findings(version) -> Iterator[Evidence]:
    """Bound by a digest of what they say now: one that changes meanwhile changes what is decided on."""
    for finding in Finding.objects.of_model(version.model_id).standing().order_by("pk"):
        summary = {"severity": finding.severity, "state": finding.state, "title": finding.title}
        summary["due"] = finding.due.isoformat() if finding.due else None
        told = summary | {"description": finding.description, "plan": finding.plan, "remedy": finding.remedy}
        digest = hashlib.sha256(canonical(told)).hexdigest()
        yield Evidence(kind="finding", id=finding.pk, label=str(finding), sha256=digest, summary=summary)


@gate(at={Stage.DECIDE})
def no_grave_finding(version) -> Iterator[Blocker]:
    """Guard G6: one that a higher approver accepted for this very version, for a time, lets it pass with conditions."""
    grave = Finding.objects.of_model(version.model_id).standing().filter(severity__in=BLOCKING).order_by("pk")
    accepted = {
        one.finding_id: one
        for one in PolicyException.objects.in_force().filter(version=version, kind=PolicyException.Kind.RISK)
    }
    for finding in grave:
        if exception := accepted.get(finding.pk):
            yield Blocker(
                "accepted_finding",
                f"{finding} ({finding.severity}) stands, its risk accepted by {exception} until "
                f"{exception.expiry:%-d %b %Y}: {finding.title}.",
                "Approve with conditions, or have it remedied and closed.",
                allows_conditions=True,
            )
            continue
        yield Blocker(
            "grave_finding",
            f"{finding} ({finding.severity}) stands: {finding.title}.",
            "Remedy it and have the validating side close it, or have a higher approver accept its risk for a time.",
        )


@evidence_source
def exceptions_in_force(version) -> Iterator[Evidence]:
    """What a decision deviates by: bound by a digest of what was asked and approved."""
    held = PolicyException.objects.in_force().filter(version=version).select_related("approved_by", "finding")
    for one in held.order_by("pk"):
        summary = {
            "kind": one.kind,
            "subject": one.subject,
            "compensating_control": one.compensating_control,
            "expiry": one.expiry.isoformat(),
            "approved_by": one.approved_by.get_username(),
            "approved_as": one.approved_as,
        }
        digest = hashlib.sha256(canonical(summary | {"reason": one.reason, "criterion": one.criterion})).hexdigest()
        yield Evidence(kind="exception", id=one.pk, label=str(one), sha256=digest, summary=summary)


@gate(at={Stage.PUT_TO_DECISION})
def answered(version) -> Iterator[Blocker]:
    """What is put to decision has, for each finding, an action plan with a date."""
    for finding in Finding.objects.of_model(version.model_id).standing().order_by("pk"):
        if finding.state in UNANSWERED:
            yield Blocker(
                "unanswered_finding",
                f"{finding} {finding.get_state_display()}: {finding.title}.",
                "It needs an accepted action plan first.",
            )
