"""Does a score mean the same for every group?

A model is calibrated within groups where, of the people of a group who are given 0.7, seven in ten are truly
favourable. Where it is not, one threshold asks more of one group than of another. For each group of each sensitive
column: mean_score, observed_rate, and calibration_gap, the one less the other: above 0 the model is too kind to the
group, below 0 too harsh. calibration_error: the absolute gap within ten parts of the group by score, averaged (ECE).
calibration_slope and _intercept: of the logistic recalibration of the group (Cox 1958), 1 and 0 where all is well; a
slope below 1 means scores too extreme. Between groups: worst_group_calibration_gap, the largest absolute gap.

Calibration within groups and equal error rates cannot both hold where base rates differ and the model is not perfect
(Kleinberg, Mullainathan, Raghavan 2017).

Intervals, 95 %: Student's for the gap, Wilson's for the rate, the likelihood's normal limit for slope and intercept.
Noise alone pushes the calibration error up, so its lower end is what the gap of the whole group proves, which it can
never be less than, and only its upper end is drawn. For the worst gap each end takes all groups into account. A small
group is reported and not judged. Scores that are not probabilities (a decision function) have no such meaning: not
applicable.

What to do: where a score means different things, one threshold treats groups unequally. Recalibrate within groups if
that is lawful in this use, or look for the column whose meaning differs between them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.banding import MISSING
from assessments.battery.fairness._disparities import ALL_GROUPS, LARGE_GROUPS
from assessments.battery.fairness._groups import RESAMPLES, SHOWN, SIZE_PARAMS, chart_id, listed, small_groups
from assessments.battery.fairness._means import furthest_interval, mean_interval, moments
from assessments.battery.fairness._recalibration import recalibration
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, battery_test
from assessments.battery.stats import Interval, wilson
from assessments.battery.subject import Subject

Floats = NDArray[np.float64]
PARTS = 10
ROWS_A_PART = 10
SERIES = 8  # groups drawn: the largest


@battery_test(
    title="Calibration within groups",
    needs=Needs(scores=True, sensitive=True),
    params=[RESAMPLES, *SIZE_PARAMS],
    metrics=[
        Metric("count", "Rows in the group", unit="rows"),
        Metric("mean_score", "Mean score"),
        Metric("observed_rate", "Observed rate"),
        Metric("calibration_gap", "Mean score less observed rate"),
        Metric("calibration_error", "Expected calibration error", better="lower"),
        Metric("calibration_slope", "Calibration slope"),
        Metric("calibration_intercept", "Calibration intercept", unit="log odds"),
        Metric("worst_group_calibration_gap", "Largest calibration gap of any group", better="lower"),
    ],
    controls=[
        controls.NIST_FAIRNESS,
        controls.NIST_VALIDITY,
        controls.EU_BIAS_EXAMINATION,
        controls.EU_METRICS_DOCUMENTED,
        controls.ISO_BIAS,
    ],
    charts=["reliability_by_group_*"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    if not subject.scores_are_probabilities or subject.favourable_score is None:
        raise NotApplicable("The model's scores are not probabilities: there is no rate that they promise.")
    score, truth = subject.favourable_score.astype(float), subject.y_favourable
    measures: list[Measure] = []
    charts: list[Chart] = []
    notes: list[str] = []
    for done, column in enumerate(subject.sensitive):
        names, codes = subject.groups(column)
        sizes = np.bincount(codes, minlength=len(names))
        small = small_groups(sizes, params)
        series = []
        for at, name in enumerate(names):
            rows = codes == at
            measures += _of_group({column: name}, score[rows], truth[rows], bool(small[at]), params["resamples"], rng)
            series.append((name, score[rows], truth[rows]))
        measures += _worst(column, names, small, moments(codes, score - truth, len(names)), notes)
        shown = sorted(np.argsort(-np.where(small, 0, sizes), kind="stable")[:SERIES])
        charts.append(_chart(column, [series[at] for at in shown if not small[at]] or series[:1], subject.favourable))
        progress(done + 1, len(subject.sensitive))
    return Outcome(measures, charts, notes=notes)


def _of_group(
    group: dict[str, str],
    score: Floats,
    truth: NDArray[np.bool_],
    small: bool,
    resamples: int,
    rng: np.random.Generator,
) -> list[Measure]:
    n, right = len(score), int(truth.sum())
    rows, mean, error = (float(part[0]) for part in moments(np.zeros(n, dtype=np.int64), score - truth, 1))
    scores = [float(part[0]) for part in moments(np.zeros(n, dtype=np.int64), score, 1)]
    ece, ece_interval = calibration_error(score, truth, resamples, rng)
    found: list[tuple[str, float | None, Interval | None, str]] = [
        ("count", float(n), None, "rows"),
        ("mean_score", scores[1], mean_interval(*scores), "ratio"),
        ("observed_rate", right / n, wilson(right, n), "ratio"),
        ("calibration_gap", mean, mean_interval(rows, mean, error), "ratio"),
        ("calibration_error", ece, ece_interval, "ratio"),
    ]
    fitted = recalibration(score, truth)
    for metric, unit in (("calibration_slope", "ratio"), ("calibration_intercept", "log odds")):
        value, ci = fitted[metric] if fitted else (None, None)
        found.append((metric, value, ci, unit))
    return [
        Measure(metric, value, ci, n=n, group=group, unit=unit, small=small,
                better="lower" if metric == "calibration_error" else "none")
        for metric, value, ci, unit in found
    ]  # fmt: skip


def calibration_error(
    score: Floats, truth: NDArray[np.bool_], resamples: int, rng: np.random.Generator
) -> tuple[float, Interval | None]:
    """The absolute gap in each part of the rows by score, weighted by its rows; and its interval.

    The lower end is what the gap of all rows proves, which the error can never be less than; the upper end is the
    97.5th percentile of the parts drawn again about their gaps, which noise has pushed up already.
    """
    parts = parts_by_score(score)
    rows, gap, error = moments(parts, score - truth, int(parts.max()) + 1)
    weight = rows / rows.sum()
    value = float(weight @ np.abs(gap))
    if not np.isfinite(error).all():
        return value, None
    whole = moments(np.zeros(len(score), dtype=np.int64), score - truth, 1)
    proven, _ = furthest_interval(*whole)
    drawn = np.abs(gap + error * rng.standard_normal((resamples, len(gap)))) @ weight
    return value, (min(proven, value), max(value, float(np.quantile(drawn, 0.975))))


def parts_by_score(score: Floats) -> NDArray[np.int64]:
    """(rows,) which of at most PARTS parts of about equal size each row is in, lowest scores first; ties together."""
    parts = int(np.clip(len(score) // ROWS_A_PART, 1, PARTS))
    edges = np.unique(np.quantile(score, np.arange(1, parts) / parts, method="inverted_cdf"))
    codes = np.searchsorted(edges, score, side="left")
    return np.asarray(np.unique(codes, return_inverse=True)[1], dtype=np.int64)


def _worst(
    column: str,
    names: list[str],
    small: NDArray[np.bool_],
    found: tuple[Floats, Floats, Floats],
    notes: list[str],
) -> list[Measure]:
    """The largest gap of any known group, and that of any which is not small where that is another set."""
    known = np.array([name != MISSING for name in names])
    large = known & ~small
    if (known & small).any():
        left = [names[at] for at in np.flatnonzero(known & small)]
        notes.append(f"{column}: too small for a verdict: {listed(left)}. Reported, not judged.")
    over = [(ALL_GROUPS, known)] if (known == large).all() else [(ALL_GROUPS, known), (LARGE_GROUPS, large)]
    measures = []
    for name, groups in over:
        usable = groups & (found[0] > 1)
        if usable.any():
            rows, gap, error = (part[usable] for part in found)
            measures.append(
                Measure("worst_group_calibration_gap", float(np.abs(gap).max()), furthest_interval(rows, gap, error),
                        n=int(rows.sum()), group={column: name}, better="lower", small=bool((small & groups).any()))
            )  # fmt: skip
    return measures


def _chart(column: str, series: list[tuple[str, Floats, NDArray[np.bool_]]], favourable: str) -> Chart:
    drawn, said = [], []
    for name, score, truth in series:
        parts = parts_by_score(score)
        rows = np.bincount(parts)
        right = np.bincount(parts, weights=truth).astype(int)
        limits = [wilson(int(top), int(n)) or (0.0, 1.0) for top, n in zip(right, rows, strict=True)]
        drawn.append(
            {
                "name": name,
                "x": (np.bincount(parts, weights=score) / rows).tolist(),
                "y": (right / rows).tolist(),
                "low": [low for low, _ in limits],
                "high": [high for _, high in limits],
            }
        )
        said.append(f"{name}: mean score {score.mean():.3f}, observed {truth.mean():.3f}")
    sentence = "; ".join(said[:4]) + ("." if len(said) <= 4 else f"; and {len(said) - 4} more groups.")
    return Chart(
        id=chart_id("reliability_by_group", column),
        title=f"Reliability by {column[:SHOWN]}",
        caption=f"Observed rate of “{favourable}” against the score, in up to {PARTS} parts of each group. {sentence}",
        alt=f"A line for each group of {column} against the diagonal, with 95 % intervals. {sentence}",
        data={
            "kind": "lines",
            "x_label": f"Mean score of “{favourable[:30]}”",
            "y_label": "Observed rate",
            "percent": False,
            "log": False,
            "diagonal": True,
            "series": drawn,
        },
    )
