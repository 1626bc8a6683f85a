"""What an assessment says in an approval: its results as evidence, its absence as a blocker.

Only a whole battery counts: a builder who runs one harmless test after a failing battery has shown nothing.
"""

from collections.abc import Iterator

from assessments.catalogue import tests_of
from assessments.models import Assessment
from assessments.stored import verdict_counts
from registry.approvals.gates import Blocker, Evidence, Stage, evidence_source, gate

State = Assessment.State


def deciding(version) -> Assessment | None:
    """The newest finished assessment of the whole battery: what a decision on the version rests on.

    Whole: every test of its own plan, as the catalogue has it now.
    """
    whole = {plan: set(tests_of(plan)) for plan in Assessment.PlanName.values}
    finished = version.assessments.filter(state=State.DONE).order_by("-pk")
    return next((found for found in finished if whole[found.plan_name] <= set(found.planned_tests)), None)


@evidence_source
def latest_assessment(version) -> Iterator[Evidence]:
    """Bound by the digest of its results."""
    assessment = deciding(version)
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
    if deciding(version) is None:
        yield Blocker(
            "not_assessed",
            f"{version} has no finished assessment of the whole battery.",
            "Assess it with all tests of a plan, and wait for the results.",
        )


@gate(at={Stage.SUBMIT})
def data_linked(version) -> Iterator[Blocker]:
    """A case without data cannot be validated."""
    if not version.assessments.exists():
        yield Blocker("no_data", f"{version} was never assessed on any data set.", "Start an assessment of it.")
