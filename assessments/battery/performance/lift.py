"""If we act only on the highest scores, how much better is that than acting at random?

Rows are sorted by their score, highest first. Gain: the share of all favourable outcomes among the first tenth (or
fifth) of the rows. Lift: that share over what a random tenth would hold; 1 is chance. The cumulative accuracy profile
(CAP, also called gain curve) shows the gain at every depth. Accuracy ratio: the area between the curve and chance over
that of a perfect order; it equals the Gini coefficient, 2 AUC - 1 (Engelmann, Hayden and Tasche 2003). Rows of equal
score are taken in random order, so the curve is straight over them. Intervals are a multinomial bootstrap of the rows.
With more than two labels the question is the favourable label against the rest.

What to do: where the lift is near 1, acting on the highest scores gains nothing. Where it is good at the top only, use
the model for the top only.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls, stats
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, battery_test
from assessments.battery.subject import Subject

DEPTHS = np.linspace(0.05, 1.0, 20)
TENTH, FIFTH = 1, 3  # positions in DEPTHS
CELLS = 1_000  # of equal size; more scores than that are joined, and the result moved by what it changed

METRICS = [
    Metric("gain_top_tenth", "Favourable outcomes in the top tenth", better="higher"),
    Metric("gain_top_fifth", "Favourable outcomes in the top fifth", better="higher"),
    Metric("lift_top_tenth", "Lift in the top tenth", better="higher", unit="times chance"),
    Metric("lift_top_fifth", "Lift in the top fifth", better="higher", unit="times chance"),
    Metric("accuracy_ratio", "Accuracy ratio (CAP)", better="higher"),
]


@battery_test(
    title="Lift and gain",
    needs=Needs(scores=True),
    params=[Param("resamples", 1000, "Bootstrap resamples", quick=300, thorough=2000, minimum=50, maximum=20_000)],
    metrics=METRICS,
    controls=[controls.OUTCOMES_ANALYSIS, controls.PRA_TESTING, controls.OSFI_REVIEW, controls.NIST_TEST_METRICS],
    charts=["gain", "lift"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    score, truth = subject.favourable_score, subject.y_favourable
    assert score is not None  # noqa: S101 - the runner has checked Needs(scores=True)
    if not 0 < truth.sum() < len(truth):
        raise NotApplicable("All rows have the same outcome: there is nothing to find first.")
    found = profile(*_counts(truth, score, None))
    drawn = _draws(truth, score, found, params["resamples"], rng)
    values, draws = _numbers(found), _numbers(drawn)
    measures = [
        Measure(
            metric.id,
            float(values[metric.id]),
            stats.percentile_interval(draws[metric.id]),
            len(truth),
            unit=metric.unit,
            better=metric.better,
        )
        for metric in METRICS
    ]
    charts = [_gain(subject, found[0], drawn[0]), _lift(subject, found[0], drawn[0])]
    return Outcome(measures, charts)


def profile(negatives: NDArray[Any], positives: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Gain at DEPTHS and the accuracy ratio, of counts by score, highest first, along the last axis.

    (…, cells) -> (…, depths) and (…,). The curve is straight within a cell.
    """
    rows, found = np.cumsum(negatives + positives, axis=-1, dtype=float), np.cumsum(positives, axis=-1, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth, gain = rows / rows[..., -1:], found / found[..., -1:]
        base = found[..., -1] / rows[..., -1]
    start = np.zeros((*depth.shape[:-1], 1))
    depth, gain = np.concatenate([start, depth], axis=-1), np.concatenate([start, gain], axis=-1)
    area = ((gain[..., 1:] + gain[..., :-1]) / 2 * np.diff(depth, axis=-1)).sum(axis=-1)
    flat_depth, flat_gain = depth.reshape(-1, depth.shape[-1]), gain.reshape(-1, gain.shape[-1])
    at = np.stack([np.interp(DEPTHS, x, y) for x, y in zip(flat_depth, flat_gain, strict=True)])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (area - 0.5) / ((1 - base) / 2)
    return at.reshape(*depth.shape[:-1], len(DEPTHS)), ratio


def _numbers(found: tuple[NDArray[Any], NDArray[Any]]) -> dict[str, NDArray[Any]]:
    gain, ratio = found
    return {
        "gain_top_tenth": gain[..., TENTH],
        "gain_top_fifth": gain[..., FIFTH],
        "lift_top_tenth": gain[..., TENTH] / DEPTHS[TENTH],
        "lift_top_fifth": gain[..., FIFTH] / DEPTHS[FIFTH],
        "accuracy_ratio": ratio,
    }


def _counts(truth: NDArray[Any], score: NDArray[Any], most: int | None) -> NDArray[np.int64]:
    """(2, cells): the other and the favourable rows of each cell, highest score first."""
    cells, size = stats.score_cells(score, most)
    return np.stack([np.bincount(cells[mask], minlength=size) for mask in (~truth, truth)])


def _draws(
    truth: NDArray[Any],
    score: NDArray[Any],
    found: tuple[NDArray[Any], NDArray[Any]],
    resamples: int,
    rng: np.random.Generator,
) -> tuple[NDArray[Any], NDArray[Any]]:
    counts = _counts(truth, score, CELLS)
    joined = profile(*counts)
    drawn = stats.resampled_counts(counts, resamples, rng)
    gain, ratio = profile(drawn[:, 0], drawn[:, 1])
    return np.clip(gain + (found[0] - joined[0]), 0, 1), np.clip(ratio + (found[1] - joined[1]), -1, 1)


def _band(draws: NDArray[Any]) -> tuple[list[float | None], list[float | None]]:
    ends = [stats.percentile_interval(column) for column in draws.T]
    return [end[0] if end else None for end in ends], [end[1] if end else None for end in ends]


def _gain(subject: Subject, gain: NDArray[Any], draws: NDArray[Any]) -> Chart:
    base = float(subject.y_favourable.mean())
    low, high = _band(draws)
    x = [0.0, *DEPTHS.tolist()]
    perfect = np.minimum(np.array(x) / base, 1.0).tolist()
    said = f"The first tenth of the rows holds {gain[TENTH]:.1%} of them, the first fifth {gain[FIFTH]:.1%}."
    series = [
        {"name": "the model", "x": x, "y": [0.0, *gain.tolist()], "low": [0.0, *low], "high": [0.0, *high]},
        {"name": "at random", "x": x, "y": x, "low": x, "high": x},
        {"name": "perfect", "x": x, "y": perfect, "low": perfect, "high": perfect},
    ]
    return Chart(
        "gain",
        "Gain curve (CAP)",
        f"The share of all {subject.favourable} that is found in the rows with the highest scores. {said}",
        f"Gain curve of {subject.favourable} beside a random and a perfect order. {said}",
        {
            "kind": "lines",
            "x_label": "Share of the rows, highest scores first",
            "y_label": "Share found",
            "percent": True,
            "log": False,
            "series": series,
        },
    )


def _lift(subject: Subject, gain: NDArray[Any], draws: NDArray[Any]) -> Chart:
    low, high = _band(draws / DEPTHS)
    x, one = DEPTHS.tolist(), [1.0] * len(DEPTHS)
    lift = (gain / DEPTHS).tolist()
    said = f"In the first tenth of the rows it is {lift[TENTH]:.2f} times chance."
    return Chart(
        "lift",
        "Lift",
        f"How many times more {subject.favourable} the highest scores hold than rows at random. {said}",
        f"Lift of {subject.favourable} by share of the rows, with the line of chance at 1. {said}",
        {
            "kind": "lines",
            "x_label": "Share of the rows, highest scores first",
            "y_label": "Times chance",
            "percent": True,
            "log": False,
            "series": [
                {"name": "the model", "x": x, "y": lift, "low": low, "high": high},
                {"name": "at random", "x": x, "y": one, "low": one, "high": one},
            ],
        },
    )
