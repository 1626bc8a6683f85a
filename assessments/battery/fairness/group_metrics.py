"""Does the model decide differently for different groups of people?

For each sensitive column: how many people are in each group, how many of them the model selects, and how often it is
right about them. selection_rate: decided favourably / all. tpr: decided favourably / truly favourable. fpr: decided
favourably / truly not. ppv: truly favourable / decided favourably. With more than two classes, favourable against the
rest. Between the groups of a column (group "*"): demographic_parity_difference, highest minus lowest selection rate;
demographic_parity_ratio, lowest over highest, the impact ratio of the four-fifths rule of thumb (UGESP, 29 CFR
1607.4(D)); equalized_odds_difference, the greater of the differences in tpr and fpr (Hardt, Price, Srebro 2016). The
values equal Fairlearn's. Rows whose group is missing form a group of their own and are not compared.

A rate of eleven people says little. Where a group is small, or a rate divides by no row, the "*" values are reported
and marked, and a second value "* without small groups" is the one that is judged. Intervals, 95 %: Wilson for a rate;
for a comparison, the end away from parity is the percentile of the bootstrap of the rows, drawn as one multinomial over
group × label × decision, or that of the extreme pair's own interval where it lies further, and the end towards parity
is what some pair of groups is shown to differ by, all pairs considered (Newcombe 1998; Donner and Zou 2012), since
noise alone draws the extremes of several groups apart.
"""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.banding import MISSING
from assessments.battery.fairness import _counts
from assessments.battery.fairness._counts import Cells, Floats
from assessments.battery.fairness._intervals import difference_interval, ratio_interval
from assessments.battery.spec import Chart, Measure, Metric, Needs, Outcome, Param, battery_test
from assessments.battery.stats import percentile_interval, wilson
from assessments.battery.subject import Subject

SHOWN = 60  # characters of a column name in titles and chart ids
ALL_GROUPS = "*"
LARGE_GROUPS = "* without small groups"
RATES = ("selection_rate", "tpr", "fpr", "ppv")
DISPARITIES = ("demographic_parity_difference", "demographic_parity_ratio", "equalized_odds_difference")


@dataclass(frozen=True)
class Grouping:
    """The groups of one sensitive column and their rows."""

    column: str
    names: list[str]
    cells: Cells
    small: NDArray[np.bool_]  # (groups,)

    @property
    def known(self) -> NDArray[np.bool_]:
        """(groups,) true but for the group of the rows whose group is missing."""
        return np.array([name != MISSING for name in self.names])


@battery_test(
    title="Group fairness",
    needs=Needs(sensitive=True),
    params=[
        Param("resamples", 1000, "Bootstrap resamples", minimum=100, maximum=100_000),
        Param("minimum_rows", 30, "Rows below which a group is small", minimum=0),
        Param("minimum_share", 0.02, "Share of the rows below which a group is small", minimum=0.0, maximum=0.5),
    ],
    metrics=[
        Metric("count", "Rows in the group", unit="rows"),
        Metric("selection_rate", "Selection rate"),
        Metric("tpr", "True positive rate"),
        Metric("fpr", "False positive rate"),
        Metric("ppv", "Positive predictive value"),
        Metric("demographic_parity_difference", "Demographic parity difference", better="lower"),
        Metric("demographic_parity_ratio", "Demographic parity ratio (impact ratio)", better="higher"),
        Metric("equalized_odds_difference", "Equalized odds difference", better="lower"),
    ],
    controls=[
        controls.NIST_FAIRNESS,
        controls.EU_BIAS_EXAMINATION,
        controls.EU_BIAS_MITIGATION,
        controls.ADVERSE_IMPACT,
        controls.NYC_IMPACT_RATIO,
        controls.ISO_BIAS,
    ],
    charts=["selection_rate_*", "count_*"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    selected = subject.predicted == subject.labels.index(subject.favourable)
    measures: list[Measure] = []
    charts: list[Chart] = []
    notes: list[str] = []
    for done, column in enumerate(subject.sensitive):
        names, codes = subject.groups(column)
        cells = Cells.of(codes, subject.y_favourable, selected, len(names))
        grouping = Grouping(column, names, cells, small_groups(cells.rows, params))
        measures += group_measures(grouping) + disparities(grouping, params["resamples"], rng, notes)
        charts += [selection_rate_chart(grouping, subject.favourable), count_chart(grouping, subject.favourable)]
        progress(done + 1, len(subject.sensitive))
    return Outcome(measures, charts, notes=notes)


def small_groups(rows: NDArray[np.int64], params: dict[str, Any]) -> NDArray[np.bool_]:
    """(groups,) true where a group has too few rows for a verdict to rest on."""
    return np.asarray((rows < params["minimum_rows"]) | (rows < params["minimum_share"] * rows.sum()))


def group_measures(grouping: Grouping) -> list[Measure]:
    """Count and rates of each group; a rate that divides by no row is null."""
    found = []
    for index, name in enumerate(grouping.names):
        group, small = {grouping.column: name}, bool(grouping.small[index])
        rows = int(grouping.cells.rows[index])
        found.append(Measure("count", float(rows), n=rows, group=group, unit="rows", small=small))
        for rate in RATES:
            top, bottom = (int(part[index]) for part in grouping.cells.fraction(rate))
            value, ci = (top / bottom, wilson(top, bottom)) if bottom else (None, None)
            found.append(Measure(rate, value, ci, n=bottom, group=group, small=small))
    return found


def disparities(grouping: Grouping, resamples: int, rng: np.random.Generator, notes: list[str]) -> list[Measure]:
    """The comparisons between all known groups and, where some may not be judged, between the others."""
    column, known, large = grouping.column, grouping.known, grouping.known & ~grouping.small
    if known.sum() < 2:
        notes.append(f"{column} has one group only: nothing to compare.")
        return []
    cells = grouping.cells.only(known)
    unsupported = [
        grouping.names[index]
        for index in np.flatnonzero(large)
        if any(grouping.cells.fraction(rate)[1][index] == 0 for rate in (_counts.TPR, _counts.FPR))
    ]
    marked = bool((known & grouping.small).any() or unsupported)
    found = _compared(column, ALL_GROUPS, cells, 0.0, marked, resamples, rng)
    if not marked:
        return found
    if unsupported:
        notes.append(
            f"{column}: {_listed(unsupported)} lacks rows of one true label, so its tpr or fpr is not defined; "
            f"“{ALL_GROUPS}” counts it as 0, as Fairlearn does, “{LARGE_GROUPS}” leaves it out."
        )
    if (known & grouping.small).any():
        names = [grouping.names[index] for index in np.flatnonzero(known & grouping.small)]
        notes.append(
            f"{column}: too small for a verdict: {_listed(names)}. Reported, and left out of “{LARGE_GROUPS}”."
        )
    if large.sum() < 2:
        notes.append(f"{column}: fewer than two groups are large enough to be compared; nothing is judged.")
        return found
    return found + _compared(column, LARGE_GROUPS, grouping.cells.only(large), np.nan, False, resamples, rng)


def _compared(
    column: str, name: str, cells: Cells, undefined: float, small: bool, resamples: int, rng: np.random.Generator
) -> list[Measure]:
    definitions: dict[str, Callable[[Cells], Floats]] = {
        "demographic_parity_difference": _counts.demographic_parity_difference,
        "demographic_parity_ratio": _counts.demographic_parity_ratio,
        "equalized_odds_difference": lambda c: _counts.equalized_odds_difference(c, undefined=undefined),
    }
    drawn = cells.resampled(resamples, rng)
    found = []
    for metric in DISPARITIES:
        value = float(definitions[metric](cells))
        interval = percentile_interval(definitions[metric](drawn))
        if interval and metric == "demographic_parity_ratio":
            interval = ratio_interval(cells, value, interval)
        elif interval:
            rates = (_counts.TPR, _counts.FPR) if metric == "equalized_odds_difference" else ("selection_rate",)
            interval = difference_interval(cells, rates, value, interval)
        found.append(
            Measure(
                metric,
                value if np.isfinite(value) else None,
                interval if np.isfinite(value) else None,
                n=int(cells.rows.sum()),
                group={column: name},
                better="higher" if metric == "demographic_parity_ratio" else "lower",
                small=small,
            )
        )
    return found


def chart_id(kind: str, column: str) -> str:
    """`<kind>_<column>`; what a file name or an address cannot hold becomes _, with a mark that keeps two apart."""
    safe = re.sub(r"[^\w. -]", "_", column)[:SHOWN]
    return f"{kind}_{safe}" if safe == column else f"{kind}_{safe}-{zlib.crc32(column.encode()):08x}"


def selection_rate_chart(grouping: Grouping, favourable: str) -> Chart:
    """The share of each group that is decided favourably, and four fifths of the highest."""
    rates, compared = grouping.cells.rate("selection_rate"), grouping.known & ~grouping.small
    selected, rows = grouping.cells.selected, grouping.cells.rows
    groups: list[dict[str, Any]] = []
    for index, name in enumerate(grouping.names):
        low, high = wilson(int(selected[index]), int(rows[index])) or (0.0, 1.0)
        groups.append(
            {
                "name": name,
                "n": int(rows[index]),
                "rate": float(rates[index]),
                "low": low,
                "high": high,
                "small": bool(grouping.small[index]),
            }
        )
    judged = [groups[index] for index in np.flatnonzero(compared)] or groups
    best = max(judged, key=lambda group: group["rate"])
    said = _said(judged)
    return Chart(
        id=chart_id("selection_rate", grouping.column),
        title=f"Selection rate by {grouping.column[:SHOWN]}",
        caption=f"Share decided “{favourable}”. {said}",
        alt=f"Bars of the share decided “{favourable}” by {grouping.column}, with 95 % intervals. {said}",
        data={
            "kind": "selection_rate",
            "column": grouping.column,
            "groups": groups,
            "best": best["name"],
            "four_fifths": 0.8 * best["rate"] if len(judged) > 1 and best["rate"] else None,
        },
    )


def count_chart(grouping: Grouping, favourable: str) -> Chart:
    """People in each group, how many are truly favourable, how many are decided so."""
    cells = grouping.cells
    groups: list[dict[str, Any]] = [
        {"name": name, "n": int(rows), "favourable": int(true), "selected": int(chosen)}
        for name, rows, true, chosen in zip(grouping.names, cells.rows, cells.favourable, cells.selected, strict=True)
    ]
    largest = max(groups, key=lambda group: group["n"])
    smallest = min(groups, key=lambda group: group["n"])
    said = (
        f"{smallest['name']} is the smallest with {smallest['n']:,} row{'s' * (smallest['n'] != 1)}, "
        f"{largest['name']} the largest with {largest['n']:,}; the model decides “{favourable}” for "
        f"{int(cells.selected.sum()):,} rows, {int(cells.favourable.sum()):,} truly are."
    )
    return Chart(
        id=chart_id("count", grouping.column),
        title=f"Rows by {grouping.column[:SHOWN]}",
        caption=f"{len(groups)} groups: {said}",
        alt=f"Bars of the rows of each group of {grouping.column}, truly and by decision “{favourable}”. {said}",
        data={"kind": "count", "column": grouping.column, "groups": groups},
    )


def _said(groups: list[dict[str, Any]]) -> str:
    """Female: 9 %, Male: 28 %; the lowest rate is 0.31 of the highest."""
    ordered = sorted(groups, key=lambda group: group["rate"])
    shown = groups if len(groups) <= 4 else [ordered[0], ordered[-1]]
    rates = ", ".join(f"{group['name']}: {100 * group['rate']:.3g} %" for group in shown)
    if len(groups) > len(shown):
        rates = f"Lowest and highest of {len(groups)} groups: {rates}"
    if len(groups) < 2 or not ordered[-1]["rate"]:
        return f"{rates}."
    return f"{rates}; the lowest rate is {ordered[0]['rate'] / ordered[-1]['rate']:.2f} of the highest."


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
