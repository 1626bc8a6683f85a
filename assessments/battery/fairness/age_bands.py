"""Would another choice of age bands have told another story?

A number such as age must be cut into groups before groups can be compared, and the cut can hide a disparity or make
one. So each sensitive column of numbers is cut in three ways, and the bands are always printed: at the age that the
law protects (40 and over under the US Age Discrimination in Employment Act; another with legal_age), in decades, and
in quantiles of about equal size. Numbers that do not look like ages have no legal cut and bands of one width. For each
way: selection_rate, tpr and fpr of the bands, and between them demographic_parity_difference and _ratio and
equalized_odds_difference, as under Group fairness.

The strip shows the impact ratio for twenty ways to cut: at eight ages, in bands of five kinds, in two to eight
quantiles. impact_ratio_lowest and _highest are the ends of the strip; choices_below_four_fifths is the share of the
ways that fall below 0.8. Extremes over twenty ways have no interval; each way has its own in the strip. A small band is
left out of the comparison, as everywhere; a way that leaves fewer than two bands has no value.

What to do: where the verdict depends on the bands, a pass for one choice of them proves nothing. Take the bands that
the law or the policy names, state them before the test, and report the worst beside them.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from assessments.battery import controls
from assessments.battery.banding import MOST_VALUES
from assessments.battery.fairness._bins import Bins, Floats, choices, modes
from assessments.battery.fairness._counts import Cells
from assessments.battery.fairness._disparities import ALL_GROUPS, disparities
from assessments.battery.fairness._groups import (
    RESAMPLES,
    SHOWN,
    SIZE_PARAMS,
    Grouping,
    chart_id,
    decided_favourably,
    group_measures,
    small_groups,
)
from assessments.battery.fairness.group_metrics import BETWEEN_GROUPS, DISPARITIES
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, Table, battery_test
from assessments.battery.subject import Subject

RATES = ("selection_rate", "tpr", "fpr")
FOUR_FIFTHS = 0.8
RATIO = "demographic_parity_ratio"


@battery_test(
    title="Age in different bands",
    needs=Needs(sensitive=True),
    params=[
        RESAMPLES,
        *SIZE_PARAMS,
        Param("legal_age", 40, "Age from which the law protects", minimum=1, maximum=120),
        Param("quantiles", 5, "Quantile bands", minimum=2, maximum=20),
    ],
    metrics=[
        Metric("count", "Rows in the band", unit="rows"),
        Metric("selection_rate", "Selection rate"),
        Metric("tpr", "True positive rate"),
        Metric("fpr", "False positive rate"),
        *BETWEEN_GROUPS,
        Metric("impact_ratio_lowest", "Lowest impact ratio of all ways to cut", better="higher"),
        Metric("impact_ratio_highest", "Highest impact ratio of all ways to cut", better="higher"),
        Metric("choices_below_four_fifths", "Ways to cut that fall below four-fifths", better="lower"),
    ],
    controls=[
        controls.NIST_FAIRNESS,
        controls.EU_BIAS_EXAMINATION,
        controls.ADVERSE_IMPACT,
        controls.ISO_BIAS,
    ],
    charts=["bin_sensitivity_*"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    columns = [name for name in subject.sensitive if _is_banded(subject, name)]
    if not columns:
        raise NotApplicable("No sensitive column holds numbers that must be cut into bands, such as age.")
    measures: list[Measure] = []
    charts: list[Chart] = []
    tables: list[Table] = []
    notes: list[str] = []
    for done, column in enumerate(columns):
        numbers = subject.frame[column].to_numpy(dtype=float)
        for bins in modes(numbers, params["legal_age"], params["quantiles"]):
            grouping = _cut(subject, column, numbers, bins, params)
            found = group_measures(grouping, RATES)
            found += disparities(grouping, DISPARITIES, params["resamples"], rng, notes)
            measures += [replace(measure, group={**measure.group, "bands": bins.mode}) for measure in found]
        ways = [(bins, _cut(subject, column, numbers, bins, params)) for bins in choices(numbers)]
        rows = [_way(bins, grouping, params["resamples"], rng) for bins, grouping in ways]
        measures += _extremes(column, rows)
        charts.append(_strip(column, rows))
        tables.append(_table(column, ways, rows))
        progress(done + 1, len(columns))
    return Outcome(measures, charts, tables, notes)


def _is_banded(subject: Subject, column: str) -> bool:
    return subject.columns[column].kind == "number" and subject.frame[column].nunique() > MOST_VALUES


def _cut(subject: Subject, column: str, numbers: Floats, bins: Bins, params: dict[str, Any]) -> Grouping:
    names, codes = bins.groups(numbers)
    cells = Cells.of(codes, subject.y_favourable, decided_favourably(subject), len(names))
    return Grouping((column,), [(name,) for name in names], cells, small_groups(cells.rows, params))


def _way(bins: Bins, grouping: Grouping, resamples: int, rng: np.random.Generator) -> dict[str, Any]:
    """One row of the strip: the measures of the bands that are not small; null where fewer than two are."""
    judged = grouping.known & ~grouping.small
    row: dict[str, Any] = {"name": bins.title, "n": int(grouping.cells.rows[judged].sum())}
    names = [part for part, counted in zip(grouping.parts, judged, strict=True) if counted]
    kept = Grouping(grouping.columns, names, grouping.cells.only(judged), grouping.small[judged])
    found = {} if len(names) < 2 else {m.metric: m for m in disparities(kept, DISPARITIES, resamples, rng, [])}
    ratio = found.get(RATIO)
    low, high = ratio.ci if ratio and ratio.ci else (None, None)
    others = {metric: found[metric].value for metric in found if metric != RATIO}
    return {**row, "value": ratio.value if ratio else None, "low": low, "high": high, "small": False, "others": others}


def _extremes(column: str, rows: list[dict[str, Any]]) -> list[Measure]:
    values = [row["value"] for row in rows if row["value"] is not None]
    group, n = {column: ALL_GROUPS}, max((row["n"] for row in rows), default=0)
    if not values:
        return []
    below = float(np.mean(np.array(values) < FOUR_FIFTHS))
    return [
        Measure("impact_ratio_lowest", min(values), n=n, group=group, better="higher"),
        Measure("impact_ratio_highest", max(values), n=n, group=group, better="higher"),
        Measure("choices_below_four_fifths", below, n=n, group=group, better="lower"),
    ]


def _strip(column: str, rows: list[dict[str, Any]]) -> Chart:
    known = [row for row in rows if row["value"] is not None]
    below = sum(row["value"] < FOUR_FIFTHS for row in known)
    said = "No way to cut leaves two bands that are large enough."
    if known:
        worst, best = (pick(known, key=lambda row: row["value"]) for pick in (min, max))
        said = (
            f"From {worst['value']:.2f} ({worst['name']}) to {best['value']:.2f} ({best['name']}); "
            f"{below} of {len(known)} ways fall below four-fifths."
        )
    return Chart(
        id=chart_id("bin_sensitivity", column),
        title=f"Impact ratio by the choice of {column[:SHOWN]} bands",
        caption=f"The lowest over the highest selection rate for {len(rows)} ways to cut. {said}",
        alt=f"A dot with its interval for each way to cut {column} into bands. {said}",
        data={
            "kind": "intervals",
            "row_label": "bands",
            "x_label": "Impact ratio",
            "limit": FOUR_FIFTHS,
            "beyond": "below",
            "limit_label": "shaded: below four-fifths",
            "ideal": 1.0,
            "ideal_label": "all bands selected equally often",
            "rows": [{key: row[key] for key in ("name", "n", "value", "low", "high", "small")} for row in rows],
        },
    )


def _table(column: str, ways: list[tuple[Bins, Grouping]], rows: list[dict[str, Any]]) -> Table:
    """Which bands each way makes, and what it finds."""
    return Table(
        id=chart_id("bins", column),
        title=f"Ways to cut {column[:SHOWN]}",
        columns=[
            "bands",
            "groups",
            "rows compared",
            "impact ratio",
            *(d.metric for d in DISPARITIES if d.metric != RATIO),
        ],
        rows=[
            [
                bins.title,
                ", ".join(grouping.names),
                row["n"],
                row["value"],
                *(row["others"].get(d.metric) for d in DISPARITIES if d.metric != RATIO),
            ]
            for (bins, grouping), row in zip(ways, rows, strict=True)
        ],
        note="Small bands are left out of the comparison.",
    )
