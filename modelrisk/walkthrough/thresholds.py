"""Which limits were in force: for each run its policy, who approved it and whether before the run began (guard G3).

Beside it the policy of today: what differs, and what today's would say of the same numbers.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assessments import judging, stored
from assessments.models import Assessment, PolicyVersion
from assessments.policy.force import in_force
from assessments.policy.scope import Context, within
from modelrisk.walkthrough.evidence import Run

LIMITS = ("warn", "fail", "scope", "min_n", "basis")
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
    then = stored.document(found)
    verdicts = judging.judge(then["tests"], _policy_of_today(found, today)) if today else []
    signatures = version.signatures.select_related("signer").order_by("pk") if version else []
    before = bool(version and found.started_at and version.was_in_force(found.started_at))
    return Thresholds(
        run=found,
        version=version,
        approvers=[f"{each.signer} ({each.role.replace('_', ' ')})" for each in signatures],
        before=before,
        sentence=_sentence(version, found.started_at, before),
        today=today,
        differences=_differences(found.policy, today.document) if today else [],
        counts_then=_counts(then["verdicts"]),
        counts_today=_counts(verdicts),
        changes=_changes(then["verdicts"], verdicts) if today else [],
    )


def _policy_of_today(found: Assessment, today: PolicyVersion) -> dict[str, Any]:
    """Its criteria that hold for the model as it was when the run was asked for."""
    return within(today.document, Context.from_json(found.context))


def _sentence(version: PolicyVersion | None, started: datetime | None, before: bool) -> str:
    if version is None:
        return NO_RECORD
    if version.approved_at is None or started is None:
        return f"{version} was never approved."
    told = f"{version} was approved {version.approved_at:%Y-%m-%d %H:%M} UTC"
    return f"{told}, in force before the run began." if before else f"{told}, and was NOT in force when the run began."


def _differences(then: dict[str, Any], today: dict[str, Any]) -> list[Difference]:
    one, other = _by_key(then), _by_key(today)
    return [
        Difference(key, one.get(key), other.get(key))
        for key in sorted(one.keys() | other.keys())
        if one.get(key) != other.get(key)
    ]


def _by_key(policy: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for criterion in policy["criteria"]:
        scope = criterion.get("scope") or {}
        key = " · ".join([criterion["test"], criterion["metric"], *(f"{k}={v}" for k, v in sorted(scope.items()))])
        found[key] = {name: criterion[name] for name in LIMITS if criterion.get(name) is not None}
    return found


def _counts(verdicts: list[dict[str, Any]]) -> dict[str, int]:
    return dict(Counter(each["verdict"] for each in verdicts))


def _changes(then: list[dict[str, Any]], today: list[dict[str, Any]]) -> list[Change]:
    before = {_key(each): each for each in then}
    after = {_key(each): each for each in today}
    found = []
    for key in before.keys() | after.keys():
        one, other = before.get(key), after.get(key)
        words = tuple(each["verdict"] if each else "not judged" for each in (one, other))
        if words[0] != words[1]:
            shown = one or other or {}
            found.append(Change(shown["title"], shown["group"], *words))
    return sorted(found, key=lambda change: (change.title, str(change.group)))


def _key(verdict: dict[str, Any]) -> tuple:
    return verdict["test"], verdict["metric"], tuple(sorted(verdict["group"].items()))
