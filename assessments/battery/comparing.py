"""Differences of two numbers with 95 % intervals: of rates, of AUCs on the same rows, of means of different rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import stats

Floats = NDArray[np.float64]


def auc_influence(truth: NDArray[Any], score: NDArray[Any]) -> Floats:
    """(rows,): how much each row moves the ROC AUC away from its value; the mean is 0.

    DeLong's placement values (1988) by ranks (Sun and Xu 2014), each scaled to the whole sample, so that the variance
    of any sum of AUCs over the same rows is that of the mean of the summed influences. Both answers must be present.
    """
    from scipy.stats import rankdata

    truth = np.asarray(truth, dtype=bool)
    n, m = len(truth), int(truth.sum())
    midranks = rankdata(score)
    found = np.empty(n)
    found[truth] = (midranks[truth] - rankdata(score[truth])) / (n - m)  # share of the negatives below
    found[~truth] = 1 - (midranks[~truth] - rankdata(score[~truth])) / m  # share of the positives above
    auc = found[truth].mean()
    found[truth] = (found[truth] - auc) * n / m
    found[~truth] = (found[~truth] - auc) * n / (n - m)
    return found


def standard_error(influence: Floats) -> float:
    """Of the number that the influences belong to."""
    return float(np.sqrt(np.mean(influence**2) / max(len(influence) - 1, 1)))


def around(value: float, error: float, low: float = -np.inf, high: float = np.inf) -> stats.Interval:
    """The normal interval, cut to what the number can be."""
    return max(low, value - stats.Z * error), min(high, value + stats.Z * error)


def rate_difference(a: float, n_a: float, b: float, n_b: float) -> stats.Interval | None:
    """For the rate a/n_a less b/n_b of different rows: Newcombe's hybrid score interval (1998, method 10)."""
    first, second = stats.wilson(a, n_a), stats.wilson(b, n_b)
    if first is None or second is None:
        return None
    p, q = a / n_a, b / n_b
    low = (p - q) - np.sqrt((p - first[0]) ** 2 + (second[1] - q) ** 2)
    high = (p - q) + np.sqrt((first[1] - p) ** 2 + (q - second[0]) ** 2)
    return float(low), float(high)


def paired_rate_difference(a: NDArray[Any], b: NDArray[Any]) -> stats.Interval | None:
    """For mean(a) less mean(b), both 0 or 1 for the same rows: Tango's score interval (1998), by halving."""
    a, b = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    n = len(a)
    if not n:
        return None
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    value = (only_a - only_b) / n

    def distance(true: float) -> float:
        """Of the difference found from `true`, in standard errors."""
        first = 2.0 * n
        second = -only_a - only_b + (2 * n - only_a + only_b) * true
        third = -only_b * true * (1 - true)
        root = (np.sqrt(max(second**2 - 4 * first * third, 0.0)) - second) / (2 * first)
        variance = n * (2 * root + true * (1 - true))
        gap = only_a - only_b - n * true
        return float(gap / np.sqrt(variance)) if variance > 0 else float(np.sign(gap)) * np.inf

    return _end(value, -1.0, distance, stats.Z), _end(value, 1.0, distance, -stats.Z)


def _end(inside: float, outside: float, distance: Any, wanted: float) -> float:
    """Where `distance` is `wanted`, between a value that is nearer and one that is farther."""
    for _ in range(60):
        middle = (inside + outside) / 2
        nearer = abs(distance(middle)) < abs(wanted)
        inside, outside = (middle, outside) if nearer else (inside, middle)
    return float((inside + outside) / 2)
