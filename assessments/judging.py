"""Measures + a policy -> verdicts. Pure: no Django, no numpy, no model.

fail           the whole 95 % interval lies beyond the fail limit (without an interval: the value does)
inconclusive   the interval straddles the fail limit; the reason says how many rows would settle it
warn           clear of the fail limit, the estimate beyond the warn limit
pass           the rest; a value on a limit is within it
               or it lies beyond the limit, and over all comparisons of the run chance explains as much
not_applicable the group is too small, the test does not apply, was not run, or gave no such number: never a pass
error          the test ended without an answer
"""

import math
from typing import Any

from assessments.battery import discovery_rate

MOST_ROWS = 1_000_000  # beyond it a number of rows is no advice
ORDER = ("fail", "error", "inconclusive", "warn", "pass", "not_applicable")

Entry = dict[str, Any]
Criterion = dict[str, Any]
Verdict = dict[str, Any]


def judge(entries: list[Entry], policy: dict[str, Any]) -> list[Verdict]:
    """A verdict for each criterion of the policy and each measure that it is about, worst first.

    entries: the "tests" of results.json. Within one word, the order is the policy's.
    """
    by_test = {entry["id"]: entry for entry in entries}
    q_values, made = _budget(entries)
    verdicts = [
        verdict
        for criterion in policy["criteria"]
        for verdict in _judge_criterion(by_test.get(criterion["test"]), criterion, q_values, made)
    ]
    return sorted(verdicts, key=lambda verdict: ORDER.index(verdict["verdict"]))


def comparisons(entries: list[Entry]) -> dict[str, Any] | None:
    """The run's account of comparing many groups, slices and columns; None where nothing was compared.

    made: how many p-values were looked at; below_level: how many of those kept are at most 5 %; expected_by_chance: how
    many of all would be if there were no difference anywhere; discoveries: how many remain when the rate of false ones
    is kept at 5 % over the whole run.
    """
    q_values, made = _budget(entries)
    if not made:
        return None
    p_values = [measure["p_value"] for _, measure in _compared(entries)]
    return {
        "made": made,
        "level": discovery_rate.LEVEL,
        "below_level": sum(p <= discovery_rate.LEVEL for p in p_values),
        "expected_by_chance": round(made * discovery_rate.LEVEL, 1),
        "discoveries": sum(q <= discovery_rate.LEVEL for q in q_values.values()),
    }


def _compared(entries: list[Entry]) -> list[tuple[Entry, dict[str, Any]]]:
    """The measures that have a p-value, with their tests. A small group is not compared: it is only reported."""
    return [
        (entry, measure)
        for entry in entries
        for measure in entry.get("measures", ())
        if measure.get("p_value") is not None and not measure["small"]
    ]


def _budget(entries: list[Entry]) -> tuple[dict[int, float], int]:
    """The q-value of each measure that has a p-value, by its identity, and how many comparisons were made in all.

    One budget for the whole run (Benjamini and Hochberg 1995): a test that looked at many slices has spent of it too.
    """
    found = _compared(entries)
    kept = {id(entry): sum(one is entry for one, _ in found) for entry in entries}
    made = sum(max(entry.get("comparisons") or 0, kept[id(entry)]) for entry in entries)
    q_values = discovery_rate.q_values([measure["p_value"] for _, measure in found], made)
    return {id(measure): q for (_, measure), q in zip(found, q_values, strict=True)}, made


def worst(verdicts: list[Verdict]) -> str:
    """The worst word; "not_applicable" where there is none."""
    return min((verdict["verdict"] for verdict in verdicts), key=ORDER.index, default="not_applicable")


def _judge_criterion(entry: Entry | None, criterion: Criterion, q_values: dict[int, float], made: int) -> list[Verdict]:
    if entry is None:
        return [_verdict(criterion, None, "not_applicable", f"Not measured: {criterion['test']} was not run.")]
    if entry["status"] == "error":
        return [_verdict(criterion, None, "error", entry["reason"] or "The test ended with an error.")]
    if entry["status"] != "done":
        return [_verdict(criterion, None, "not_applicable", entry["reason"] or "The test does not apply.")]
    about = [
        measure
        for measure in entry["measures"]
        if measure["metric"] == criterion["metric"] and (criterion["group"] == "any" or not measure["group"])
    ]
    if not about:
        reason = "The test gives no such number for this model and data."
        return [_verdict(criterion, None, "not_applicable", reason)]
    words = [(measure, *_word(measure, criterion)) for measure in about]
    return [
        _verdict(criterion, measure, *_within_budget(word, reason, q_values.get(id(measure)), made))
        for measure, word, reason in words
    ]


def _within_budget(word: str, reason: str, q_value: float | None, made: int) -> tuple[str, str]:
    """A fail that is one of many comparisons stands only where it is no likely product of their number."""
    if word != "fail" or q_value is None or q_value <= discovery_rate.LEVEL:
        return word, reason
    return "inconclusive", (
        f"{reason} But of {made:,} comparisons in this run some look like that by chance (q = {q_value:.2g}): "
        "look at it again on new rows."
    )


def _word(measure: dict[str, Any], criterion: Criterion) -> tuple[str, str]:
    """The verdict's word on one measure, and its reason."""
    if measure["value"] is None:
        return "not_applicable", "It has no value here: there is nothing to divide by."
    if measure["small"]:
        return "not_applicable", "Small group: reported, not judged."
    if measure["n"] < criterion["minimum_rows"]:
        return "not_applicable", f"{measure['n']} rows are below the policy's minimum of {criterion['minimum_rows']}."
    # Mirrored where lower is better, so that there is one rule: more is better.
    sign = 1 if criterion["better"] == "higher" else -1
    value, fail, warn = sign * measure["value"], _signed(criterion["fail"], sign), _signed(criterion["warn"], sign)
    low, high = _interval(measure, sign) if measure["ci"] else (value, value)
    side, beyond = ("at least", "below") if sign > 0 else ("at most", "above")
    if fail is not None and high < fail:
        what = "whole interval" if measure["ci"] else "value"
        return "fail", f"The {what} lies {beyond} the limit of {criterion['fail']:g}."
    if fail is not None and low < fail:
        settle = _rows_to_settle(measure["n"], value, fail, low, high)
        return "inconclusive", f"The interval straddles the limit of {criterion['fail']:g}. {settle}"
    if warn is not None and value < warn:
        return "warn", f"Within the limit, but not {side} {criterion['warn']:g}, the level to watch."
    return "pass", ""


def _interval(measure: dict[str, Any], sign: int) -> tuple[float, float]:
    """The mirrored interval; an end that is null is open."""
    low, high = (
        open_end if end is None else end for end, open_end in zip(measure["ci"], (-math.inf, math.inf), strict=True)
    )
    return (low, high) if sign > 0 else (-high, -low)


def _rows_to_settle(n: int, value: float, fail: float, low: float, high: float) -> str:
    """An interval shrinks with the root of the rows: n x (half width / distance to the limit) squared."""
    distance = abs(value - fail)
    half = value - low if value >= fail else high - value  # the side toward the limit
    if not distance or not n:
        return "The estimate is on the limit: more rows may not settle it."
    if math.isinf(half):
        return "The interval is open toward the limit; more rows may close it."
    ratio = half / distance
    if n * min(ratio, 1e6) ** 2 > MOST_ROWS:
        return "The estimate is too near the limit for any practical number of rows."
    needed = math.ceil(n * ratio**2 * (1 - 1e-9))  # 196.00000000000003 is 196
    return f"About {max(needed, n + 1):,} rows would settle it ({n:,} now)."


def _signed(limit: float | None, sign: int) -> float | None:
    return None if limit is None else sign * limit


def _verdict(criterion: Criterion, measure: dict[str, Any] | None, word: str, reason: str) -> Verdict:
    group = measure["group"] if measure else {}
    return {
        "test": criterion["test"],
        "family": criterion["family"],
        "metric": criterion["metric"],
        "title": criterion["title"],
        "group": group,
        "value": measure["value"] if measure else None,
        "ci": measure["ci"] if measure else None,
        "n": measure["n"] if measure else 0,
        "better": criterion["better"],
        "warn": criterion["warn"],
        "fail": criterion["fail"],
        "verdict": word,
        "reason": reason,
    }
