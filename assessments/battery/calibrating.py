"""Calibration of one question: the probabilities given to an outcome against how often it came, in arrays.

p: (rows,) probabilities of the outcome; y: (rows,) whether it came. Bins hold about equally many rows, equal
probabilities stay together, and bin 0 is the one of the lowest.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import stats

BINS = 15
CLIP = 1e-12  # how near to 0 and 1 a probability may be for its log odds
NEWTON_STEPS = 60
HALVINGS = 50

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bins:
    """Each bin's rows, its mean probability and outcome, and the standard error of their difference."""

    n: Floats
    p: Floats
    y: Floats
    error: Floats
    cells: NDArray[np.int64]  # (rows,) each row's bin

    @property
    def weight(self) -> Floats:
        return np.asarray(self.n / self.n.sum())

    @property
    def ece(self) -> float:
        """Expected calibration error: the mean over rows of |outcome - probability| of their bin (Naeini 2015)."""
        return float(self.weight @ np.abs(self.y - self.p))

    @property
    def largest(self) -> float:
        """The largest |outcome - probability| of a bin."""
        return float(np.abs(self.y - self.p).max())


def binned(p: NDArray[Any], y: NDArray[Any], most: int = BINS) -> Bins:
    p, y = np.asarray(p, dtype=float), np.asarray(y, dtype=float)
    cells, size = stats.score_cells(p, most)
    cells = size - 1 - cells
    n = np.bincount(cells, minlength=size).astype(float)
    mean_p, mean_y = (np.bincount(cells, weights=values, minlength=size) / n for values in (p, y))
    gap = y - p - (mean_y - mean_p)[cells]
    # A bin with one outcome only shows no spread: the variance that its probabilities imply stands for one more row.
    spread = (np.bincount(cells, weights=gap**2, minlength=size) + mean_p * (1 - mean_p)) / n
    return Bins(n, mean_p, mean_y, np.sqrt(spread / n), cells)


def corrected_ece(bins: Bins, draws: int, rng: np.random.Generator) -> tuple[float, stats.Interval]:
    """The calibration error without what chance adds to it, and its 95 % interval.

    Bins differ from their probabilities by chance alone, and the ECE counts every difference as an error. So we ask
    which true error would show what we see: the bins' differences, scaled, plus normal noise of their standard errors,
    give the ECE that was found or more in half of the draws (the estimate), in 2.5 % and in 97.5 % (the ends). It is a
    test turned round; the estimate is 0 where a perfectly calibrated model often shows as much.
    """
    seen, weight = bins.ece, bins.weight
    shape = _shape(bins)
    noise = rng.standard_normal((draws, len(weight))) * bins.error
    highest = seen + 6 * float(weight @ bins.error)

    def at(quantile: float) -> float:
        """The true error under which `seen` is that quantile of what would be found."""

        def shown(true: float) -> float:
            return float(np.quantile(np.abs(true * shape + noise) @ weight, quantile))

        low, high = 0.0, highest
        if shown(low) >= seen:
            return 0.0
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (low, middle) if shown(middle) >= seen else (middle, high)
        return (low + high) / 2

    tail = (1 - stats.LEVEL) / 2
    return at(0.5), (at(1 - tail), min(at(tail), 1.0))


def _shape(bins: Bins) -> Floats:
    """How the error is spread over the bins, with a weighted mean of 1: each bin's difference, drawn toward the line
    through all of them as far as chance explains that it is off it (James and Stein 1961). What is seen of one bin is
    mostly chance, and taken as it is it would make some bins right that are not."""
    gap = bins.y - bins.p
    design = np.column_stack([np.ones_like(bins.p), bins.p])[:, : 1 + (len(gap) > 2)]
    scaled = design / bins.error[:, None]
    line = design @ np.linalg.lstsq(scaled, gap / bins.error, rcond=None)[0]
    excess = float((((gap - line) / bins.error) ** 2).sum())
    kept = max(0.0, 1 - max(len(gap) - design.shape[1] - 2, 0) / excess) if excess > 0 else 0.0
    shape = np.abs(line + kept * (gap - line))
    mean = float(bins.weight @ shape)
    return np.asarray(shape / mean) if mean > 0 else np.ones_like(shape)


def brier_parts(p: NDArray[Any], y: NDArray[Any], bins: Bins) -> dict[str, float]:
    """Murphy's parts over the bins: Brier = reliability - resolution + uncertainty + within.

    within: what the spread of the probabilities inside bins adds (Stephenson, Coelho and Jolliffe 2008).
    """
    p, y = np.asarray(p, dtype=float), np.asarray(y, dtype=float)
    base = float(y.mean())
    reliability = float(bins.weight @ (bins.p - bins.y) ** 2)
    resolution = float(bins.weight @ (bins.y - base) ** 2)
    off_p, off_y = p - bins.p[bins.cells], y - bins.y[bins.cells]
    within = float(np.mean(off_p**2) - 2 * np.mean(off_p * off_y))
    return {
        "brier_reliability": reliability,
        "brier_resolution": resolution,
        "brier_uncertainty": base * (1 - base),
        "brier_within_bins": within,
    }


def spiegelhalter(p: NDArray[Any], y: NDArray[Any]) -> float | None:
    """Spiegelhalter's z (1986): the Brier score less what it should be, in standard errors. None where p is 0 or 1
    throughout, so that there is nothing to expect."""
    p, y = np.asarray(p, dtype=float), np.asarray(y, dtype=float)
    variance = float(((1 - 2 * p) ** 2 * p * (1 - p)).sum())
    return float(((y - p) * (1 - 2 * p)).sum() / np.sqrt(variance)) if variance > 0 else None


def log_odds(p: NDArray[Any]) -> Floats:
    p = np.clip(np.asarray(p, dtype=float), CLIP, 1 - CLIP)
    return np.asarray(np.log(p) - np.log1p(-p))


def slope(p: NDArray[Any], y: NDArray[Any]) -> tuple[float, stats.Interval] | None:
    """Cox's calibration slope: of the outcome on the log odds, by logistic regression; 1 is right, below 1 the
    probabilities are too extreme. None where the outcomes can be told apart without error or all odds are equal."""
    x = log_odds(p)
    design = np.column_stack([np.ones_like(x), x])
    return None if np.ptp(x) < 1e-9 else _logistic(design, np.asarray(y, dtype=float), np.zeros_like(x), 1)


def intercept(p: NDArray[Any], y: NDArray[Any]) -> tuple[float, stats.Interval] | None:
    """Calibration in the large: what must be added to all log odds; above 0 the probabilities are too low."""
    x = log_odds(p)
    return _logistic(np.ones((len(x), 1)), np.asarray(y, dtype=float), x, 0)


def _logistic(design: Floats, y: Floats, offset: Floats, which: int) -> tuple[float, stats.Interval] | None:
    """One coefficient of a logistic regression without penalty, by Newton's method, with its Wald interval."""
    if not 0 < y.mean() < 1:
        return None
    beta = np.zeros(design.shape[1])
    for _ in range(NEWTON_STEPS):
        fitted = 1 / (1 + np.exp(-np.clip(offset + design @ beta, -500, 500)))
        information = design.T @ (design * (fitted * (1 - fitted))[:, None])
        if not np.isfinite(information).all() or np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, design.T @ (y - fitted))
        beta = beta + np.clip(step, -2, 2)  # a full step may leap where odds are extreme
        if np.abs(step).max() < 1e-11:
            half = stats.Z * float(np.sqrt(np.linalg.inv(information)[which, which]))
            return float(beta[which]), (float(beta[which] - half), float(beta[which] + half))
    return None
