"""What an assessment says in an approval: its latest results as evidence, its absence as a blocker."""

from collections.abc import Iterator

from assessments.models import Assessment
from assessments.stored import verdict_counts
from registry.approvals.gates import Blocker, Evidence, evidence_source, gate

State = Assessment.State


@evidence_source
def latest_assessment(version) -> Iterator[Evidence]:
    """The newest finished one, bound by the digest of its results."""
    assessment = version.assessments.filter(state=State.DONE).order_by("-pk").first()
    if assessment is not None:
        yield Evidence(
            kind="assessment",
            id=assessment.pk,
            label=str(assessment),
            sha256=assessment.results_sha256,
            summary=verdict_counts(assessment),
        )


@gate
def assessed(version) -> Iterator[Blocker]:
    if not version.assessments.filter(state=State.DONE).exists():
        yield Blocker("not_assessed", f"{version} has no finished assessment.", "Assess it, and wait for the results.")
