"""Are the errors of a model that predicts numbers without a pattern?

A residual is the predicted less the actual value. What is left over should be noise: no bias, the same spread for small
and large predictions, no heavy tails. Bias share: the size of the mean residual over the root mean square (Deepchecks
asks for at most 1 %). Trend: the largest mean residual of a tenth of the rows, in order of the prediction, over the
root mean square. Spread trend: Spearman's rank correlation of the size of the residual with the prediction; above 0 the
model is less exact for large predictions, and one error margin for all is wrong. Skewness and excess kurtosis: 0 for
normal errors; a kurtosis far above 0 means rare, very large errors. Intervals are bootstraps over rows; for Spearman by
Fisher's transformation with the standard error of Bonett and Wright (2000).

What to do: where there is a pattern, the model has left something unlearned: look at the chart for a bend (a missing
term), a fan (errors that grow: give an error margin by size) or single points (outliers to be explained).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls, stats
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, battery_test
from assessments.battery.subject import Subject

PARTS = 10
METRICS = [
    Metric("bias_share", "Bias, as a share of the typical error", better="lower"),
    Metric("residual_trend", "Largest bias of a tenth, as a share of the typical error", better="lower"),
    Metric("spread_trend", "Errors that grow with the prediction"),
    Metric("residual_skewness", "Skewness of the errors", unit="standardised"),
    Metric("residual_kurtosis", "Excess kurtosis of the errors", unit="standardised"),
]


@battery_test(
    title="Patterns in the errors",
    needs=Needs(tasks=("regression",)),
    params=[Param("resamples", 1000, "Bootstrap resamples", quick=300, thorough=2000, minimum=50, maximum=20_000)],
    metrics=METRICS,
    controls=[controls.OUTCOMES_ANALYSIS, controls.PRA_TESTING, controls.OSFI_REVIEW, controls.NIST_VALIDITY],
    charts=["residuals"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    residual = np.asarray(subject.predicted - subject.y, dtype=float)
    n, typical = len(residual), float(np.sqrt(np.mean(residual**2)))
    if not typical:
        raise NotApplicable("Every prediction is exact: there are no errors to look at.")
    order = np.argsort(subject.predicted, kind="stable")
    tenths = np.array_split(order, min(PARTS, n))
    values, intervals = _moments(residual, params["resamples"], rng)
    trend = max(abs(float(residual[part].mean())) for part in tenths) / typical
    values |= {"residual_trend": trend, "spread_trend": _spearman(np.abs(residual), subject.predicted)}
    if np.isfinite(values["spread_trend"]) and n > 4:
        intervals["spread_trend"] = spearman_interval(values["spread_trend"], n)
    measures = [Measure(m.id, values[m.id], intervals.get(m.id), n, unit=m.unit, better=m.better) for m in METRICS]
    return Outcome(measures, [_chart(subject, residual, tenths)])


def _moments(
    residual: NDArray[Any], resamples: int, rng: np.random.Generator
) -> tuple[dict[str, float], dict[str, stats.Interval | None]]:
    """Bias share, skewness and excess kurtosis of the plain moments, with their bootstrap intervals."""
    powers = np.column_stack([residual**k for k in (1, 2, 3, 4)])
    whole = _shape(powers.mean(axis=0))
    drawn = np.concatenate([weights @ powers for weights in stats.row_weights(len(residual), resamples, rng)])
    draws = _shape(drawn / len(residual))
    intervals = {name: stats.percentile_interval(values) for name, values in draws.items()}
    intervals["bias_share"] = _folded(draws["bias_share"])
    whole["bias_share"] = abs(whole["bias_share"])
    return {name: float(value) for name, value in whole.items()}, intervals


def _shape(moments: NDArray[Any]) -> dict[str, Any]:
    """Of raw moments (…, 4): the signed bias share, skewness, excess kurtosis."""
    mean, second, third, fourth = np.moveaxis(moments, -1, 0)
    variance = second - mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        skew = (third - 3 * mean * second + 2 * mean**3) / variance**1.5
        tails = (fourth - 4 * mean * third + 6 * mean**2 * second - 3 * mean**4) / variance**2 - 3
        return {"bias_share": mean / np.sqrt(second), "residual_skewness": skew, "residual_kurtosis": tails}


def _folded(draws: NDArray[Any]) -> stats.Interval | None:
    """The interval of a size, from that of the signed number: it begins at 0 where the sign is in doubt."""
    found = stats.percentile_interval(draws)
    if found is None:
        return None
    low, high = sorted(abs(end) for end in found)
    return (0.0 if found[0] <= 0 <= found[1] else low), high


def _spearman(a: NDArray[Any], b: NDArray[Any]) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic) if np.ptp(a) > 0 and np.ptp(b) > 0 else float("nan")


def spearman_interval(rho: float, n: int) -> stats.Interval:
    half = stats.Z * np.sqrt((1 + rho**2 / 2) / (n - 3))
    centre = np.arctanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12))
    return float(np.tanh(centre - half)), float(np.tanh(centre + half))


def _chart(subject: Subject, residual: NDArray[Any], tenths: list[NDArray[Any]]) -> Chart:
    means = [float(residual[part].mean()) for part in tenths]
    ends = [stats.mean_interval(residual[part]) or (None, None) for part in tenths]
    x = [float(np.mean(subject.predicted[part])) for part in tenths]
    worst = int(np.argmax(np.abs(means)))
    said = f"The largest is {means[worst]:.4g}, at predictions around {x[worst]:.4g}."
    return Chart(
        "residuals",
        "Mean error by size of the prediction",
        f"Predicted less actual {subject.target}, the mean of each tenth of the rows with its 95 % interval; "
        f"0 is no bias. {said}",
        f"Mean error of each tenth of the rows by predicted {subject.target}. {said}",
        {
            "kind": "lines",
            "x_label": f"Predicted {subject.target}",
            "y_label": "Predicted less actual",
            "percent": False,
            "log": False,
            "series": [
                {"name": "mean error", "x": x, "y": means, "low": [low for low, _ in ends],
                 "high": [high for _, high in ends]},
                {"name": "no bias", "x": x, "y": [0.0] * len(x), "low": [0.0] * len(x), "high": [0.0] * len(x)},
            ],
        },
    )  # fmt: skip
