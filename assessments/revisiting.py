"""What has happened to an approved version since its decision that a new validation must look at."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from assessments.models import Assessment, Finding, Verdict
from assessments.policy import force
from registry import revalidation, storage
from registry.models import Decision, ModelVersion, RevalidationTrigger
from registry.refusals import Unavailable

Kind = RevalidationTrigger.Kind
OF_THE_FILE = {"corrupt", "missing_file"}  # what a store says of one file; anything else is the store's own trouble


@dataclass(frozen=True)
class Found:
    """key: what it is about; the same is asked for once."""

    kind: str
    reason: str
    key: str


def reasons(version: ModelVersion, today: date) -> Iterator[Found]:
    decision = revalidation.standing_decision(version)
    if decision is None:
        return
    yield from _of_results(version, decision)
    yield from _of_findings(version, today)
    yield from _of_policy(decision)
    yield from _of_file(version)
    if (day := revalidation.cadence_day(version, decision)) < today:
        yield Found(Kind.CADENCE, f"Its tier asks for a validation by {day:%-d %b %Y}.", f"decision:{decision.pk}")


def _of_results(version: ModelVersion, decision: Decision) -> Iterator[Found]:
    """Criteria that failed in assessments made since: of drift, and of performance."""
    done = Assessment.objects.filter(version=version, state=Assessment.State.DONE, created_at__gt=decision.decided_at)
    failed = Verdict.objects.filter(assessment__in=done, verdict=Verdict.Word.FAIL)
    drifted = failed.filter(test__startswith="data.drift")
    fell = failed.filter(family="performance")
    for kind, rows in ((Kind.DRIFT, drifted), (Kind.PERFORMANCE, fell)):
        seen = set()
        for verdict in rows.order_by("assessment_id", "position"):
            if verdict.assessment_id not in seen:
                seen.add(verdict.assessment_id)
                said = f"Assessment {verdict.assessment_id} failed {verdict.title}. {verdict.reason}".strip()
                yield Found(kind, said, f"assessment:{verdict.assessment_id}")


def _of_findings(version: ModelVersion, today: date) -> Iterator[Found]:
    overdue = Finding.objects.of_model(version.model_id).standing().filter(due__lt=today)
    for finding in overdue.exclude(state=Finding.State.ACCEPTED).order_by("pk"):
        said = f"{finding} ({finding.severity}) should have ended by {finding.due:%-d %b %Y}: {finding.title}."
        yield Found(Kind.FINDING, said, f"finding:{finding.pk}:{finding.due}")


def _of_policy(decision: Decision) -> Iterator[Found]:
    """The version of the policy that was in force then is not the one of now."""
    was, now = force.in_force(decision.decided_at), force.in_force()
    if was is not None and now is not None and was != now:
        said = f"It was decided under {was}; in force is version {now.number} since {now.effective_from:%-d %b %Y}."
        yield Found(Kind.POLICY, said, f"policy:{now.pk}")


def _of_file(version: ModelVersion) -> Iterator[Found]:
    """Read the stored file to its end: the store is outside the trust boundary."""
    try:
        for _chunk in storage.open_stream(version.artifact):
            pass
    except Unavailable as trouble:
        if trouble.code in OF_THE_FILE:
            yield Found(Kind.ARTEFACT, trouble.reason, f"file:{version.artifact.sha256}")
