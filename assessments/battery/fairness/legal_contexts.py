"""What would the law of each place look at?

Fairness has no one number: which figure means anything depends on the law that applies. This test shows the same
decisions as four contexts ask for them: US employment (the four-fifths rule of thumb, 29 CFR 1607.4(D)), New York City
Local Law 144 with its published tables, US credit (ECOA, Regulation B), and the EU AI Act. The contexts are dated
data; the parameter contexts names the one that applies, and without it all stand side by side.

impact_ratio: the selection rate of a category over that of the most selected one. For Local Law 144 the categories of
each sensitive column and of each two crossed are listed; where the model gives a score also the scoring rate, the
share of a category above the median of all, and its impact ratio (6 RCNY 5-300). Categories below 2 % of the rows are
listed with their rate, without a ratio, and cannot be the most selected: the Uniform Guidelines and Local Law 144 allow
that, and a rate of six people would else be everybody's yardstick. shortfall: how many more selected people would bring
a category to the limit of its context.

These figures are evidence toward a clause, never compliance with it, and no legal advice. Intervals, 95 %, of the
ratio: from Wilson's of either rate (Donner and Zou 2012); P values: Fisher's exact test against the most selected.

What to do: ask counsel which of these laws holds for this use. A ratio below a screen is a reason to justify the
practice and to look for a less unequal one, not a finding of law.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from assessments.battery import controls
from assessments.battery.fairness._crossing import crossed, crossings
from assessments.battery.fairness._groups import SHOWN, SIZE_PARAMS, Grouping, chart_id, decided_favourably, listed
from assessments.battery.fairness._intervals import pair_ratio_interval
from assessments.battery.fairness._legal import Context, as_of, caution, contexts
from assessments.battery.fairness._significance import two_rates
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, Table, battery_test
from assessments.battery.subject import Subject

MOST_CROSSINGS = 3
MOST_CATEGORIES = 60
MOST_TABLES = 48
LEAVE_OUT_BELOW = 0.02  # share of the rows; of measures and charts, which are of no one context


@dataclass(frozen=True)
class Category:
    """One group as a table of law shows it. ratio and p_value: against the most selected; None where left out."""

    name: str
    group: dict[str, str]
    rows: int
    selected: int
    rate: float
    ratio: float | None
    ci: tuple[float, float] | None
    p_value: float | None
    difference: float | None
    tpr: float | None
    fpr: float | None
    best_rate: float
    small: bool


@battery_test(
    title="Legal contexts",
    needs=Needs(sensitive=True),
    params=[
        *SIZE_PARAMS,
        Param("contexts", "all", "Legal contexts by comma: eeoc, nyc_ll144, ecoa, eu; or all"),
    ],
    metrics=[
        Metric("impact_ratio", "Impact ratio to the most selected category", better="higher"),
        Metric("scoring_impact_ratio", "Impact ratio of scoring above the median", better="higher"),
    ],
    controls=[
        controls.ADVERSE_IMPACT,
        controls.IMPACT_RECORDS,
        controls.DISPARATE_IMPACT,
        controls.NYC_DEFINITIONS,
        controls.NYC_IMPACT_RATIO,
        controls.NYC_SCORE_TOOLS,
        controls.NYC_SMALL_CATEGORIES,
        controls.NYC_PUBLISHED,
        controls.ECOA_EFFECTS_TEST,
        controls.EU_BIAS_EXAMINATION,
        controls.EU_BIAS_MITIGATION,
        controls.EU_DATA_QUALITY,
        controls.EU_SENSITIVE_DATA,
    ],
    charts=["impact_ratio_*"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    try:
        asked = contexts(params["contexts"])
    except ValueError as error:
        raise NotApplicable(str(error)) from error
    selected = decided_favourably(subject)
    alone = {column: Grouping.of(subject, column, params, selected) for column in subject.sensitive}
    pairs = crossings(subject.sensitive, 2, MOST_CROSSINGS)[0] if any(one.intersections for one in asked) else []
    crossed_by = {columns: crossed(subject, columns, selected, MOST_CATEGORIES, params).grouping for columns in pairs}
    measures: list[Measure] = []
    charts: list[Chart] = []
    for column, grouping in alone.items():
        found = categories(grouping, LEAVE_OUT_BELOW)
        measures += [_measure("impact_ratio", one) for one in found]
        charts.append(_chart(column, found))
    tables = [
        _table(context, grouping)
        for context in asked
        for grouping in (*alone.values(), *(crossed_by.values() if context.intersections else ()))
    ]
    if any(one.id == "nyc_ll144" for one in asked) and subject.favourable_score is not None:
        above = subject.favourable_score > np.median(subject.favourable_score)
        scored = {column: Grouping.of(subject, column, params, np.asarray(above)) for column in subject.sensitive}
        for column, grouping in scored.items():
            measures += [_measure("scoring_impact_ratio", one) for one in categories(grouping, LEAVE_OUT_BELOW)]
            tables.append(_scoring_table(column, grouping))
    progress(1, 1)
    notes = [f"{one.title} (evidence toward {', '.join(one.clauses)}; as of {as_of()}). {one.reads}" for one in asked]
    if len(tables) > MOST_TABLES:
        notes.append(
            f"{len(tables)} tables would be long to read: the first {MOST_TABLES} are shown. Name one context."
        )
    return Outcome(measures, charts, tables[:MOST_TABLES], [*notes, caution()])


def categories(grouping: Grouping, leave_out_below: float) -> list[Category]:
    """Every known category; those with a smaller share of the known rows have no ratio."""
    cells = grouping.cells
    known, rows, selected = grouping.known, cells.rows, cells.selected
    counted = known & (rows >= leave_out_below * rows[known].sum()) & (rows > 0)
    rates = {name: cells.rate(name) for name in ("selection_rate", "tpr", "fpr")}
    rate = rates["selection_rate"]
    best = int(np.argmax(np.where(counted, rate, -1.0))) if counted.any() else -1
    found = []
    for at in np.flatnonzero(known & (rows > 0)):
        one = (int(selected[at]), int(rows[at]))
        top = (int(selected[best]), int(rows[best]))
        compared = bool(counted[at]) and top[0] > 0
        itself = at == best
        found.append(
            Category(
                name=grouping.names[at],
                group=grouping.group(int(at)),
                rows=one[1],
                selected=one[0],
                rate=float(rate[at]),
                ratio=float(rate[at] / rate[best]) if compared else None,
                ci=pair_ratio_interval(one, top) if compared and not itself else None,
                p_value=two_rates(np.array([one[0], top[0]]), np.array([one[1], top[1]]))
                if compared and not itself
                else None,
                difference=float(rate[at] - rate[best]) if compared else None,
                tpr=_or_none(rates["tpr"][at]),
                fpr=_or_none(rates["fpr"][at]),
                best_rate=float(rate[best]),
                small=bool(grouping.small[at]),
            )
        )
    return found


def shortfall(one: Category, limit: float) -> int:
    """How many more of the category would have to be selected to reach `limit` times the highest rate."""
    return max(0, ceil(limit * one.best_rate * one.rows - one.selected - 1e-9))


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _measure(metric: str, one: Category) -> Measure:
    return Measure(metric, one.ratio, one.ci, n=one.rows, group=one.group, better="higher", small=one.small)


def _table(context: Context, grouping: Grouping) -> Table:
    found = categories(grouping, context.leave_out_below)
    rows = [[one.name, *(_cell(one, column, context) for column in context.columns)] for one in found]
    unknown = int(grouping.cells.rows[~grouping.known].sum())
    left_out = [one.name for one in found if one.ratio is None and one.best_rate > 0]
    note = f"{context.scope} {unknown:,} people of unknown category are not shown." if unknown else context.scope
    if left_out:
        note += f" Below {context.leave_out_below:.0%} of the rows, without a ratio: {listed(left_out)}."
    if context.limit is not None:
        below = [one.name for one in found if one.ratio is not None and one.ratio < context.limit]
        note += f" Below {context.limit:g}: {listed(below)}." if below else f" None is below {context.limit:g}."
    title = f"{context.title} · {grouping.title}"
    return Table(chart_id(context.id, grouping.title), title[:200], [grouping.title, *context.columns], rows, note)


def _cell(one: Category, column: str, context: Context) -> float | int | None:
    low, high = one.ci or (None, None)
    values: dict[str, float | int | None] = {
        "rows": one.rows,
        "selected": one.selected,
        "selection rate": one.rate,
        "impact ratio": one.ratio,
        "low": low,
        "high": high,
        "p value": one.p_value,
        "difference": one.difference,
        "true positive rate": one.tpr,
        "false positive rate": one.fpr,
        "shortfall": None if one.ratio is None or context.limit is None else shortfall(one, context.limit),
    }
    value = values[column]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _scoring_table(column: str, grouping: Grouping) -> Table:
    """As 6 RCNY 5-301(c) asks for a tool that scores: the median of all, and who is above it."""
    rows = [
        [one.name, one.rows, round(one.rate, 6), None if one.ratio is None else round(one.ratio, 6)]
        for one in categories(grouping, LEAVE_OUT_BELOW)
    ]
    title = f"New York City Local Law 144: scoring rates · {grouping.title}"
    note = "Scoring rate: the share of the category that is scored above the median of all."
    return Table(
        chart_id("nyc_scoring", column), title[:200], [column, "rows", "scoring rate", "impact ratio"], rows, note
    )


def _chart(column: str, found: list[Category]) -> Chart:
    rows = [
        {
            "name": one.name,
            "n": one.rows,
            "value": one.ratio,
            "low": one.ci[0] if one.ci else None,
            "high": one.ci[1] if one.ci else None,
            "small": one.small,
        }
        for one in found
    ]
    known = sorted((one for one in found if one.ratio is not None and not one.small), key=lambda one: one.ratio or 0.0)
    said = "Nobody is selected." if not known else f"Lowest: {known[0].name} with {known[0].ratio:.2f}."
    return Chart(
        id=chart_id("impact_ratio", column),
        title=f"Impact ratio by {column[:SHOWN]}",
        caption=f"Selection rate over that of the most selected category. {said}",
        alt=f"A dot with its 95 % interval for each category of {column}. {said}",
        data={
            "kind": "intervals",
            "row_label": column,
            "x_label": "Impact ratio",
            "limit": 0.8,
            "beyond": "below",
            "limit_label": "shaded: below four-fifths, a rule of thumb of US employment law",
            "ideal": 1.0,
            "ideal_label": "as often as the most selected",
            "rows": rows,
        },
    )
