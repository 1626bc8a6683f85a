"""Are there groups of cases in which the model is wrong far more often than elsewhere?

An average hides weak spots. We look at every value of every column (numbers in fifths), at every pair of them, and at
the leaves of a small tree, which may combine three columns. Each slice of enough rows is compared with all other rows.
For decisions: is the share of wrong ones larger than chance explains (Fisher's exact test, one-sided)? For numbers: is
the mean absolute error larger (normal limit)?

Thousands of comparisons find something even where nothing is. So only slices that survive Benjamini and Hochberg's
control (1995) are shown: of those at most 5 % are false. The tree is grown on one half of the rows and its leaves are
counted on the other half. A slice that is weak only for the rows it shares with worse ones is left out, and at most 15
are shown. The intervals are widened for having been selected (Benjamini and Yekutieli 2005).

A slice may be weak because its cases are hard. Unexpected error: wrong decisions beyond those that the model's own
probabilities announce; where that is well above 0 the model is wrong there and does not know it. Relative drop: how
much lower the accuracy is than elsewhere; Deepchecks warns from 20 %, PiML from 10 %.

What to do: for each weak spot ask whether such cases are hard or the model wrong, how many of them there will be, and
what an error costs there. Collect more rows of them, exclude them from the use, or have a person decide them; and
record which as a condition.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls, discovery_rate, stats
from assessments.battery.performance import _slicing
from assessments.battery.performance._slicing import Slice
from assessments.battery.spec import Chart, Measure, Metric, Needs, Outcome, Param, Table, battery_test
from assessments.battery.subject import Subject

MOST = 15
SHARE = 0.02
METRICS = [
    Metric("weak_slices", "Weak spots found", better="lower", unit="slices"),
    Metric("slice_accuracy_drop", "Accuracy lost in a weak spot, relative", better="lower"),
    Metric("slice_unexpected_error", "Wrong decisions beyond those announced", better="lower"),
    Metric("slice_error_ratio", "Mean error in a weak spot, times elsewhere", better="lower", unit="times elsewhere"),
]


@battery_test(
    title="Weak spots",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[
        Param("columns", 20, "Columns looked at", quick=12, thorough=60, minimum=1, maximum=500),
        Param("smallest", 30, "Rows of a slice, at least (and at least 2 % of all)", minimum=10, maximum=1_000_000),
    ],
    metrics=METRICS,
    controls=[
        controls.OUTCOMES_ANALYSIS,
        controls.PRA_TESTING,
        controls.OSFI_REVIEW,
        controls.EU_ACCURACY,
        controls.EU_BIAS_EXAMINATION,
        controls.NIST_TEST_METRICS,
    ],
    charts=["weak_spots"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    loss = _loss(subject)
    smallest = max(params["smallest"], int(np.ceil(SHARE * len(loss))))
    parts = _slicing.parts_of(subject, _slicing.leading_columns(subject, params["columns"]), smallest)
    found = _slicing.simple_slices(parts, loss, smallest)
    progress(1, 3)
    found += _slicing.tree_slices(parts, loss, max(smallest // 2, 15), rng)
    progress(2, 3)
    q_values = discovery_rate.q_values([one.p_value for one in found])
    sure = [one for one, q in zip(found, q_values, strict=True) if q <= discovery_rate.LEVEL and one.mean > one.rest]
    shown = _slicing.merged(sure, loss, MOST)
    surprise = _surprise(subject, loss)
    wide = _widened(len(shown), len(found))
    measures = [Measure("weak_slices", float(len(shown)), None, len(loss), unit="slices", better="lower")]
    for one in shown:
        measures += _measures(subject, one, loss, surprise, wide)
    notes = [
        f"{len(found):,} slices of at least {smallest:,} rows were compared; {len(sure):,} are worse than chance "
        f"explains at a false-discovery rate of 5 %, {len(shown)} remain when overlaps are merged."
    ]
    charts = [_chart(subject, shown, loss, wide)] if shown else []
    tables = [_table(subject, shown, loss, surprise, q_values, found)] if shown else []
    return Outcome(measures, charts, tables, notes, comparisons=len(found))


def _loss(subject: Subject) -> NDArray[np.float64]:
    if subject.task == "regression":
        return np.asarray(np.abs(subject.predicted - subject.y), dtype=float)
    return np.asarray(subject.predicted != subject.y, dtype=float)


def _surprise(subject: Subject, loss: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """(rows,) the loss less the chance of it that the model's own probabilities announce."""
    if subject.task == "regression" or not subject.scores_are_probabilities or subject.scores is None:
        return None
    decided = subject.scores[np.arange(len(loss)), subject.predicted].astype(float)
    return np.asarray(loss - (1 - decided))


def _widened(shown: int, compared: int) -> float:
    """The normal quantile of intervals of which a 95 % share holds, though only the selected ones are looked at."""
    from scipy.stats import norm

    level = (1 - stats.LEVEL) * max(shown, 1) / max(compared, 1)
    return float(norm.isf(min(level, 1 - stats.LEVEL) / 2))


def _measures(
    subject: Subject, one: Slice, loss: NDArray[np.float64], surprise: NDArray[np.float64] | None, wide: float
) -> list[Measure]:
    value, ci = _ratio(subject, one, loss, wide)
    name = "slice_error_ratio" if subject.task == "regression" else "slice_accuracy_drop"
    unit = "times elsewhere" if subject.task == "regression" else "ratio"
    measures = [Measure(name, value, ci, one.n, one.group, unit=unit, better="lower", p_value=one.p_value)]
    if surprise is not None:
        mine = surprise[one.counted]
        half = wide * float(mine.std(ddof=1) / np.sqrt(len(mine)))
        mean = float(mine.mean())
        interval = max(-1.0, mean - half), min(1.0, mean + half)
        measures.append(Measure("slice_unexpected_error", mean, interval, one.n, one.group, better="lower"))
    return measures


def _ratio(
    subject: Subject, one: Slice, loss: NDArray[np.float64], wide: float
) -> tuple[float | None, stats.Interval | None]:
    """Of mean errors, or 1 less the ratio of accuracies; the interval is normal in the logarithm (Katz 1978)."""
    others = _others(one, loss)
    if subject.task == "regression":
        a, b = loss[one.counted], others
        if not b.mean():
            return None, None
        error = np.sqrt(a.var(ddof=1) / len(a) / a.mean() ** 2 + b.var(ddof=1) / len(b) / b.mean() ** 2)
        ratio = a.mean() / b.mean()
        return float(ratio), (float(ratio * np.exp(-wide * error)), float(ratio * np.exp(wide * error)))
    right, elsewhere = one.n - float(loss[one.counted].sum()), len(others) - float(others.sum())
    if not elsewhere:
        return None, None
    ratio = right / one.n / (elsewhere / len(others))
    most = max(right, 0.5)  # a slice with no right decision still has an interval
    error = np.sqrt(max(1 / most - 1 / one.n, 0.0) + 1 / elsewhere - 1 / len(others))
    low, high = (max(ratio, most / one.n) * np.exp(sign * wide * error) for sign in (-1, 1))
    return float(1 - ratio), (float(1 - high), float(min(1 - low, 1.0) if right else 1.0))


def _others(one: Slice, loss: NDArray[np.float64]) -> NDArray[np.float64]:
    """The loss of the rows it is compared with: for a slice of a tree, of the half that it was counted on."""
    return loss[one.others]


def _text(one: Slice) -> str:
    return " and ".join(f"{column} is {value}" for column, value in one.group.items())


def _sentence(subject: Subject, one: Slice, surprise: NDArray[np.float64] | None) -> str:
    if subject.task == "regression":
        times = f"{one.mean / one.rest:.1f} times the {one.rest:.4g} elsewhere" if one.rest else "and 0 elsewhere"
        return f"Where {_text(one)} ({one.n:,} rows) the mean error is {one.mean:.4g}, {times}."
    said = f"Where {_text(one)} ({one.n:,} rows) {one.mean:.0%} of the decisions are wrong, {one.rest:.0%} elsewhere."
    if surprise is None:
        return said
    announced = one.mean - float(surprise[one.counted].mean())
    return f"{said} The model's own probabilities announce {announced:.0%}."


def _table(
    subject: Subject,
    shown: list[Slice],
    loss: NDArray[np.float64],
    surprise: NDArray[np.float64] | None,
    q_values: list[float],
    found: list[Slice],
) -> Table:
    q_of = {id(one): q for one, q in zip(found, q_values, strict=True)}
    rows = [
        [_sentence(subject, one, surprise), one.n, round(one.mean, 4), round(one.rest, 4), float(f"{one.p_value:.3g}"),
         float(f"{q_of[id(one)]:.3g}")]
        for one in shown
    ]  # fmt: skip
    what = "mean error" if subject.task == "regression" else "share wrong"
    return Table(
        "weak_spots",
        "Weak spots, the worst first",
        ["finding", "rows", what, f"{what} elsewhere", "p-value", "q-value"],
        rows,
        "q-value: the share of false findings among all that are at least as sure.",
    )


def _chart(subject: Subject, shown: list[Slice], loss: NDArray[np.float64], wide: float) -> Chart:
    number = subject.task == "regression"
    rows = []
    for one in shown:
        inside = loss[one.counted]
        half = wide * float(inside.std(ddof=1) / np.sqrt(len(inside)))
        low, high = max(0.0, one.mean - half), one.mean + half if number else min(1.0, one.mean + half)
        name = ", ".join(f"{column} {value}" for column, value in one.group.items())
        rows.append({"name": name, "value": one.mean, "low": low, "high": high, "n": one.n, "small": False})
    what = "Mean absolute error" if number else "Share of wrong decisions"
    average = float(loss.mean())
    said = f"{len(shown)} weak spots; the worst: {rows[0]['name']}, {shown[0].mean:.3g} against {average:.3g} overall."
    return Chart(
        "weak_spots",
        "Weak spots",
        f"{what} in each slice that is worse than chance explains, with intervals widened for the search. {said}",
        f"{what} by slice beside that of all rows. {said}",
        {
            "kind": "intervals",
            "row_label": "weak spot",
            "x_label": what,
            "limit": None,
            "limit_label": "",
            "beyond": "above",
            "ideal": average,
            "ideal_label": "all rows",
            "rows": rows,
        },
    )
