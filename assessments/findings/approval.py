"""What findings say in an approval: those that stand are evidence; a critical or high one blocks it."""

import hashlib
from collections.abc import Iterator

from assessments.models import Finding
from assessments.results import canonical
from registry.approvals.gates import Blocker, Evidence, evidence_source, gate

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


@gate
def no_grave_finding(version) -> Iterator[Blocker]:
    for finding in Finding.objects.of_model(version.model_id).standing().filter(severity__in=BLOCKING).order_by("pk"):
        yield Blocker(
            "grave_finding",
            f"{finding} ({finding.severity}) stands: {finding.title}.",
            "Remedy it and have the validating side close it.",
        )
