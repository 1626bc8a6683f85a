"""Numbers, groups and limits as people read them; the same in the terminal and in the report."""

from collections.abc import Mapping
from typing import Any

GLYPHS = {"fail": "✕", "error": "✕", "inconclusive": "?", "warn": "!", "pass": "✓", "not_applicable": "–"}
WORDS = {"not_applicable": "not applicable"}
MEANINGS = {
    "fail": "failed: beyond the limit with the whole of its interval, so chance alone does not explain it.",
    "error": "could not be judged: the test did not end as it should.",
    "inconclusive": "stayed open: the interval reaches across the limit, so these rows cannot settle it.",
    "warn": "gave a warning: on the right side of the limit, but beyond the policy's warning mark.",
    "pass": "passed: what was measured is within the policy.",
    "not_applicable": "did not count: not applicable here, or the group is too small. That says nothing good or bad.",
}


def number(value: float | None, unit: str = "ratio") -> str:
    if value is None:
        return "–"
    if unit == "rows":
        return f"{value:,.0f}"
    if value and abs(value) < 0.001:
        return f"{value:.1e}"
    return f"{value:,.3f}"


def interval(ci: list[float | None] | None, unit: str = "ratio") -> str:
    """[0.281, 0.340]; an open end is a dash."""
    return "" if not ci else f"[{', '.join(number(end, unit) for end in ci)}]"


def group(of: dict[str, str]) -> str:
    """sex: Female; for a comparison of groups ("*") the column alone: age, without small groups"""
    return ", ".join(_one_group(column, value) for column, value in of.items())


def _one_group(column: str, value: str) -> str:
    if value.startswith("*"):
        return ", ".join(part for part in (column, value[1:].strip()) if part)
    return f"{column}: {value}"


def limit(verdict: dict[str, Any]) -> str:
    """≥ 0.8: what the policy asks for."""
    if verdict["fail"] is None:
        return ""
    return f"{'≥' if verdict['better'] == 'higher' else '≤'} {verdict['fail']:g}"


def word(verdict: str) -> str:
    return WORDS.get(verdict, verdict)


def metric_titles(entry: dict[str, Any]) -> dict[str, str]:
    """A catalogue entry's metrics: their titles by their ids."""
    return {metric["id"]: metric["title"] for metric in entry["metrics"]}


def comparisons(account: dict[str, Any] | None) -> str:
    """The run's account of comparisons (see judging.comparisons) in words; empty where nothing was compared."""
    if not account:
        return ""
    chance, level = account["expected_by_chance"], f"{account['level']:.0%}"
    return (
        f"Of {account['made']:,} comparisons of groups, slices and columns about {chance:,.3g} would look different at "
        f"{level} by chance alone. With one budget for the whole run, which keeps false discoveries at {level}, "
        f"{account['discoveries']:,} remain."
    )


def reading(words: Mapping[str, int]) -> list[str]:
    """How often each verdict was given, in sentences that say what it means; worst first."""
    total = sum(words.values())
    if not total:
        return ["The policy sets no limit for this test: what it measured is for you to weigh."]
    return [f"{_share(words[each], total)} {MEANINGS[each]}" for each in GLYPHS if words.get(each) and each in MEANINGS]


def _share(n: int, total: int) -> str:
    if n == total:
        return "The one criterion" if n == 1 else f"All {n} criteria"
    return f"{n} of {total} criteria"


def counts(verdicts: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """(word, how many), worst first, those that occur."""
    return [(each, n) for each in GLYPHS if (n := sum(v["verdict"] == each for v in verdicts))]
