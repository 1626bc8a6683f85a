"""Which limits were in force: for each run its policy, who approved it and whether before the run began (guard G3).

Beside it the policy of today: what differs, and what today's would say of the same numbers.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assessments.models import Assessment, PolicyVersion
from assessments.policy import comparing, replay
from assessments.policy.force import in_force
from assessments.stored import verdict_counts
from modelrisk.walkthrough.evidence import Run

NOT_JUDGED = "not judged"
NO_RECORD = "The run names no numbered version of a policy: it is older than these."


@dataclass(frozen=True)
class Difference:
    """One criterion that the two policies do not have alike."""

    key: str
    then: dict[str, Any] | None
    today: dict[str, Any] | None


@dataclass(frozen=True)
class Change:
    """One verdict that today's policy would give otherwise."""

    title: str
    group: dict[str, Any]
    then: str
    today: str


@dataclass(frozen=True)
class Thresholds:
    """Of one run. before: whether the policy was approved, and in force, before the run began."""

    run: Assessment
    version: PolicyVersion | None
    approvers: list[str]
    before: bool
    sentence: str
    today: PolicyVersion | None
    differences: list[Difference]
    counts_then: dict[str, int]
    counts_today: dict[str, int]
    changes: list[Change]

    def as_dict(self) -> dict[str, Any]:
        version, today = self.version, self.today
        return {
            "assessment": self.run.pk,
            "started_at": self.run.started_at,
            "policy": {name: self.run.policy.get(name) for name in ("name", "version", "sha256")},
            "policy_version": version.pk if version else None,
            "approved_at": version.approved_at if version else None,
            "effective_from": version.effective_from if version else None,
            "approved_by": self.approvers,
            "in_force_before_start": self.before,
            "summary": self.sentence,
            "today": today.number if today else None,
            "differences": [vars(each) for each in self.differences],
            "verdicts_then": self.counts_then,
            "verdicts_today": self.counts_today,
            "changed_verdicts": [vars(each) for each in self.changes],
        }


def of_run(run: Run) -> Thresholds:
    found, today = run.assessment, in_force()
    version = found.policy_version
    signatures = version.signatures.select_related("signer").order_by("pk") if version else []
    before = bool(version and found.started_at and version.was_in_force(found.started_at))
    outcome = replay.outcome_of(found, today.document) if today else None
    return Thresholds(
        run=found,
        version=version,
        approvers=[f"{each.signer} ({each.role.replace('_', ' ')})" for each in signatures],
        before=before,
        sentence=_sentence(version, found.started_at, before),
        today=today,
        differences=_differences(found.policy, today.document) if today else [],
        counts_then={word: n for word, n in verdict_counts(found).items() if n},
        counts_today={word: n for word, n in outcome.counts.items() if n} if outcome else {},
        changes=[_change(each) for each in outcome.changes] if outcome else [],
    )


def _sentence(version: PolicyVersion | None, started: datetime | None, before: bool) -> str:
    if version is None:
        return NO_RECORD
    if version.approved_at is None or started is None:
        return f"{version} was never approved."
    told = f"{version} was approved {version.approved_at:%Y-%m-%d %H:%M} UTC"
    return f"{told}, in force before the run began." if before else f"{told}, and was NOT in force when the run began."


def _differences(then: dict[str, Any], today: dict[str, Any]) -> list[Difference]:
    found = comparing.compare(then, today)
    told = [
        Difference(
            _name(each.criterion), *({name: pair[side] for name, pair in each.limits.items()} for side in (0, 1))
        )
        for each in found.changed
        if each.limits
    ]
    told += [Difference(_name(each), None, _limits(each)) for each in found.added]
    return told + [Difference(_name(each), _limits(each), None) for each in found.removed]


def _name(criterion: dict[str, Any]) -> str:
    return f"{criterion['test']} · {criterion['metric']}"


def _limits(criterion: dict[str, Any]) -> dict[str, Any]:
    return {name: criterion[name] for name in comparing.LIMITS if criterion.get(name) is not None}


def _change(change: replay.Change) -> Change:
    return Change(change.title, change.group, change.before or NOT_JUDGED, change.after or NOT_JUDGED)
