"""Which columns does the model read together, so that the effect of one depends on the value of the other?

A model without interactions could be told column by column; one with them cannot, and a list of importances leaves out
what it does. Models that are made of trees are read: interaction is the mean, over cases, of the absolute Shapley
interaction value of a pair (Grabisch and Roubens 1999; for trees Lundberg and others 2020), exact, of the columns of
the table: what both move the answer together beyond what each does alone. It has the unit of the SHAP values; the shap
library puts half of it into each of its two cells. interaction_share is the part of all movement that is in pairs and
in no single column. Both have 95 % intervals over the cases.

Other models are asked: interaction_h is Friedman's H (Friedman and Popescu 2008), between the columns that move the
answer most: 0 where the two add up, 1 where all that the pair does, it does together. Its interval is the jackknife's,
and right with 60 cases and more. A linear sum, such as a logistic regression on its log odds, has no interactions: that
is said, and nothing is computed.

The pairs are ordered by how far they move the answer. For the first, the picture shows how the answer goes along one
column at low, middle and high values of the other: lines that run in parallel say that the two do not interact.

What to do: read the strongest pair as an expert would. Where a sensitive column is in it, look at “Intersections of
groups”: a rule may hold for one group only.
"""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.coder import Codes
from assessments.battery.explainability._effects import lines
from assessments.battery.explainability._explaining import SPACE, Explainer, background_source
from assessments.battery.explainability._interactions import Together, asked, friedman
from assessments.battery.explainability._structure import Inside
from assessments.battery.explainability.effects import by_movement, grid_of
from assessments.battery.explainability.shap_importance import unit_of
from assessments.battery.fairness._groups import chart_id
from assessments.battery.labels import as_text
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, battery_test
from assessments.battery.stats import mean_interval, ratio_interval
from assessments.battery.subject import Subject

Floats = NDArray[np.float64]
MOST_PLAYERS = 60  # columns whose pairs are read
SHOWN = 12
MOST_LINES, MOST_CATEGORIES = 3, 12
LEVELS = ((0.1, "low"), (0.5, "middle"), (0.9, "high"))


@battery_test(
    title="Interactions between columns",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[
        Param("rows", 100, "Cases, where the model is read", quick=40, thorough=300, minimum=10, maximum=10_000),
        Param("background", 50, "Background cases, where the model is read", quick=30, thorough=100, minimum=2,
              maximum=1_000),
        Param("pairs", 20, "Pairs of columns to report, at most", minimum=1, maximum=400),
        Param("columns", 4, "Leading columns to ask about, where the model is asked", quick=3, thorough=6, minimum=2,
              maximum=20),
        Param("questions", 40_000, "Rows the model may be asked about", quick=22_000, thorough=300_000, minimum=1_000),
        SPACE,
    ],
    metrics=[
        Metric("interaction", "Mean absolute interaction of a pair", unit="score"),
        Metric("interaction_share", "Part of all movement that is in pairs of columns"),
        Metric("interaction_h", "Friedman's H of a pair", unit="H"),
    ],
    controls=[controls.NIST_EXPLANATION, controls.EU_EXPLANATION, controls.CONCEPTUAL_SOUNDNESS,
              controls.PRA_EXPLAINABILITY],
    charts=["interactions", "interaction_*"],
    explains=True,
)  # fmt: skip
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    if len(subject.features) < 2:
        raise NotApplicable("The model reads one column only: there is nothing that it could go together with.")
    chosen = np.sort(rng.permutation(len(subject.frame))[: params["rows"]])
    source = background_source(subject)
    others = rng.permutation(len(source))[: params["background"]]
    how = {"walks": 1, "exact_up_to": 1, "space": params["space"]}
    explainer = Explainer(subject, subject.frame.take(chosen), source.take(others), params=how)
    if explainer.inside is not None and not explainer.inside.trees:
        said = f"The model is a linear sum in its {explainer.space}: there, no column's effect depends on another."
        return Outcome([Measure("interaction_share", 0.0, (0.0, 0.0), n=len(chosen))], notes=[said])
    if explainer.inside is None:
        measures, pairs, notes = _asked_pairs(subject, explainer, params, rng, progress)
    else:
        measures, pairs, notes = _read_pairs(subject, explainer, explainer.inside, params)
        progress(1, 1)
    charts = [_pairs_chart(subject, explainer, measures, len(chosen))] if pairs else []
    charts += [_lines_chart(subject, explainer, *pairs[0])] if pairs else []
    return Outcome(measures, charts, notes=notes)


Pairs = list[tuple[int, int]]
Found = tuple[list[Measure], Pairs, list[str]]
Progress = Callable[[int, int], None]


def _group(subject: Subject, pair: tuple[int, int]) -> dict[str, str]:
    return {"column": subject.features[pair[0]], "with": subject.features[pair[1]]}


def _read_pairs(subject: Subject, explainer: Explainer, inside: Inside, params: dict[str, Any]) -> Found:
    """Of trees: all pairs of the leading columns, the strongest first."""
    mine, theirs = explainer.codes
    values = inside.values(mine, theirs)
    by_size = np.argsort(-np.abs(values).mean(axis=0), kind="stable")
    among = [int(k) for k in by_size[:MOST_PLAYERS] if values[:, k].any()]
    found = inside.interactions(mine, theirs, among)
    size = np.abs(found)
    strength = size.mean(axis=0)
    order = sorted(combinations(range(len(among)), 2), key=lambda pair: -strength[pair])
    strong = [pair for pair in order[: params["pairs"]] if strength[pair]]
    measures = [_share(values[:, among], found)]
    for pair in strong:
        ci = mean_interval(size[:, pair[0], pair[1]])
        group = _group(subject, (among[pair[0]], among[pair[1]]))
        measures.append(Measure("interaction", float(strength[pair]), ci, n=len(mine), group=group,
                                unit=explainer.space))  # fmt: skip
    notes = ["Interaction values are exact: read from the model's trees, each column of the table one player."]
    if len(by_size) > MOST_PLAYERS:
        notes.append(f"Pairs are among the {MOST_PLAYERS} columns of the largest SHAP values.")
    return measures, [(among[one], among[other]) for one, other in strong], notes


def _share(values: Floats, found: Floats) -> Measure:
    """Absolute movement by pairs, of that by pairs and by columns alone: a column's value less half of its pairs'."""
    pairs = np.abs(found).sum(axis=(1, 2)) / 2
    alone = np.abs(values - found.sum(axis=2) / 2).sum(axis=1)
    n, both = len(values), pairs + alone
    if not both.any():
        return Measure("interaction_share", 0.0, (0.0, 0.0), n=n)
    ci = ratio_interval(pairs, both)
    return Measure("interaction_share", float(pairs.sum() / both.sum()), (ci[0], min(ci[1], 1.0)) if ci else None, n=n)


def _asked_pairs(
    subject: Subject, explainer: Explainer, params: dict[str, Any], rng: np.random.Generator, progress: Progress
) -> Found:
    """Of any other model: Friedman's H between the leading columns, on as many rows as the questions allow."""
    source = subject.coder.encode(subject.frame[subject.features])
    k = min(params["columns"], source.shape[1])
    n = min(len(source), int(np.sqrt(params["questions"] / (k * (k + 1) / 2))))
    rows = source[np.sort(rng.permutation(len(source))[:n])]
    leading = by_movement(explainer.raw, rows, rng)[:k]
    single = {column: asked(explainer.raw, rows, [column]) for column in leading}
    found: dict[tuple[int, int], Together] = {}
    for pair in combinations(leading, 2):
        found[pair] = friedman(asked(explainer.raw, rows, list(pair)), single[pair[0]], single[pair[1]])
        progress(len(found), k * (k - 1) // 2)
    order = sorted(found, key=lambda pair: -found[pair].size)[: params["pairs"]]
    measures = [
        Measure("interaction_h", found[pair].h, found[pair].ci, n=n, group=_group(subject, pair), unit="H")
        for pair in order
    ]
    notes = [f"The model is asked: {k} leading columns, on {n} cases with the values of each of them."]
    return measures, [pair for pair in order if found[pair].h is not None], notes


def _pairs_chart(subject: Subject, explainer: Explainer, measures: list[Measure], n: int) -> Chart:
    pairs = [m for m in measures if m.group and m.value is not None][:SHOWN]
    read = pairs[0].metric == "interaction"
    unit = f"mean |interaction| ({unit_of(subject, explainer.space)})" if read else "Friedman's H: 0 none, 1 all"
    first = pairs[0]
    said = (
        f"On {first.n} cases {first.group['column']} and {first.group['with']} do most together: "
        + (f"{first.value:.3f} on average beyond what each does alone." if read else f"H {first.value:.2f}.")
    )  # fmt: skip
    if measures[0].metric == "interaction_share":
        said += f" {measures[0].value:.0%} of all movement is in pairs of columns."
    features = [
        {
            "name": f"{m.group['column']} × {m.group['with']}",
            "value": m.value,
            "low": (m.ci or (None, None))[0],
            "high": (m.ci or (None, None))[1],
            "sensitive": bool({m.group["column"], m.group["with"]} & set(subject.sensitive)),
        }
        for m in pairs
    ]
    return Chart(
        id="interactions",
        title="Columns that are read together",
        caption=said,
        alt=f"Bars of how far each pair of columns moves the answer together. {said}",
        data={"kind": "shap_importance", "unit": unit, "features": features},
    )


def _lines_chart(subject: Subject, explainer: Explainer, one: int, other: int) -> Chart:
    """Partial dependence along one column of the pair at a few values of the other; along numbers where there are."""
    texts = subject.coder.categories
    if subject.features[one] in texts and subject.features[other] not in texts:
        one, other = other, one
    along, beside = subject.features[one], subject.features[other]
    rows = explainer.codes[0]
    grid, names = _grid(subject, rows, one)
    centre = float(explainer.raw(rows).mean())
    series = []
    for value, spoken in _levels(subject, rows, other):
        held = rows.copy()
        held[:, other] = value
        y = lines(explainer.raw, held, one, grid).mean(axis=0) - centre
        series.append({"name": spoken, "x": list(range(len(grid))) if names else grid.tolist(), "y": y.tolist()})
    said = _spoken(series, along, beside)
    return Chart(
        id=chart_id("interaction", f"{along}_{beside}"),
        title=f"Effect of {along} at values of {beside}",
        caption=said,
        alt=f"The average answer along {along}, a line for each of some values of {beside}. {said}",
        data={
            "kind": "effect",
            "x_label": along,
            "y_label": f"{explainer.space[:1].upper()}{explainer.space[1:]}, less its average",
            "x": list(range(len(grid))) if names else grid.tolist(),
            "categories": names or None,
            "cases": [],
            "series": series,
        },
    )


def _grid(subject: Subject, rows: Codes, column: int) -> tuple[Floats, list[str]]:
    name = subject.features[column]
    if name not in subject.coder.categories:
        return grid_of(rows[:, column], bool(subject.columns[name].integer)), []
    codes, counts = np.unique(rows[np.isfinite(rows[:, column]), column], return_counts=True)
    grid = np.sort(codes[np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]])
    return grid, [as_text(subject.coder.categories[name][int(code)]) for code in grid]


def _levels(subject: Subject, rows: Codes, column: int) -> list[tuple[float, str]]:
    """The most frequent categories, or a low, a middle and a high value."""
    name, known = subject.features[column], rows[np.isfinite(rows[:, column]), column]
    if name in subject.coder.categories:
        codes, counts = np.unique(known, return_counts=True)
        top = codes[np.argsort(-counts, kind="stable")[:MOST_LINES]]
        return [(float(code), as_text(subject.coder.categories[name][int(code)])) for code in top]
    found: dict[float, str] = {}
    for share, word in LEVELS:
        value = float(np.quantile(known, share, method="inverted_cdf")) if len(known) else 0.0
        found.setdefault(value, f"{value:,.6g} ({word})")
    if len(found) == 1 and len(known):
        value = float(known.max())
        found.setdefault(value, f"{value:,.6g} (highest)")
    return list(found.items())


def _spoken(series: list[dict[str, Any]], along: str, beside: str) -> str:
    spans = [(float(np.ptp(one["y"])) if one["y"] else 0.0, one["name"]) for one in series]
    least, most = min(spans), max(spans)
    if len(spans) < 2:
        return f"Of {beside} one value only is there to look at."
    return (
        f"Along {along} the answer moves by {most[0]:.2f} where {beside} is {most[1]}, and by {least[0]:.2f} "
        f"where it is {least[1]}; lines in parallel would say that the two do not interact."
    )
