"""What a policy's document may say. Everything that is wrong with one is told at once, each with where it stands.

{"name": "House policy", "version": 4, "owner": "Model risk management", "notes": ["…"],
 "evidence_days": {"1": 180, "2": 365, "3": 730},
 "mandatory": {"1": {"plan": "standard", "tests": ["performance.discrimination", …]}, …},
 "criteria": [{"test": "performance.discrimination", "metric": "roc_auc", "title": "ROC AUC",
               "family": "performance", "group": null, "better": "higher", "warn": 0.7, "fail": 0.6,
               "minimum_rows": 30, "basis": "convention", "source": "…", "verified": "secondary", "note": "",
               "scope": {"tiers": [1], "use_cases": ["credit"], "legal_contexts": ["ecoa"]},
               "rationale": "…", "owner": "…"}, …]}
"""

import math
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from assessments.battery.spec import PLANS
from assessments.catalogue import catalogue
from assessments.policy.scope import PARTS
from registry import contexts
from registry.refusals import BadInput

SCHEMA = "modelrisk.policy/1"
TIERS = ("1", "2", "3")
MOST_CRITERIA = 2000
MOST_TOLD = 20
PARTS_OF_A_POLICY = ("name", "version", "owner", "notes", "evidence_days", "mandatory", "criteria")
REQUIRED = ("test", "metric", "title", "family", "group", "better", "warn", "fail", "minimum_rows", "basis", "source")
TEXTS = ("test", "metric", "title", "family", "basis", "source", "verified", "note", "rationale", "owner")
OPTIONAL = ("verified", "note", "rationale", "owner", "scope")

Document = dict[str, Any]


def checked(said: Any, *, number: int, name: str) -> Document:
    """The document of version `number`, as it is kept. Raises BadInput with everything that is wrong with it."""
    found = list(problems(said))
    if found:
        more = f" And {len(found) - 1} more." if len(found) > 1 else ""
        raise BadInput(
            f"This is no policy that models can be judged by: {found[0]}{more}",
            hint="Start from the document of the version in force, and change that.",
            code="bad_policy",
            field="document",
            detail={"problems": found[:MOST_TOLD]},
        )
    kept = {part: said[part] for part in PARTS_OF_A_POLICY if part in said}
    return {**kept, "name": name, "version": number}


def problems(said: Any) -> Iterator[str]:
    """What is wrong, as sentences that begin with where."""
    if not isinstance(said, dict):
        yield "the document is not a JSON object."
        return
    for part in sorted(set(said) - {*PARTS_OF_A_POLICY, "sha256", "schema"}):
        yield f"{part}: there is no such part; there are {', '.join(PARTS_OF_A_POLICY)}."
    if not isinstance(said.get("owner"), str) or not said["owner"].strip():
        yield "owner: say who answers for the limits."
    notes = said.get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        yield "notes: give a list of texts."
    yield from _evidence_days(said.get("evidence_days"))
    yield from _mandatory(said.get("mandatory"))
    yield from _criteria(said.get("criteria"))


def _evidence_days(days: Any) -> Iterator[str]:
    if not isinstance(days, dict) or set(days) != set(TIERS):
        yield 'evidence_days: give the days for each tier, for example {"1": 180, "2": 365, "3": 730}.'
        return
    for tier in TIERS:
        if not _whole(days[tier], least=1):
            yield f"evidence_days.{tier}: {days[tier]!r} is no number of days."


def _mandatory(battery: Any) -> Iterator[str]:
    if not isinstance(battery, dict) or set(battery) != set(TIERS):
        yield 'mandatory: give {"plan", "tests"} for each of the tiers 1, 2 and 3.'
        return
    known = catalogue()
    for tier in TIERS:
        of_tier, where = battery[tier], f"mandatory.{tier}"
        if not isinstance(of_tier, dict) or set(of_tier) != {"plan", "tests"}:
            yield f"{where}: give a plan and a list of tests."
            continue
        if of_tier["plan"] not in PLANS:
            yield f"{where}.plan: {of_tier['plan']!r} is no plan; there are {', '.join(PLANS)}."
        tests = of_tier["tests"]
        if not isinstance(tests, list) or not all(isinstance(test, str) for test in tests):
            yield f"{where}.tests: give a list of tests."
            continue
        for test in tests:
            if test not in known:
                yield f"{where}.tests: there is no test {test!r}."
        if len(set(tests)) < len(tests):
            yield f"{where}.tests: a test is named twice."


def _criteria(criteria: Any) -> Iterator[str]:
    if not isinstance(criteria, list) or not criteria or len(criteria) > MOST_CRITERIA:
        yield f"criteria: give a list of 1 to {MOST_CRITERIA} criteria."
        return
    sound = []
    for at, criterion in enumerate(criteria):
        found = [f"criteria[{at}]{problem}" for problem in _criterion(criterion)]
        yield from found
        if not found:
            sound.append((at, criterion))
    yield from _ambiguous(sound)


def _criterion(criterion: Any) -> Iterator[str]:
    """Each problem begins with the part that it is of."""
    if not isinstance(criterion, dict):
        yield ": not a JSON object."
        return
    missing = [part for part in REQUIRED if part not in criterion]
    unknown = sorted(set(criterion) - {*REQUIRED, *OPTIONAL})
    if missing or unknown:
        yield from (f".{part}: is missing." for part in missing)
        yield from (f".{part}: there is no such part." for part in unknown)
        return
    for part in TEXTS:
        if not isinstance(criterion.get(part, ""), str):
            yield f".{part}: give a text."
            return
    yield from (f".{part}: say it." for part in ("title", "basis", "source") if not criterion[part].strip())
    yield from _measured(criterion)
    if criterion["group"] not in (None, "any"):
        yield '.group: null for the whole data, or "any" for each group.'
    if not _whole(criterion["minimum_rows"], least=1):
        yield f".minimum_rows: {criterion['minimum_rows']!r} is no number of rows."
    yield from _limits(criterion)
    yield from _scope(criterion.get("scope", {}))


def _measured(criterion: Document) -> Iterator[str]:
    """Whether the battery measures this, and so."""
    entry = catalogue().get(criterion["test"])
    if entry is None:
        yield f".test: there is no test {criterion['test']!r}."
        return
    metrics = {metric["id"]: metric for metric in entry["metrics"]}
    if criterion["metric"] not in metrics:
        yield f".metric: {criterion['test']} gives no {criterion['metric']!r}; it gives {', '.join(metrics)}."
    elif criterion["better"] != metrics[criterion["metric"]]["better"]:
        yield f".better: of {criterion['metric']} {metrics[criterion['metric']]['better']} is better."
    if criterion["family"] != entry["family"]:
        yield f".family: {criterion['test']} is of the family {entry['family']}."


def _limits(criterion: Document) -> Iterator[str]:
    warn, fail = criterion["warn"], criterion["fail"]
    for part, limit in (("warn", warn), ("fail", fail)):
        if limit is not None and not _number(limit):
            yield f".{part}: {limit!r} is no number; null where there is no such limit."
            return
    if criterion["better"] not in {"higher", "lower"}:
        yield '.better: give "higher" or "lower".'
        return
    if warn is None and fail is None:
        yield ".fail: a criterion needs a limit: warn, fail or both."
    elif warn is not None and fail is not None and (warn < fail if criterion["better"] == "higher" else warn > fail):
        yield f".warn: {warn:g} lies beyond the fail limit of {fail:g}: nothing could ever warn."


def _scope(scope: Any) -> Iterator[str]:
    if not isinstance(scope, dict) or not set(scope) <= set(PARTS):
        yield f".scope: give an object of {', '.join(reversed(PARTS))}, each a list."
        return
    allowed = {
        "tiers": [int(tier) for tier in TIERS],
        "use_cases": list(contexts.use_cases()),
        "legal_contexts": list(contexts.legal_contexts()),
    }
    for part, values in scope.items():
        if not isinstance(values, list):
            yield f".scope.{part}: give a list."
            continue
        for value in values:
            if isinstance(value, bool) or value not in allowed[part]:
                yield f".scope.{part}: {value!r} is none of {', '.join(str(one) for one in allowed[part])}."


def _ambiguous(criteria: list[tuple[int, Document]]) -> Iterator[str]:
    """Two for the same number, as particular as each other, that hold for the same model."""
    by_key: dict[tuple[str, str], list[tuple[int, dict[str, list[Any]]]]] = {}
    for at, criterion in criteria:
        scope = {part: values for part, values in (criterion.get("scope") or {}).items() if values}
        by_key.setdefault((criterion["test"], criterion["metric"]), []).append((at, scope))
    for (test, metric), found in by_key.items():
        for (first, one), (second, other) in combinations(found, 2):
            if set(one) == set(other) and all(set(one[part]) & set(other[part]) for part in one):
                yield f"criteria[{second}]: {metric} of {test} has the limits of criteria[{first}] for the same models."


def _whole(value: Any, *, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= 2**31


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
