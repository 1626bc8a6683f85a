"""A group against everybody else within strata, from counts: the Mantel-Haenszel difference of two rates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from assessments.battery.stats import Interval, Z, wilson

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Contrast:
    """value: the difference within strata; None where no stratum holds both. error: its standard error."""

    rows: int
    raw: float
    raw_interval: Interval
    value: float | None
    error: float
    p_value: float | None

    @property
    def interval(self) -> Interval | None:
        return None if self.value is None else _limits(self.value, self.error)


def contrast(member: Flags, strata: NDArray[np.int64], selected: Flags) -> Contrast:
    """Rows (n,): who is of the group, in which stratum, and decided favourably. Both sides must have rows."""
    top, rest_top = int((member & selected).sum()), int((~member & selected).sum())
    raw, raw_interval = newcombe((top, int(member.sum())), (rest_top, int((~member).sum())))
    value, error, p_value = mantel_haenszel(*_counts(member, strata, selected))
    return Contrast(int(member.sum()), raw, raw_interval, value, error, p_value)


def newcombe(one: tuple[int, int], other: tuple[int, int]) -> tuple[float, Interval]:
    """The difference of two rates (successes, rows) and its interval (Newcombe 1998, method 10)."""
    (first, low, high), (second, other_low, other_high) = _wilson(*one), _wilson(*other)
    value = first - second
    return value, (
        float(value - np.hypot(first - low, other_high - second)),
        float(value + np.hypot(high - first, second - other_low)),
    )


def _wilson(successes: int, n: int) -> tuple[float, float, float]:
    low, high = wilson(successes, n) or (0.0, 1.0)
    return successes / n, low, high


def _counts(member: Flags, strata: NDArray[np.int64], selected: Flags) -> tuple[NDArray[np.float64], ...]:
    """Selected and all rows of the group, then of the others: (strata,) each."""
    size = int(strata.max()) + 1
    return tuple(
        np.bincount(strata[rows], minlength=size).astype(float)
        for rows in (member & selected, member, ~member & selected, ~member)
    )


def mantel_haenszel(
    top: NDArray[np.float64], n: NDArray[np.float64], rest_top: NDArray[np.float64], rest: NDArray[np.float64]
) -> tuple[float | None, float, float | None]:
    """Difference, standard error (Sato, Greenland, Robins 1989) and P value (Cochran-Mantel-Haenszel, uncorrected)."""
    both = (n > 0) & (rest > 0)
    if not both.any():
        return None, 0.0, None
    top, n, rest_top, rest = top[both], n[both], rest_top[both], rest[both]
    total = n + rest
    weight = n * rest / total
    value = float(((top * rest - rest_top * n) / total).sum() / weight.sum())
    p = (n**2 * rest_top - rest**2 * top + n * rest * (rest - n) / 2) / total**2
    q = (top * (rest - rest_top) + rest_top * (n - top)) / (2 * total)
    variance = (value * p.sum() + q.sum()) / weight.sum() ** 2
    return value, float(np.sqrt(max(variance, 0.0))), _test(top, n, rest_top, rest, total)


def _test(
    top: NDArray[np.float64],
    n: NDArray[np.float64],
    rest_top: NDArray[np.float64],
    rest: NDArray[np.float64],
    total: NDArray[np.float64],
) -> float | None:
    chosen = top + rest_top
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.where(total > 1, n * rest * chosen * (total - chosen) / (total**2 * (total - 1)), 0.0).sum()
    if not spread:
        return None
    return float(chi2.sf((top - n * chosen / total).sum() ** 2 / spread, 1))


def _limits(value: float, error: float) -> Interval:
    return max(-1.0, value - Z * error), min(1.0, value + Z * error)
