"""Whether the gate lets a model file be loaded now, and how far it is trusted: asked at the start and while it runs."""

from assessments.models import Assessment
from registry import access
from registry.models import ModelVersion
from registry.refusals import NotNow


def trust_of(version: ModelVersion) -> str:
    """As plan.json has it: "waived" where the file is loaded only because a person answers for it."""
    return "waived" if version.gate == ModelVersion.Gate.WAIVED else "restricted"


def problem(assessment: Assessment, *, settled: bool = False) -> tuple[str, str] | None:
    """Why the assessment may not go on, and what to do: the gate may have changed its mind since it was started.

    `settled` locks the waivers of its file first: who revokes one comes before the caller's transaction or after it.
    """
    version = assessment.version
    if settled:
        list(version.artifact.waivers.in_force().select_for_update())
    if found := access.gate_problem(version):
        return found
    if trust_of(version) == "waived" and assessment.plan["model"].get("trust") != "waived":
        return (
            f"The file of {version} runs under a waiver now; {assessment} was planned when it needed none.",
            "Start a new assessment: it runs in the mode that a waiver asks for.",
        )
    return None


def refusal(assessment: Assessment) -> str | None:
    found = problem(assessment)
    return NotNow(" ".join(found)) if found else None
