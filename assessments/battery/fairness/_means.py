"""Intervals for means of groups, for the gap between the extreme ones, and for what is furthest from nought."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from assessments.battery.stats import LEVEL, Interval

Floats = NDArray[np.float64]


def moments(codes: NDArray[np.int64], values: Floats, groups: int) -> tuple[Floats, Floats, Floats]:
    """Rows, mean and standard error of the mean of each group: (groups,) each. NaN where a group has too few rows."""
    rows = np.bincount(codes, minlength=groups).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(codes, weights=values, minlength=groups) / rows
        around = values - mean[codes]  # about the mean: the sum of squares loses digits otherwise
        variance = np.bincount(codes, weights=around * around, minlength=groups) / (rows - 1)
        error = np.sqrt(variance / rows)
    return rows, mean, np.where(rows > 1, error, np.nan)


def mean_interval(rows: float, mean: float, error: float) -> Interval | None:
    """Student's interval; None with fewer than two rows."""
    if rows < 2:
        return None
    half = float(t.ppf((1 + LEVEL) / 2, rows - 1)) * error
    return mean - half, mean + half


def spread_interval(rows: Floats, means: Floats, errors: Floats) -> Interval:
    """For the highest less the lowest mean of at least two groups.

    The lower end is the widest gap that some pair is shown to have by Welch's interval (1947), all pairs considered
    (Bonferroni); the upper end is that of the extreme pair.
    """
    freedom = _welch(rows, errors)
    apart, error = means[:, None] - means, np.hypot(errors[:, None], errors)
    pairs = len(means) * (len(means) - 1) / 2
    at_once = t.ppf(1 - (1 - LEVEL) / (2 * pairs), freedom)
    low = max(0.0, float(np.nanmax(apart - at_once * error)))
    highest, lowest = int(np.argmax(means)), int(np.argmin(means))
    value = float(means[highest] - means[lowest])
    if highest == lowest:
        return 0.0, 0.0
    half = float(t.ppf((1 + LEVEL) / 2, freedom[highest, lowest]) * error[highest, lowest])
    return min(low, value), value + half


def furthest_interval(rows: Floats, means: Floats, errors: Floats) -> Interval:
    """For the largest absolute mean of several groups.

    The lower end is what some group is shown to have, all of them considered (Bonferroni); the upper end is the
    furthest that the interval of any reaches. Neither can be wrong more often than one in forty.
    """
    shown = t.ppf(1 - (1 - LEVEL) / (2 * len(means)), rows - 1) * errors
    possible = t.ppf((1 + LEVEL) / 2, rows - 1) * errors
    return max(0.0, float(np.max(np.abs(means) - shown))), float(np.max(np.abs(means) + possible))


def ratio_of_means(rows: Floats, means: Floats, errors: Floats) -> Interval:
    """For the lowest over the highest of positive means: their spread on the logarithmic scale."""
    positive = means > 0
    if not positive.all():
        return 0.0, 1.0
    low, high = spread_interval(rows, np.log(means), errors / means)
    return float(np.exp(-high)), float(np.exp(-low))


def _welch(rows: Floats, errors: Floats) -> Floats:
    """(groups, groups) degrees of freedom of the difference of two means (Welch 1947)."""
    square = errors**2
    total = (square[:, None] + square) ** 2
    parts = square**2 / (rows - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = total / (parts[:, None] + parts)
    return np.where(np.isfinite(freedom), np.maximum(freedom, 1.0), 1e6)
