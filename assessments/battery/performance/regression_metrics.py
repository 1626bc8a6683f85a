"""How far are the predicted numbers from the true ones?

For models that predict a number. Errors are predicted less actual, in the units of the target. MAE: the mean size of an
error. RMSE: the root of the mean square, which large errors dominate. Median absolute error: half of the errors are
smaller. Mean error: above 0 the model predicts too high on average (bias). R²: 1 less the squared errors over those of
always saying the mean of these rows; 1 is perfect, 0 is no better than the mean, and it may be below 0. Values are
scikit-learn's. Intervals are bootstraps over rows (above 20,000 rows their normal limit, for R² by linearisation); for
the median the order statistics between which it lies with 95 % confidence (binomial, free of any distribution).

What to do: put the mean error beside the error that the use can bear, which only its owner can tell. Where the root
mean square is far above the mean, look for the few cases that it is very wrong about.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls, stats
from assessments.battery.spec import Chart, Measure, Metric, Needs, Outcome, battery_test
from assessments.battery.subject import Subject

UNIT = "target units"
POINTS = 1000

Floats = NDArray[np.float64]


@battery_test(
    title="Errors of the predictions",
    needs=Needs(tasks=("regression",)),
    metrics=[
        Metric("mae", "Mean absolute error", better="lower", unit=UNIT),
        Metric("rmse", "Root mean squared error", better="lower", unit=UNIT),
        Metric("median_absolute_error", "Median absolute error", better="lower", unit=UNIT),
        Metric("mean_error", "Mean error (bias)", unit=UNIT),
        Metric("r2", "R²", better="higher"),
    ],
    controls=[
        controls.OUTCOMES_ANALYSIS,
        controls.PRA_TESTING,
        controls.OSFI_REVIEW,
        controls.EU_ACCURACY,
        controls.EU_METRICS_DOCUMENTED,
        controls.NIST_TEST_METRICS,
    ],
    charts=["predicted_actual"],
    headline=("predicted_actual",),
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    from sklearn import metrics

    y, predicted = subject.y, subject.predicted
    error = predicted - y
    squared = stats.mean_interval(error**2)
    root = None if squared is None else (float(np.sqrt(max(squared[0], 0))), float(np.sqrt(squared[1])))
    values: list[tuple[str, float, stats.Interval | None]] = [
        ("mae", metrics.mean_absolute_error(y, predicted), stats.mean_interval(np.abs(error))),
        ("rmse", metrics.root_mean_squared_error(y, predicted), root),
        ("median_absolute_error", metrics.median_absolute_error(y, predicted), median_interval(np.abs(error))),
        ("mean_error", float(error.mean()), stats.mean_interval(error)),
        ("r2", metrics.r2_score(y, predicted), r2_interval(y, error)),
    ]
    directions = {"mean_error": "none", "r2": "higher"}
    measures = [
        Measure(
            name,
            float(value),
            ci,
            len(y),
            unit="ratio" if name == "r2" else UNIT,
            better=directions.get(name, "lower"),  # type: ignore[arg-type]
        )
        for name, value, ci in values
    ]
    return Outcome(measures, [predicted_actual(subject, {m.metric: m for m in measures}, rng)])


def median_interval(values: Floats) -> stats.Interval | None:
    """Order statistics that hold the median with at least 95 % confidence; None where the rows are too few."""
    from scipy.stats import binom

    n = len(values)
    below = int(binom.ppf((1 - stats.LEVEL) / 2, n, 0.5))  # fewer than this many values lie below it in 2.5 % of cases
    if below < 1:
        return None
    ordered = np.sort(values)
    return float(ordered[below - 1]), float(ordered[n - below])


def r2_interval(y: Floats, error: Floats) -> stats.Interval | None:
    found = stats.unexplained_interval(error**2, y)
    return None if found is None else (1 - found[1], 1 - found[0])


def predicted_actual(subject: Subject, measures: dict[str, Measure], rng: np.random.Generator) -> Chart:
    """Predicted against actual for at most POINTS rows, a random sample."""
    n = len(subject.y)
    chosen = np.sort(rng.permutation(n)[:POINTS])
    r2, mae = (measures[name].value or 0.0 for name in ("r2", "mae"))
    figures = f"R² {r2:.3f}; on average a prediction is off by {mae:.4g}."
    shown = f"{n} rows" if n <= POINTS else f"{POINTS} of {n} rows, drawn at random"
    return Chart(
        "predicted_actual",
        "Predicted against actual",
        f"Each point is a case ({shown}); on the line the prediction of {subject.target} is right. {figures}",
        f"Scatter of predicted against actual {subject.target} with the line where both are equal. {figures}",
        {
            "kind": "predicted_actual",
            "target": subject.target,
            "actual": subject.y[chosen].tolist(),
            "predicted": subject.answers.predicted[chosen].tolist(),
        },
    )
