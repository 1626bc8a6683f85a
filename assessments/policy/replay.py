"""What would another policy say of what was measured? No test is run again: stored measures, judged anew.

Only the criteria that differ are judged, and only the measures that they are about are read: a policy in which two
limits changed is replayed over a thousand assessments in seconds. The words are those that judging everything anew
would give, which a test compares.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from django.db.models import Count, Q

from assessments import judging
from assessments.catalogue import tests_of
from assessments.models import Assessment, Measure, TestResult, Verdict
from assessments.policy.comparing import same_limits
from assessments.policy.scope import Context, Criterion, within
from registry.models import ModelVersion

AT_ONCE = 100  # assessments
PENDING = ("submitted", "in_validation", "validated", "pending_approval", "approved", "approved_with_conditions")
USED = ("in_use", "restricted")
HEAVY = ("plan", "catalogue", "subject", "environment", "policy")

Key = tuple[str, str]  # test, metric


@dataclass(frozen=True)
class Change:
    """One number with another word on it; None where one of the policies says nothing of it."""

    test: str
    metric: str
    title: str
    group: dict[str, str]
    before: str | None
    after: str | None
    value: float | None
    reason: str


@dataclass(frozen=True)
class Outcome:
    """One assessment under another policy: the words that differ, and the worst of all words, before and after."""

    assessment: Assessment
    changes: list[Change]
    before: str
    after: str
    counts: dict[str, int]  # under the other policy

    @property
    def changes_overall(self) -> bool:
        return self.before != self.after


@dataclass
class Replay:
    """Over many assessments. rows: those with a change."""

    assessments: int = 0
    rows: list[Outcome] = field(default_factory=list)

    @property
    def changed(self) -> int:
        return len(self.rows)

    @property
    def other_overall(self) -> int:
        return sum(row.changes_overall for row in self.rows)

    @property
    def criteria(self) -> list[tuple[str | None, str | None, int]]:
        """(old word, new word, how many numbers), the most frequent first."""
        return _counted((change.before, change.after) for row in self.rows for change in row.changes)

    @property
    def overall(self) -> list[tuple[str | None, str | None, int]]:
        """(old worst word, new worst word, how many versions)"""
        return _counted((row.before, row.after) for row in self.rows if row.changes_overall)


def replay(document: dict[str, Any], *, user) -> Replay:
    """The document over the newest assessment of each version, in use or put to a decision, that the user sees."""
    found = Replay()
    for outcome in outcomes(newest(user), document):
        found.assessments += 1
        if outcome.changes:
            found.rows.append(outcome)
    found.rows.sort(key=lambda row: (judging.ORDER.index(row.after), str(row.assessment.version)))
    return found


def outcome_of(assessment: Assessment, document: dict[str, Any]) -> Outcome:
    return next(outcomes([assessment], document))


def newest(user) -> list[Assessment]:
    """Of each version that is in use or on its way: the newest finished whole battery, or the newest where none is."""
    versions = ModelVersion.objects.filter(Q(approval_status__in=PENDING) | Q(use_status__in=USED))
    done = Assessment.objects.visible_to(user).filter(state=Assessment.State.DONE, version__in=versions.values("pk"))
    whole = {plan: len(tests_of(plan)) for plan in Assessment.PlanName.values}
    results = TestResult.objects.filter(assessment__in=done.values("pk")).order_by()
    sizes = dict(results.values_list("assessment").annotate(n=Count("pk")))
    chosen: dict[int, tuple[bool, int]] = {}
    for pk, version, plan in done.order_by("pk").values_list("pk", "version", "plan_name"):
        chosen[version] = max(chosen.get(version, (False, 0)), (sizes.get(pk, 0) >= whole[plan], pk))
    rows = Assessment.objects.filter(pk__in=[pk for _whole, pk in chosen.values()])
    return list(rows.select_related("version__model", "policy_version__policy").defer(*HEAVY).order_by("pk"))


def outcomes(assessments: Iterable[Assessment], document: dict[str, Any]) -> Iterator[Outcome]:
    """Each under the document. Those that were judged alike are taken together."""

    def judged_alike(one: Assessment) -> tuple[int, str]:
        return (one.policy_version_id or -one.pk, json.dumps(one.context, sort_keys=True))

    for (of, _context), group in groupby(sorted(assessments, key=judged_alike), key=judged_alike):
        alike = list(group)
        old = alike[0].policy_version.document if of > 0 else alike[0].policy
        context = Context.from_json(alike[0].context)
        criteria, keys = _differing(within(old, context), within(document, context))
        for at in range(0, len(alike), AT_ONCE):
            yield from _judged(alike[at : at + AT_ONCE], criteria, keys)


def _differing(old: dict[str, Any], new: dict[str, Any]) -> tuple[list[Criterion], set[Key]]:
    """The criteria of the new policy that may give another word, and what either policy says otherwise."""
    before, after = ({(one["test"], one["metric"]): one for one in policy["criteria"]} for policy in (old, new))
    keys = {key for key in before.keys() | after.keys() if not same_limits(before.get(key), after.get(key))}
    return [criterion for key, criterion in after.items() if key in keys], keys


def _judged(assessments: Iterable[Assessment], criteria: list[Criterion], keys: set[Key]) -> Iterator[Outcome]:
    some = {one.pk: one for one in assessments}
    counts: dict[int, Counter[str]] = {pk: Counter() for pk in some}
    said = Verdict.objects.filter(assessment__in=some).order_by()
    for pk, word, n in said.values_list("assessment", "verdict").annotate(n=Count("pk")):
        counts[pk][word] = n
    old = _recorded(some, keys)
    entries = _entries(some, keys) if keys else {}
    for pk, assessment in some.items():
        new = {_place(verdict): verdict for verdict in judging.judge(entries.get(pk, []), {"criteria": criteria})}
        now = counts[pk].copy()
        now.subtract(verdict["verdict"] for verdict in old[pk].values())
        now.update(verdict["verdict"] for verdict in new.values())
        yield Outcome(
            assessment,
            [change for place in {**new, **old[pk]} if (change := _change(old[pk].get(place), new.get(place)))],
            before=_worst(counts[pk]),
            after=_worst(now),
            counts={word: now[word] for word in Verdict.Word.values},
        )


def _recorded(assessments: Iterable[int], keys: set[Key]) -> dict[int, dict[tuple[str, ...], dict[str, Any]]]:
    """{assessment: {place: the recorded verdict}} of what the policies say otherwise."""
    found: dict[int, dict[tuple[str, ...], dict[str, Any]]] = {pk: {} for pk in assessments}
    if not keys:
        return found
    rows = Verdict.objects.filter(assessment__in=found, metric__in={metric for _test, metric in keys}).order_by()
    names = ("assessment", "test", "metric", "title", "group", "value", "verdict", "reason")
    for row in rows.values(*names):
        if (row["test"], row["metric"]) in keys:
            found[row["assessment"]][_place(row)] = row
    return found


def _entries(assessments: Iterable[int], keys: set[Key]) -> dict[int, list[dict[str, Any]]]:
    """The "tests" of each, with the measures that are judged, and those that share their budget of comparisons."""
    results = TestResult.objects.filter(assessment__in=assessments).order_by("assessment", "pk")
    names = ("pk", "assessment", "test", "status", "reason", "comparisons")
    by_result = {row.pop("pk"): row | {"id": row["test"], "measures": []} for row in results.values(*names)}
    entries: dict[int, list[dict[str, Any]]] = {}
    for row in by_result.values():
        entries.setdefault(row["assessment"], []).append(row)
    tests = {test for test, _metric in keys}
    judged = [pk for pk, row in by_result.items() if row["test"] in tests]
    compared = set()
    about = Q(result__in=judged, metric__in={metric for _test, metric in keys})
    for row in _measures(about):
        by_result[row["result"]]["measures"].append(row)
        if "p_value" in row and not row["small"]:
            compared.add(by_result[row["result"]]["assessment"])
    if compared:
        budget = Q(result__assessment__in=compared, p_value__isnull=False, small=False)
        known = {row["pk"] for entry in by_result.values() for row in entry["measures"]}
        for row in _measures(budget):
            if row["pk"] not in known:
                by_result[row["result"]]["measures"].append(row)
    return entries


def _measures(which: Q) -> Iterator[dict[str, Any]]:
    """As judging takes them."""
    names = ("pk", "result", "metric", "value", "low", "high", "n", "group", "small", "p_value")
    for row in Measure.objects.filter(which).order_by("result", "position").values(*names).iterator(chunk_size=5000):
        low, high = row.pop("low"), row.pop("high")
        row["ci"] = None if low is None and high is None else [low, high]
        if row["p_value"] is None:
            del row["p_value"]
        yield row


def _place(verdict: dict[str, Any]) -> tuple[str, ...]:
    return (verdict["test"], verdict["metric"], json.dumps(verdict["group"], sort_keys=True))


def _change(old: dict[str, Any] | None, new: dict[str, Any] | None) -> Change | None:
    before, after = (verdict["verdict"] if verdict else None for verdict in (old, new))
    if before == after:
        return None
    one = new or old or {}
    told = {name: one[name] for name in ("test", "metric", "title", "group", "value")}
    return Change(**told, before=before, after=after, reason=new["reason"] if new else "")


def _worst(counts: Counter[str]) -> str:
    return next((word for word in judging.ORDER if counts[word] > 0), "not_applicable")


def _counted(pairs: Iterable[tuple[str | None, str | None]]) -> list[tuple[str | None, str | None, int]]:
    return [(before, after, n) for (before, after), n in Counter(pairs).most_common()]
