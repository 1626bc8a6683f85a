"""Does a probability of 80 % mean that it happens in 80 of 100 cases?

Rows are sorted by their probability and cut into 15 bins of about equal size (fewer where rows are few). In each bin
the mean probability should be the share of favourable outcomes: the reliability curve shows both.

The expected calibration error (ECE) is the mean distance between the two. It is never 0 by chance alone, even for a
perfect model, and the more bins the larger it is. So we also give the ECE corrected for that bias, with an interval,
and judge that one. Cox's slope and intercept say how the probabilities are wrong: a slope below 1 means too extreme,
an intercept above 0 means too low. The parts of the Brier score: reliability (lost by being miscalibrated), resolution
(gained by telling rows apart), uncertainty (of the data itself), and a small rest within bins. Spiegelhalter's z
compares the Brier score with what the probabilities promise; large samples make it find errors that do not matter.

With more than two labels the numbers are about the favourable label against the rest; the other labels follow by name.
Sources: Naeini 2015 (ECE), Cox 1958, Murphy 1973, Spiegelhalter 1986.

What to do: where it fails, do not read the scores as probabilities. Recalibrate on rows of their own (isotonic or
logistic), or use the order of the scores only, and say which in the intended use.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from assessments.battery import calibrating, controls, stats
from assessments.battery.curves import shown_labels
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, Table, battery_test
from assessments.battery.subject import Subject

ROWS_IN_BIN = 50
LOG_ODDS = "log odds"
STANDARD_ERRORS = "standard errors"
PARTS = ("brier_reliability", "brier_resolution", "brier_uncertainty", "brier_within_bins")
METRICS = [
    Metric("ece", "Expected calibration error", better="lower"),
    Metric("ece_corrected", "Calibration error, corrected for chance", better="lower"),
    Metric("largest_bin_error", "Largest calibration error of a bin", better="lower"),
    Metric("calibration_slope", "Calibration slope"),
    Metric("calibration_intercept", "Calibration in the large", unit=LOG_ODDS),
    Metric("brier_reliability", "Brier score: reliability", better="lower"),
    Metric("brier_resolution", "Brier score: resolution", better="higher"),
    Metric("brier_uncertainty", "Brier score: uncertainty"),
    Metric("brier_within_bins", "Brier score: rest within bins"),
    Metric("spiegelhalter_z", "Spiegelhalter's z", unit=STANDARD_ERRORS),
    Metric("spiegelhalter_p", "Spiegelhalter's p-value", better="higher"),
]
BY_ID = {metric.id: metric for metric in METRICS}


@battery_test(
    title="Calibration",
    needs=Needs(scores=True),
    params=[
        Param("bins", calibrating.BINS, "Bins of the reliability curve", minimum=2, maximum=100),
        Param("resamples", 1000, "Draws for the intervals", quick=300, thorough=2000, minimum=50, maximum=20_000),
    ],
    metrics=METRICS,
    controls=[
        controls.OUTCOMES_ANALYSIS,
        controls.PRA_MONITORING,
        controls.OSFI_REVIEW,
        controls.EU_ACCURACY,
        controls.NIST_VALIDITY,
        controls.NIST_TEST_METRICS,
    ],
    charts=["reliability"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    if not subject.scores_are_probabilities:
        raise NotApplicable("The model gives a decision function, not probabilities.")
    given = subject.scores
    assert given is not None  # noqa: S101 - the runner has checked Needs(scores=True)
    most = max(2, min(params["bins"], len(subject.y) // ROWS_IN_BIN))
    p, y = given[:, subject.favourable_index], subject.y_favourable
    bins = calibrating.binned(p, y, most)
    measures = _ece(bins, params["resamples"], rng) + _shape(p, y) + _brier(p, y, bins, params["resamples"], rng)
    series = [_series(subject.favourable, bins)]
    if subject.task == "multiclass":
        for label in (c for c in shown_labels(subject) if c != subject.favourable_index):
            progress(len(series), len(subject.labels))
            other = calibrating.binned(given[:, label], subject.y == label, most)
            group = {subject.target: subject.labels[label]}
            measures += _ece(other, params["resamples"], rng, group)
            series.append(_series(subject.labels[label], other))
    notes = [
        f"Perfect calibration too would show some ECE on {len(y):,} rows in {len(bins.n)} bins: the corrected value is "
        "what remains when that is taken off, and may be 0."
    ]
    return Outcome(measures, [_reliability(subject, series, measures)], [_table(bins)], notes)


def _measure(
    name: str, value: float | None, ci: stats.Interval | None, n: float, group: dict[str, str] | None = None
) -> Measure:
    metric = BY_ID[name]
    return Measure(name, value, ci, int(n), group or {}, unit=metric.unit, better=metric.better)


def _ece(
    bins: calibrating.Bins, draws: int, rng: np.random.Generator, group: dict[str, str] | None = None
) -> list[Measure]:
    value, ci = calibrating.corrected_ece(bins, draws, rng)
    n = bins.n.sum()
    return [
        _measure("ece", bins.ece, None, n, group),
        _measure("ece_corrected", value, ci, n, group),
        _measure("largest_bin_error", bins.largest, None, n, group),
    ]


def _shape(p: Any, y: Any) -> list[Measure]:
    """Slope, intercept and Spiegelhalter's z with its two-sided p-value."""
    from scipy.stats import norm

    found = [("calibration_slope", calibrating.slope(p, y)), ("calibration_intercept", calibrating.intercept(p, y))]
    z = calibrating.spiegelhalter(p, y)
    measures = [_measure(name, pair[0] if pair else None, pair[1] if pair else None, len(y)) for name, pair in found]
    measures.append(_measure("spiegelhalter_z", z, None, len(y)))
    measures.append(_measure("spiegelhalter_p", None if z is None else float(2 * norm.sf(abs(z))), None, len(y)))
    return measures


def _brier(p: Any, y: Any, bins: calibrating.Bins, resamples: int, rng: np.random.Generator) -> list[Measure]:
    """The parts of the Brier score; that of the data itself with an interval."""
    parts = calibrating.brier_parts(p, y, bins)
    base = stats.wilson(float(y.sum()), len(y))
    ends = sorted(rate * (1 - rate) for rate in base) if base else []
    if base and base[0] < 0.5 < base[1]:
        ends[1] = 0.25
    intervals = {"brier_uncertainty": (ends[0], ends[1]) if ends else None}
    return [_measure(name, parts[name], intervals.get(name), len(y)) for name in PARTS]


def _series(name: str, bins: calibrating.Bins) -> dict[str, Any]:
    ends = [stats.wilson(n * y, n) or (0.0, 1.0) for n, y in zip(bins.n, bins.y, strict=True)]
    return {
        "name": name,
        "predicted": bins.p.tolist(),
        "observed": bins.y.tolist(),
        "low": [low for low, _ in ends],
        "high": [high for _, high in ends],
        "n": bins.n.astype(int).tolist(),
    }


def _reliability(subject: Subject, series: list[dict[str, Any]], measures: list[Measure]) -> Chart:
    found = next(m for m in measures if m.metric == "ece_corrected")
    low, high = found.ci or (None, None)
    said = f"Corrected for chance the mean error is {found.value:.3f} (95 % interval {low:.3f}–{high:.3f})."
    return Chart(
        "reliability",
        "Reliability curve",
        f"How often {subject.favourable} came against the probability that the model gave it, in bins of equal size "
        f"with their 95 % intervals. On the diagonal the probabilities are right. {said}",
        f"Reliability curve for {subject.favourable} with the diagonal of perfect calibration. {said}",
        {"kind": "reliability", "series": series},
    )


def _table(bins: calibrating.Bins) -> Table:
    rows = [
        [at + 1, int(n), round(float(p), 4), round(float(y), 4), round(float(y - p), 4)]
        for at, (n, p, y) in enumerate(zip(bins.n, bins.p, bins.y, strict=True))
    ]
    return Table(
        "calibration_bins",
        "The bins of the reliability curve",
        ["bin", "rows", "mean probability", "share of favourable outcomes", "difference"],
        rows,
        "A difference above 0: it came more often than the model said.",
    )
