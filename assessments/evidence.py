"""What an assessment says in an approval: its results and its policy as evidence, what they lack as blockers.

Only a whole battery counts: a builder who runs one harmless test after a failing battery has shown nothing. Guards:
G3 the policy was approved before the run and in force then; G4 the results are bound to exactly what was tested, with
what, and are not too old; G5 the battery that the tier must have is there, or an exception for each test that is not.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.utils import timezone

from assessments.battery.spec import PLANS
from assessments.catalogue import catalogue, tests_of
from assessments.models import Assessment, PolicyException, TestResult
from assessments.policy.force import context_of
from assessments.policy.scope import within
from assessments.stored import verdict_counts
from registry.approvals.gates import Blocker, Evidence, Stage, evidence_source, gate

State = Assessment.State
COMPLETE = {TestResult.Status.DONE, TestResult.Status.NOT_APPLICABLE}
MOST_NAMED = 5  # missing tests in a sentence


def deciding(version) -> Assessment | None:
    """The newest finished assessment of the whole battery: what a decision on the version rests on.

    Whole: every test of its own plan, as the catalogue has it now, but those that an exception lets be missing.
    """
    excepted = excepted_tests(version)
    whole = {plan: set(tests_of(plan)) - excepted for plan in Assessment.PlanName.values}
    finished = version.assessments.filter(state=State.DONE).order_by("-pk")
    finished = finished.select_related("policy_version__policy", "dataset_version__artifact")
    return next((found for found in finished if whole[found.plan_name] <= set(found.planned_tests)), None)


def excepted_tests(version) -> set[str]:
    """The tests that an exception in force lets be missing, today."""
    held = PolicyException.objects.in_force().filter(version=version, kind=PolicyException.Kind.TEST)
    return set(held.values_list("test", flat=True))


@evidence_source
def latest_assessment(version) -> Iterator[Evidence]:
    """Bound by the digest of its results; and the policy that it was judged by, by the digest of its document.

    Of the policy nothing is said that a later version changes: it stays what it was when the run started.
    """
    assessment = deciding(version)
    if assessment is None:
        return
    yield Evidence(
        kind="assessment",
        id=assessment.pk,
        label=str(assessment),
        sha256=assessment.results_sha256,
        summary=verdict_counts(assessment) | _made_with(assessment),
    )
    policy = assessment.policy_version
    if policy is not None:
        signers = policy.signatures.select_related("signer").order_by("pk")
        yield Evidence(
            kind="policy",
            id=policy.pk,
            label=str(policy),
            sha256=policy.sha256,
            summary={
                "version": policy.number,
                "approved_at": policy.approved_at.isoformat(),
                "effective_from": policy.effective_from.isoformat(),
                "approved_by": [one.signer.get_username() for one in signers] or [policy.origin],
            },
        )


def _made_with(assessment: Assessment) -> dict[str, Any]:
    """What the results are bound to, beside the artefact of the version."""
    data = [one for one in (assessment.dataset_version, assessment.reference) if one is not None]
    return {
        "datasets": [{"id": one.pk, "name": str(one), "sha256": one.artifact.sha256} for one in data],
        "plan": assessment.plan_name,
        "seed": assessment.seed,
        "battery_sha256": assessment.environment.get("battery_sha256"),
        "started_at": assessment.started_at.isoformat() if assessment.started_at else None,
        "finished_at": assessment.finished_at.isoformat() if assessment.finished_at else None,
    }


@gate
def assessed(version) -> Iterator[Blocker]:
    found = deciding(version)
    if found is None:
        yield Blocker(
            "not_assessed",
            f"{version} has no finished assessment of the whole battery.",
            "Assess it with all tests of a plan, and wait for the results.",
        )
        return
    yield from _policy_in_force(found)
    yield from _bound(found, version)
    yield from _complete(found, version)


def _policy_in_force(found: Assessment) -> Iterator[Blocker]:
    """Guard G3."""
    policy, again = found.policy_version, "Assess it again: the run takes the policy that is in force then."
    if policy is None:
        yield Blocker("no_policy_version", f"{found} was judged by limits of no numbered policy version.", again)
        return
    started = found.started_at or found.created_at
    if not policy.was_in_force(started):
        when = "was approved only after" if policy.approved_at > started else "was not in force when"
        yield Blocker("policy_not_in_force", f"{policy} {when} {found} started.", again)
    case = found.version.approval_requests.filter(closed_at__isnull=True, validator__isnull=False).first()
    if case is not None:
        hands = {policy.drafted_by_id, *policy.signatures.values_list("signer", flat=True)}
        if case.validator_id in hands:
            yield Blocker(
                "policy_of_the_validator",
                f"{case.validator} validates {found.version}, and drafted or signed {policy}, which it was judged by.",
                "Assign another validator.",
            )
    if within(found.policy, context_of(found.version.model))["criteria"] != found.judged_by["criteria"]:
        yield Blocker(
            "another_context",
            f"{found} was judged as a model of another tier, use or legal context than {found.version.model} has now.",
            "Assess it again: other limits apply.",
        )


def _bound(found: Assessment, version) -> Iterator[Blocker]:
    """Guard G4."""
    again = "Assess it again."
    missing = [
        what
        for what, there in (
            ("when it ran", found.started_at and found.finished_at),
            ("the seal over its results", found.results_sha256),
            ("the versions of the libraries", found.environment.get("python")),
            ("the digest of the battery's code", found.environment.get("battery_sha256")),
        )
        if not there
    ]
    if missing:
        yield Blocker("evidence_not_bound", f"{found} does not say {' and '.join(missing)}.", again)
    files = (("model", version.artifact), ("data", found.dataset_version.artifact))
    for part, artifact in files:
        if found.plan[part]["sha256"] != artifact.sha256:
            yield Blocker("evidence_of_another_file", f"The {part} that {found} ran with is another file.", again)
    days = found.policy.get("evidence_days", {}).get(str(version.model.tier))
    if days and found.finished_at and found.finished_at < timezone.now() - timedelta(days=days):
        age = (timezone.now() - found.finished_at).days
        tier = version.model.get_tier_display()
        yield Blocker("evidence_too_old", f"{found} is {age} days old; {tier} takes at most {days}.", again)


def _complete(found: Assessment, version) -> Iterator[Blocker]:
    """Guard G5."""
    battery = found.policy.get("mandatory", {}).get(str(version.model.tier))
    if battery is None:
        return
    tier = version.model.get_tier_display()
    if PLANS.index(found.plan_name) < PLANS.index(battery["plan"]):
        yield Blocker(
            "plan_too_short",
            f"{tier} asks for the plan {battery['plan']}; {found} ran the plan {found.plan_name}.",
            f"Assess it with the plan {battery['plan']}.",
        )
    ended = set(found.results.filter(status__in=COMPLETE).values_list("test", flat=True))
    had = ended | excepted_tests(version) | (set(battery["tests"]) - set(catalogue()))
    missing = [test for test in battery["tests"] if test not in had]
    if missing:
        more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        yield Blocker(
            "battery_incomplete",
            f"{tier} asks for tests that {found} has no result of: {', '.join(missing[:MOST_NAMED])}{more}.",
            "Run them, or have an exception for each of them approved.",
        )


@gate(at={Stage.SUBMIT})
def data_linked(version) -> Iterator[Blocker]:
    """A case without data cannot be validated."""
    if not version.assessments.exists():
        yield Blocker("no_data", f"{version} was never assessed on any data set.", "Start an assessment of it.")
