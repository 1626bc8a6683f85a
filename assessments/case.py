"""What a case asks of assessments beside their own soundness: answers to what failed, and the policy of today."""

from collections.abc import Iterator

from assessments.evidence import deciding
from assessments.models import Assessment, Finding, PolicyException, Verdict
from assessments.policy.force import in_force
from registry import revalidation
from registry.approvals.gates import Blocker, Evidence, Stage, evidence_source, gate


@evidence_source
def policy_of_today(_version) -> Iterator[Evidence]:
    """One that is published while a case waits for its votes makes its deciders look again."""
    if policy := in_force():
        told = {"version": policy.number, "effective_from": policy.effective_from.isoformat()}
        yield Evidence(kind="policy_in_force", id=policy.pk, label=str(policy), sha256=policy.sha256, summary=told)


@gate(at={Stage.VALIDATE})
def failures_answered(version) -> Iterator[Blocker]:
    """Every criterion that failed has a finding; one of the severity observation is a written rationale."""
    found = deciding(version)
    if found is None:
        return
    for verdict in _unanswered(found):
        yield Blocker(
            "unanswered_failure",
            f"{verdict.title} failed in {found}, and there is no finding about it.",
            "Raise one from the verdict; an observation writes down why it may stand.",
        )


@gate(at={Stage.VALIDATE})
def assessed_since_approval(version) -> Iterator[Blocker]:
    """To validate it again on the evidence of last time would be no revalidation."""
    before, found = revalidation.standing_decision(version), deciding(version)
    if before is None or found is None or (found.finished_at and found.finished_at > before.decided_at):
        return
    yield Blocker(
        "not_assessed_since",
        f"{found} was finished before {version} was approved on {before.decided_at:%-d %b %Y}.",
        "Assess it again: a revalidation rests on evidence of its own.",
    )


def _unanswered(found: Assessment) -> list[Verdict]:
    failed = list(found.verdicts.filter(verdict=Verdict.Word.FAIL))
    silent = [Finding.State.DRAFT, Finding.State.WITHDRAWN]
    raised = Finding.objects.of_model(found.version.model_id).exclude(state__in=silent)
    excepted = PolicyException.objects.in_force().filter(version=found.version, kind=PolicyException.Kind.CRITERION)
    told = [*raised.values_list("criterion", flat=True), *excepted.values_list("criterion", flat=True)]
    answered = [(one.get("test"), one.get("metric"), one.get("group") or {}) for one in told]
    return [one for one in failed if (one.test, one.metric, one.group or {}) not in answered]
