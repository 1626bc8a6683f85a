"""How does the answer change along each leading column: on average, for single cases, and where columns go together?

For the columns that move the answer most (by drawing each anew from other cases), three ways to look.
Individual conditional expectations, the thin lines: single cases, all else as it is, with the column at each value
(Goldstein and others 2015). Partial dependence: their mean (Friedman 2001). Accumulated local effects: changes between
neighbouring values of cases that are there, added up (Apley and Zhu 2020), for columns of numbers. Where columns go
together, partial dependence asks about cases that do not exist, a year of birth with another age; accumulated local
effects do not. Both are centred, so that 0 is the average answer.

effect_range, by column: the largest less the smallest value of partial dependence. ice_spread: how differently single
cases respond, the mean standard deviation of their centred lines as a share of the standard deviation of the answer;
where it is large, the average hides interactions. effect_disagreement: the largest distance between partial
dependence and accumulated effects, as a share of the larger range; where it is large, believe the latter. What is
explained is the same as in explainability.shap_importance: for boosted trees and logistic models the log odds.

What to do: read each curve as an expert of the subject would: does the answer rise where it should, and where does it
bend without a reason? Ask the developer about each that surprises.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.coder import Codes
from assessments.battery.explainability._effects import Effect, accumulated, lines
from assessments.battery.explainability._explaining import SPACE, Explainer
from assessments.battery.fairness._groups import chart_id
from assessments.battery.labels import as_text
from assessments.battery.spec import Chart, Measure, Metric, Needs, Outcome, Param, Table, battery_test
from assessments.battery.subject import Subject

Floats = NDArray[np.float64]
GRID = 24
MOST_CATEGORIES = 12
THIN = 40


@battery_test(
    title="Effects of single columns",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[
        Param("rows", 300, "Cases that the effects are of", quick=120, thorough=1_000, minimum=10, maximum=20_000),
        Param("columns", 6, "Leading columns to look at", quick=4, thorough=12, minimum=1, maximum=50),
        SPACE,
    ],
    metrics=[
        Metric("effect_range", "Range of the partial dependence", unit="score"),
        Metric("ice_spread", "How differently single cases respond", unit="share of spread"),
        Metric("effect_disagreement", "Distance of partial dependence from accumulated effects", better="lower",
               unit="share of range"),
    ],
    controls=[controls.NIST_EXPLANATION, controls.EU_EXPLANATION, controls.CONCEPTUAL_SOUNDNESS,
              controls.PRA_EXPLAINABILITY],
    charts=["effect_*"],
)  # fmt: skip
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    chosen = np.sort(rng.permutation(len(subject.frame))[: params["rows"]])
    how = {"walks": 1, "exact_up_to": 1, "space": params["space"]}
    explainer = Explainer(subject, subject.frame.take(chosen), params=how)
    rows = explainer.codes[0]
    rows = rows[: max(10, 500_000 // (len(subject.features) + GRID * params["columns"]))]
    leading = by_movement(explainer.raw, rows, rng)[: params["columns"]]
    spread = float(explainer.raw(rows).std())
    measures, charts, table = [], [], []
    for at, column in enumerate(leading):
        found = looked_at(subject, explainer, rows, column)
        own = measures_of(subject.features[column], found, spread, len(rows), explainer.space)
        measures += own
        charts.append(chart_of(explainer.space, subject.features[column], found, len(rows)))
        table.append([subject.features[column], *(m.value for m in own)])
        progress(at + 1, len(leading))
    heads = ["Column", "Range", "Spread of single cases", "Distance from accumulated effects"]
    tables = [Table("effects", "Effects of the leading columns", heads, pad(table, len(heads)))]
    return Outcome(measures, charts, tables, [])


def pad(rows: list[list[Any]], width: int) -> list[list[Any]]:
    return [row + [None] * (width - len(row)) for row in rows]


def by_movement(raw: Callable[[Codes], Floats], rows: Codes, rng: np.random.Generator) -> list[int]:
    """The columns, by how far the answer moves on average when each is drawn anew from the other rows."""
    before = raw(rows)
    moved = []
    for column in range(rows.shape[1]):
        other = rows.copy()
        other[:, column] = rng.permutation(rows[:, column])
        moved.append(float(np.abs(raw(other) - before).mean()))
    return [int(k) for k in np.argsort(-np.array(moved), kind="stable")]


@dataclass(frozen=True)
class Looked:
    """grid (k,) codes; cases (rows, k) centred lines; mean (k,): their mean; ale: for columns of numbers.

    names: the categories, for a column of them.
    """

    grid: Floats
    cases: Floats
    mean: Floats
    ale: Effect | None
    names: list[str]


def looked_at(subject: Subject, explainer: Explainer, rows: Codes, column: int) -> Looked:
    name, values = subject.features[column], rows[:, column]
    categories = subject.coder.categories.get(name)
    if categories is None:
        grid = grid_of(values, bool(subject.columns[name].integer))
    else:
        codes, counts = np.unique(values[np.isfinite(values)], return_counts=True)
        grid = np.sort(codes[np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]])
    cases = lines(explainer.raw, rows, column, grid)
    mean = cases.mean(axis=0)
    if categories is not None:
        order = np.argsort(mean, kind="stable")
        grid, cases, mean = grid[order], cases[:, order], mean[order]
    centre = float(explainer.raw(rows).mean())
    names = [] if categories is None else [as_text(categories[int(code)]) for code in grid]
    ale = accumulated(explainer.raw, rows, column) if categories is None else None
    return Looked(grid, cases - centre, mean - centre, ale, names)


def grid_of(values: Floats, whole: bool) -> Floats:
    """From the 2nd to the 98th of a hundred: half by the cases, half evenly, so that long tails are seen too."""
    known = values[np.isfinite(values)]
    if not len(known):
        return known
    by_cases = np.quantile(known, np.linspace(0.02, 0.98, GRID // 2), method="inverted_cdf")
    evenly = np.linspace(by_cases[0], by_cases[-1], GRID // 2)
    return np.union1d(by_cases, np.rint(evenly) if whole else evenly)


def measures_of(name: str, found: Looked, spread: float, n: int, space: str) -> list[Measure]:
    group = {"column": name}
    span = float(np.ptp(found.mean))
    own = found.cases - found.cases.mean(axis=1, keepdims=True)
    varied = float(own.std(axis=0).mean()) / spread if spread else None
    measures = [
        Measure("effect_range", span, n=n, group=group, unit=space),
        Measure("ice_spread", varied, n=n, group=group, unit="share of spread"),
    ]
    if found.ale is not None and len(found.grid) > 1:
        ale = found.ale.of(found.grid)
        apart = (found.mean - found.mean.mean()) - (ale - ale.mean())
        larger = max(span, float(np.ptp(ale)))
        value = float(np.abs(apart).max()) / larger if larger else None
        measures.append(
            Measure("effect_disagreement", value, n=n, group=group, unit="share of range", better="lower")
        )  # fmt: skip
    return measures


def chart_of(space: str, name: str, found: Looked, n: int) -> Chart:
    x = list(range(len(found.grid))) if found.names else found.grid.tolist()
    series = [{"name": "partial dependence", "x": x, "y": found.mean.tolist()}]
    if found.ale is not None and len(found.ale.at):
        inside = (found.ale.at >= found.grid[0]) & (found.ale.at <= found.grid[-1])
        series.append({"name": "accumulated effect", "x": found.ale.at[inside].tolist(),
                       "y": found.ale.effect[inside].tolist()})  # fmt: skip
    low, high = (int(np.argmin(found.mean)), int(np.argmax(found.mean))) if len(found.grid) else (0, 0)
    spoken = found.names or [f"{value:,.6g}" for value in found.grid]
    said = (
        f"Over {n} cases the average answer is lowest at {name} = {spoken[low]} ({found.mean[low]:+.2f}) and highest "
        f"at {spoken[high]} ({found.mean[high]:+.2f}), against the average. Partial dependence: the average answer if "
        "all cases had the value."
    )
    if len(series) > 1:
        said += " Accumulated effect: the same from cases near the value only, for columns that go together."
    thin = [] if found.names else [{"y": row.tolist()} for row in found.cases[:THIN]]
    return Chart(
        id=chart_id("effect", name),
        title=f"Effect of {name}",
        caption=said,
        alt=f"The answer along {name}: single cases, partial dependence, and accumulated effects. {said}",
        data={
            "kind": "effect",
            "x_label": name,
            "y_label": f"{space[:1].upper()}{space[1:]}, less its average",
            "x": x,
            "categories": found.names or None,
            "cases": thin,
            "series": series,
        },
    )
