"""Is a number that the model predicts too high, too low or less certain for some groups?

For each group of each sensitive column, in units of the target: mean_prediction; mean_error, predicted less true (above
0: the group is predicted too high); mae, the mean absolute error; rmse, the root of the mean squared error. Between
the groups (group "*"): mean_prediction_difference, mean_error_difference and mae_difference, highest less lowest;
mae_ratio, lowest over highest; worst_group_rmse, the bounded group loss (Agarwal, Dudik, Wu 2019);
standardized_mean_difference, the furthest that the mean prediction of a group lies from that of everybody else, in
standard deviations of all predictions; prediction_ks, the largest gap between the distribution of a group's
predictions and that of everybody else (statistical parity of a number).

Intervals, 95 %: Student's for means; for rmse from that of the squared errors; between the groups the lower end is what
some pair of groups is shown to differ by, all pairs considered, and the upper end that of the extreme pair (Welch); for
prediction_ks the band of Dvoretzky, Kiefer and Wolfowitz with Massart's constant (1990), which is wide and always
holds. Its P value is the two-sample test's, Bonferroni's correction over the groups made. A small group is reported,
and left out of "* without small groups", which is what is judged.

What to do: where a group's numbers are too low or too high, look for a column that means something else for it, and
correct the model, not the answer, unless the law allows that.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from assessments.battery import controls
from assessments.battery.banding import MISSING
from assessments.battery.fairness._disparities import ALL_GROUPS, LARGE_GROUPS
from assessments.battery.fairness._groups import SHOWN, SIZE_PARAMS, chart_id, listed, small_groups
from assessments.battery.fairness._means import (
    furthest_interval,
    moments,
    ratio_of_means,
    spread_interval,
)
from assessments.battery.spec import Better, Chart, Measure, Metric, Needs, Outcome, battery_test
from assessments.battery.stats import LEVEL, Interval, mean_interval
from assessments.battery.subject import Subject

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@battery_test(
    title="Predicted numbers by group",
    needs=Needs(tasks=("regression",), sensitive=True),
    params=[*SIZE_PARAMS],
    metrics=[
        Metric("count", "Rows in the group", unit="rows"),
        Metric("mean_prediction", "Mean prediction", unit="target"),
        Metric("mean_error", "Mean error (predicted less true)", unit="target"),
        Metric("mae", "Mean absolute error", better="lower", unit="target"),
        Metric("rmse", "Root mean squared error", better="lower", unit="target"),
        Metric("mean_prediction_difference", "Difference of mean predictions", better="lower", unit="target"),
        Metric("mean_error_difference", "Difference of mean errors", better="lower", unit="target"),
        Metric("mae_difference", "Difference of mean absolute errors", better="lower", unit="target"),
        Metric("mae_ratio", "Lowest over highest mean absolute error", better="higher"),
        Metric("worst_group_rmse", "RMSE of the worst group", better="lower", unit="target"),
        Metric("standardized_mean_difference", "Standardized mean difference", better="lower", unit="sd"),
        Metric("prediction_ks", "Largest gap between distributions (KS)", better="lower"),
        Metric("prediction_ks_p_value", "P value of equal distributions", unit="p"),
    ],
    controls=[
        controls.NIST_FAIRNESS,
        controls.EU_BIAS_EXAMINATION,
        controls.EU_METRICS_DOCUMENTED,
        controls.ISO_BIAS,
    ],
    charts=["mean_error_*"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    predicted, truth = subject.predicted.astype(float), subject.y.astype(float)
    measures: list[Measure] = []
    charts: list[Chart] = []
    notes: list[str] = []
    for done, column in enumerate(subject.sensitive):
        names, codes = subject.groups(column)
        small = small_groups(np.bincount(codes, minlength=len(names)), params)
        of_groups = _of_groups(column, names, small, codes, predicted, truth)
        measures += of_groups
        known = np.array([name != MISSING for name in names])
        large = known & ~small
        over = [(ALL_GROUPS, known)] if (known == large).all() else [(ALL_GROUPS, known), (LARGE_GROUPS, large)]
        for name, groups in over:
            if groups.sum() > 1:
                marked = bool((small & groups).any())
                measures += _between({column: name}, groups, marked, codes, predicted, truth)
        if (known & small).any():
            left = [names[at] for at in np.flatnonzero(known & small)]
            notes.append(f"{column}: too small for a verdict: {listed(left)}. Left out of “{LARGE_GROUPS}”.")
        charts.append(_chart(column, of_groups, subject.target))
        progress(done + 1, len(subject.sensitive))
    return Outcome(measures, charts, notes=notes)


def _of_groups(
    column: str, names: list[str], small: NDArray[np.bool_], codes: Codes, predicted: Floats, truth: Floats
) -> list[Measure]:
    error, size = predicted - truth, len(names)
    wanted = {"mean_prediction": predicted, "mean_error": error, "mae": np.abs(error), "rmse": error**2}
    found = {metric: moments(codes, values, size) for metric, values in wanted.items()}
    measures = []
    for at, name in enumerate(names):
        n, group = int(found["mae"][0][at]), {column: name}
        measures.append(Measure("count", float(n), n=n, group=group, unit="rows", small=bool(small[at])))
        for metric, parts in found.items():
            value, ci = float(parts[1][at]), mean_interval(wanted[metric][codes == at])
            if metric == "rmse":
                value, ci = float(np.sqrt(value)), rooted(ci)
            better: Better = "lower" if metric in ("mae", "rmse") else "none"
            measures.append(
                Measure(metric, value, ci, n=n, group=group, unit="target", better=better, small=bool(small[at]))
            )
    return measures


def rooted(ci: Interval | None) -> Interval | None:
    """From the interval of a mean square to that of its root."""
    return None if ci is None else (float(np.sqrt(max(0.0, ci[0]))), float(np.sqrt(max(0.0, ci[1]))))


def _between(
    group: dict[str, str], groups: NDArray[np.bool_], small: bool, codes: Codes, predicted: Floats, truth: Floats
) -> list[Measure]:
    rows = groups[codes]
    codes = (np.cumsum(groups) - 1)[codes[rows]]
    predicted, truth, size = predicted[rows], truth[rows], int(groups.sum())
    error = predicted - truth
    found: list[tuple[str, float, Interval | None, Better, str]] = []
    for metric, values in (("mean_prediction", predicted), ("mean_error", error), ("mae", np.abs(error))):
        parts = moments(codes, values, size)
        usable = [part[parts[0] > 1] for part in parts]
        if len(usable[0]) > 1:
            spread = float(np.ptp(usable[1]))
            found.append((f"{metric}_difference", spread, spread_interval(*usable), "lower", "target"))
        if metric == "mae" and len(usable[0]) > 1 and usable[1].max() > 0:
            ratio = float(usable[1].min() / usable[1].max())
            found.append(("mae_ratio", ratio, ratio_of_means(*usable), "higher", "ratio"))
    squares = moments(codes, error**2, size)
    worst = [part[squares[0] > 1] for part in squares]
    if len(worst[0]):
        found.append(
            ("worst_group_rmse", float(np.sqrt(worst[1].max())), rooted(furthest_interval(*worst)), "lower", "target")
        )
    found += _unlike_the_rest(codes, predicted, size)
    return [
        Measure(metric, value, ci, n=len(codes), group=group, unit=unit, better=better, small=small)
        for metric, value, ci, better, unit in found
    ]


def _unlike_the_rest(
    codes: Codes, predicted: Floats, size: int
) -> list[tuple[str, float, Interval | None, Better, str]]:
    """The standardized difference and the KS distance of the group that is furthest from everybody else."""
    deviation = float(predicted.std())
    differences, distances = [], []
    for at in range(size):
        mine, others = predicted[codes == at], predicted[codes != at]
        if len(mine) > 1 and len(others) > 1:
            error = np.hypot(mine.std(ddof=1) / np.sqrt(len(mine)), others.std(ddof=1) / np.sqrt(len(others)))
            differences.append((len(mine), mine.mean() - others.mean(), error))
            distances.append(distance(mine, others, size))
    if not differences or not deviation:
        return []
    rows, gaps, errors = (np.array(part, dtype=float) for part in zip(*differences, strict=True))
    low, high = furthest_interval(rows, gaps / deviation, errors / deviation)
    ks, ks_low, ks_high, p_value = max(distances)
    adjusted = min(1.0, p_value * len(distances))
    return [
        ("standardized_mean_difference", float(np.abs(gaps).max() / deviation), (low, high), "lower", "sd"),
        ("prediction_ks", ks, (ks_low, ks_high), "lower", "ratio"),
        ("prediction_ks_p_value", adjusted, None, "none", "p"),
    ]


def distance(one: Floats, other: Floats, families: int = 1) -> tuple[float, float, float, float]:
    """The largest gap between two distributions, its limits, and the P value of there being none.

    families: how many such gaps the limits are to hold for at once.
    """
    found = ks_2samp(one, other, method="asymp")
    sure = np.log(2 * 2 * families / (1 - LEVEL)) / 2  # either distribution may be off
    away = float(np.sqrt(sure / len(one)) + np.sqrt(sure / len(other)))
    value = float(found.statistic)
    return value, max(0.0, value - away), min(1.0, value + away), float(found.pvalue)


def _chart(column: str, measures: list[Measure], target: str) -> Chart:
    found = [m for m in measures if m.metric == "mean_error" and m.value is not None]
    rows = [
        {
            "name": m.group[column],
            "n": m.n,
            "value": m.value,
            "low": m.ci[0] if m.ci else None,
            "high": m.ci[1] if m.ci else None,
            "small": m.small,
        }
        for m in found
    ]
    judged = sorted((m for m in found if not m.small), key=lambda m: m.value or 0.0)
    said = "No group is large enough."
    if judged:
        lowest, highest = judged[0], judged[-1]
        said = (
            f"From {lowest.value:+.4g} ({lowest.group[column]}) to {highest.value:+.4g} ({highest.group[column]}); "
            "above 0 the group is predicted too high."
        )
    return Chart(
        id=chart_id("mean_error", column),
        title=f"Mean error by {column[:SHOWN]}",
        caption=f"Predicted {target[:SHOWN]} less the true one. {said}",
        alt=f"A dot with its 95 % interval for each group of {column}. {said}",
        data={
            "kind": "intervals",
            "row_label": column,
            "x_label": f"Mean error of {target[:SHOWN]}",
            "ideal": 0.0,
            "ideal_label": "neither too high nor too low",
            "rows": rows,
        },
    )
