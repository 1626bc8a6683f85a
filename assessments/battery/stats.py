"""Intervals, all at 95 %, all drawn from the generator that is handed in.

Counts (a confusion matrix, a group table) are resampled as one multinomial: the same distribution as resampling rows.
Ranking measures (AUC, KS, average precision) resample rows over scores sorted once; above EXACT_ROWS rows the scores
are first cut into BINS quantile bins, so that the work no longer grows with the rows while every row still counts.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
Z = 1.959963984540054  # the normal quantile of LEVEL
EXACT_ROWS = 20_000
BINS = 4_096
CELLS_AT_ONCE = 4_000_000
Interval = tuple[float, float]
Floats = NDArray[np.float64]


def wilson(successes: float, n: float) -> Interval | None:
    """Wilson's interval for one rate (Wilson 1927); None without rows."""
    if n <= 0:
        return None
    rate, z2 = successes / n, Z * Z
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * np.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    low = 0.0 if successes <= 0 else max(0.0, float(centre - half))
    return low, 1.0 if successes >= n else min(1.0, float(centre + half))


def percentile_interval(draws: NDArray[Any]) -> Interval | None:
    """The middle 95 % of the draws that are numbers; None where fewer than half of them are."""
    finite = np.asarray(draws, dtype=float)
    finite = finite[np.isfinite(finite)]
    if len(finite) < max(2, len(draws) / 2):
        return None
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def corrected_interval(draws: NDArray[Any], value: float, low: float = 0.0, high: float = 1.0) -> Interval | None:
    """For a maximum such as KS, which resampling pushes up: the percentile interval of the draws, moved down by twice
    their excess over the value (once for the draws, once for the value itself). Holds the value; cut to [low, high]."""
    found = percentile_interval(draws)
    if found is None:
        return None
    excess = 2 * (float(np.nanmean(draws)) - value)
    return max(low, min(found[0] - excess, value)), min(high, max(found[1] - excess, value))


def mean_interval(values: NDArray[Any], resamples: int, rng: np.random.Generator) -> Interval | None:
    """For the mean of one value a row: bootstrap of the rows; above EXACT_ROWS its normal limit."""
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n < 2:
        return None
    if n > EXACT_ROWS:
        half = Z * float(values.std(ddof=1)) / np.sqrt(n)
        return float(values.mean() - half), float(values.mean() + half)
    draws = [weights @ values / n for weights in row_weights(n, resamples, rng)]
    return percentile_interval(np.concatenate(draws))


def resampled_counts(counts: NDArray[Any], resamples: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """(resamples, *counts.shape): the table of counts as it would be had the rows been drawn again."""
    counts = np.asarray(counts)
    total = int(counts.sum())
    if total == 0:
        return np.zeros((resamples, *counts.shape), dtype=np.int64)
    drawn = rng.multinomial(total, counts.ravel() / total, size=resamples)
    return drawn.reshape(resamples, *counts.shape)


def row_weights(n: int, resamples: int, rng: np.random.Generator) -> Any:
    """Yields (some, n) arrays of how often each row was drawn, `resamples` rows in all."""
    at_once = max(1, CELLS_AT_ONCE // n)
    for start in range(0, resamples, at_once):
        some = min(at_once, resamples - start)
        drawn = rng.integers(0, n, size=(some, n))
        drawn += np.arange(some)[:, None] * n
        yield np.bincount(drawn.ravel(), minlength=some * n).reshape(some, n)


def ranking(negatives: NDArray[Any], positives: NDArray[Any]) -> dict[str, Floats]:
    """AUC, KS = max(TPR - FPR), and average precision of counts by score, highest score first, along the last axis."""
    tp, fp = np.cumsum(positives, axis=-1, dtype=float), np.cumsum(negatives, axis=-1, dtype=float)
    all_positive, all_negative = tp[..., -1:], fp[..., -1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        below = all_negative - fp  # negatives with a lower score; ties count one half
        area = (positives * (below + negatives / 2)).sum(axis=-1)
        auc = area / (all_positive * all_negative)[..., 0]
        gap = np.maximum((tp / all_positive - fp / all_negative).max(axis=-1), 0)
        precision = np.where(tp + fp > 0, tp / (tp + fp), 0)
        average_precision = (positives * precision).sum(axis=-1) / all_positive[..., 0]
    both = (all_positive[..., 0] > 0) & (all_negative[..., 0] > 0)
    return {
        "roc_auc": np.where(both, auc, np.nan),
        "ks": np.where(both, gap, np.nan),
        "average_precision": np.where(all_positive[..., 0] > 0, average_precision, np.nan),
    }


def score_cells(score: NDArray[Any], most: int | None = None) -> tuple[NDArray[np.int64], int]:
    """Each row's cell, 0 for the highest score; one cell a distinct score, or at most `most` of about equal size."""
    distinct, cells = np.unique(score, return_inverse=True)
    if most is not None and len(distinct) > most:
        below = np.concatenate([[0], np.cumsum(np.bincount(cells))[:-1]])
        bins = below * most // len(score)
        _, bins = np.unique(bins, return_inverse=True)
        cells = bins[cells]
    size = int(cells.max()) + 1
    return size - 1 - cells, size


def ranking_draws(
    truth: NDArray[Any], scores: NDArray[Any], resamples: int, rng: np.random.Generator
) -> dict[str, Floats]:
    """Bootstrap draws of the ranking measures, macro-averaged over the columns.

    truth, scores: (n, k), one column a one-against-rest question (k = 1 for binary). Columns of `truth` without both
    answers are left out of the average.
    """
    usable = [c for c in range(truth.shape[1]) if 0 < truth[:, c].sum() < len(truth)]
    if not usable:
        empty = np.full(resamples, np.nan)
        return {"roc_auc": empty, "ks": empty, "average_precision": empty}
    if len(truth) > EXACT_ROWS:
        parts = [_binned_draws(truth[:, c], scores[:, c], resamples, rng) for c in usable]
        return {name: np.mean([part[name] for part in parts], axis=0) for name in parts[0]}
    return _exact_draws(truth[:, usable], scores[:, usable], resamples, rng)


def _exact_draws(
    truth: NDArray[Any], scores: NDArray[Any], resamples: int, rng: np.random.Generator
) -> dict[str, Floats]:
    n, k = truth.shape
    cells = [score_cells(scores[:, c]) for c in range(k)]
    orders = [np.argsort(position, kind="stable") for position, _ in cells]
    starts = [
        np.searchsorted(position[order], np.arange(size)) for (position, size), order in zip(cells, orders, strict=True)
    ]
    collected: list[dict[str, Floats]] = []
    for weights in row_weights(n, resamples, rng):
        parts = []
        for c, (order, start) in enumerate(zip(orders, starts, strict=True)):
            sorted_weights = weights[:, order]
            positives = sorted_weights * truth[order, c].astype(sorted_weights.dtype)
            negatives = sorted_weights - positives
            if len(start) < n:
                positives = np.add.reduceat(positives, start, axis=1)
                negatives = np.add.reduceat(negatives, start, axis=1)
            parts.append(ranking(negatives, positives))
        collected.append({name: np.mean([part[name] for part in parts], axis=0) for name in parts[0]})
    return {name: np.concatenate([part[name] for part in collected]) for name in collected[0]}


def _binned_draws(
    truth: NDArray[Any], score: NDArray[Any], resamples: int, rng: np.random.Generator
) -> dict[str, Floats]:
    """Draws over binned scores, moved by what the binning changed on the data itself."""
    fine, fine_size = score_cells(score)
    exact = ranking(*_by_cell(truth, fine, fine_size))
    cells, size = score_cells(score, BINS)
    counts = np.stack(_by_cell(truth, cells, size))
    binned = ranking(counts[0], counts[1])
    at_once = max(1, CELLS_AT_ONCE // counts.size)
    parts = []
    for start in range(0, resamples, at_once):
        drawn = resampled_counts(counts, min(at_once, resamples - start), rng)
        parts.append(ranking(drawn[:, 0], drawn[:, 1]))
    return {name: np.concatenate([part[name] for part in parts]) + (exact[name] - binned[name]) for name in parts[0]}


def _by_cell(truth: NDArray[Any], cells: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    truth = truth.astype(bool)
    return np.bincount(cells[~truth], minlength=size), np.bincount(cells[truth], minlength=size)


def interval_of(
    statistic: Callable[[NDArray[np.int64]], NDArray[Any]],
    counts: NDArray[Any],
    resamples: int,
    rng: np.random.Generator,
) -> Interval | None:
    """The bootstrap interval of a statistic of a table of counts; `statistic` works on the trailing axes."""
    return percentile_interval(statistic(resampled_counts(counts, resamples, rng)))
