"""Does the model decide differently for different groups of people?

For each sensitive column: how many people are in each group, how many of them the model selects, and how often it is
right about them. selection_rate: decided favourably / all. tpr: decided favourably / truly favourable. fpr: decided
favourably / truly not. ppv: truly favourable / decided favourably. With more than two classes, favourable against the
rest. Between the groups of a column (group "*"): demographic_parity_difference, highest minus lowest selection rate;
demographic_parity_ratio, lowest over highest, the impact ratio of the four-fifths rule of thumb (UGESP, 29 CFR
1607.4(D)); equalized_odds_difference, the greater of the differences in tpr and fpr (Hardt, Price, Srebro 2016). The
values equal Fairlearn's. selection_rate_p_value: how often chance alone would set rates of one and the same level this
far apart (Fisher's exact test for two groups, else a chi-square test): practice puts it beside the ratio. Rows whose
group is missing form a group of their own and are not compared.

A rate of eleven people says little. Where a group is small, or a rate divides by no row, the "*" values are reported
and marked, and a second value "* without small groups" is the one that is judged. Intervals, 95 %: Wilson for a rate;
for a comparison, the end away from parity is the percentile of the bootstrap of the rows, drawn as one multinomial over
group × label × decision, or that of the extreme pair's own interval where it lies further, and the end towards parity
is what some pair of groups is shown to differ by, all pairs considered (Newcombe 1998; Donner and Zou 2012), since
noise alone draws the extremes of several groups apart.

What to do: where a group is favoured less, first see whether the data say the same of it and whether the label can be
trusted; then “Parity among like people” and “Mitigation what-if”. Raise a finding with the owner's reason, or have the
model changed. A ratio above four fifths is no proof of fairness.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from assessments.battery import controls
from assessments.battery.fairness._disparities import ALL_GROUPS, LARGE_GROUPS, Disparity, disparities
from assessments.battery.fairness._groups import (
    RESAMPLES,
    SHOWN,
    SIZE_PARAMS,
    Grouping,
    chart_id,
    decided_favourably,
    group_measures,
)
from assessments.battery.fairness._significance import homogeneity
from assessments.battery.spec import Chart, Measure, Metric, Needs, Outcome, battery_test
from assessments.battery.stats import wilson
from assessments.battery.subject import Subject

__all__ = ["chart_id", "run"]

RATES = ("selection_rate", "tpr", "fpr", "ppv")
DISPARITIES = (
    Disparity("demographic_parity_difference", ("selection_rate",)),
    Disparity("demographic_parity_ratio", ("selection_rate",), "ratio"),
    Disparity("equalized_odds_difference", ("tpr", "fpr")),
)
OF_GROUPS = (
    Metric("count", "Rows in the group", unit="rows"),
    Metric("selection_rate", "Selection rate"),
    Metric("tpr", "True positive rate"),
    Metric("fpr", "False positive rate"),
    Metric("ppv", "Positive predictive value"),
)
BETWEEN_GROUPS = (
    Metric("demographic_parity_difference", "Demographic parity difference", better="lower"),
    Metric("demographic_parity_ratio", "Demographic parity ratio (impact ratio)", better="higher"),
    Metric("equalized_odds_difference", "Equalized odds difference", better="lower"),
)


@battery_test(
    title="Group fairness",
    needs=Needs(sensitive=True),
    params=[RESAMPLES, *SIZE_PARAMS],
    metrics=[
        *OF_GROUPS,
        *BETWEEN_GROUPS,
        Metric("selection_rate_p_value", "P value of equal selection rates", unit="p"),
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
    headline=("selection_rate_*",),
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    selected = decided_favourably(subject)
    measures: list[Measure] = []
    charts: list[Chart] = []
    notes: list[str] = []
    for done, column in enumerate(subject.sensitive):
        grouping = Grouping.of(subject, column, params, selected)
        measures += group_measures(grouping, RATES)
        measures += disparities(grouping, DISPARITIES, params["resamples"], rng, notes) + p_values(grouping)
        charts += [selection_rate_chart(grouping, subject.favourable), count_chart(grouping, subject.favourable)]
        progress(done + 1, len(subject.sensitive))
    return Outcome(measures, charts, notes=notes)


def p_values(grouping: Grouping) -> list[Measure]:
    """Of the selection rates, over the groups that the disparities are over."""
    known, large = grouping.known, grouping.known & ~grouping.small
    over = [(ALL_GROUPS, known)] if (known == large).all() else [(ALL_GROUPS, known), (LARGE_GROUPS, large)]
    found = []
    for name, groups in over:
        top, bottom = grouping.cells.only(groups).fraction("selection_rate")
        if len(top) > 1:
            small = bool((grouping.small & groups).any())
            group, value = grouping.between(name), homogeneity(top, bottom)
            found.append(
                Measure("selection_rate_p_value", value, n=int(bottom.sum()), group=group, unit="p", small=small)
            )
    return found


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
        id=chart_id("selection_rate", grouping.title),
        title=f"Selection rate by {grouping.title[:SHOWN]}",
        caption=f"Share decided “{favourable}”. {said}",
        alt=f"Bars of the share decided “{favourable}” by {grouping.title}, with 95 % intervals. {said}",
        data={
            "kind": "selection_rate",
            "column": grouping.title,
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
        id=chart_id("count", grouping.title),
        title=f"Rows by {grouping.title[:SHOWN]}",
        caption=f"{len(groups)} groups: {said}",
        alt=f"Bars of the rows of each group of {grouping.title}, truly and by decision “{favourable}”. {said}",
        data={"kind": "count", "column": grouping.title, "groups": groups},
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
