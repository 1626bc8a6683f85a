"""Intervals for the gap between the extreme groups.

The highest and the lowest of several noisy rates lie further apart than the highest and lowest true rate, and a
bootstrap of the rows repeats that error on top of it: in our simulations of five unequal groups its 95 % interval for
the equalized odds difference held the truth in 1 % of the samples, and lay on the unfair side in the others. So each
end is taken from where it is right. The end away from parity is the bootstrap's percentile. The end towards parity is
the widest gap that some pair of groups is shown to have: Newcombe's interval of a difference (1998, method 10) or its
counterpart of a ratio (Donner and Zou 2012), from Wilson's intervals at Tukey's level for all pairs at once. Neither
needs a large sample, nor a rate other than 0 or 1. No resampling can move a rate of 0 or 1, so the end away from parity
goes at least as far as the same interval of the pair that sets the value: three right of three is no proof of equality.
"""

import functools

import numpy as np
from numpy.typing import NDArray
from scipy.stats import studentized_range

from assessments.battery.fairness._counts import Cells, Floats
from assessments.battery.stats import LEVEL, Interval, Z


def difference_interval(cells: Cells, rates: tuple[str, ...], value: float, drawn: Interval) -> Interval:
    """For the widest difference in any of the rates between any two groups. drawn: the bootstrap's interval."""
    shown = [_least_difference(*_supported(cells, rate), len(rates)) for rate in rates]
    possible = [_possible_difference(*_supported(cells, rate), value) for rate in rates]
    return max([0.0, *shown]), max([value, drawn[1], *possible])


def mean_difference_interval(cells: Cells, rates: tuple[str, ...], value: float, drawn: Interval) -> Interval:
    """For the mean, over the rates, of the widest difference in each between any two groups."""
    shown = [max(0.0, _least_difference(*_supported(cells, rate), len(rates))) for rate in rates]
    possible = [_possible_difference(*_supported(cells, rate), _widest(cells, rate)) for rate in rates]
    return min(value, float(np.mean(shown))), max([value, drawn[1], float(np.mean(possible))])


def ratio_interval(
    cells: Cells, value: float, drawn: Interval, rates: tuple[str, ...] = ("selection_rate",)
) -> Interval:
    """For the lowest over the highest rate, the least of those where there are several. drawn: the bootstrap's."""
    parts = [_supported(cells, rate) for rate in rates]
    low = min([value, drawn[0], *(_possible_ratio(*part, value) for part in parts)])
    return low, max(value, min([1.0, *(_greatest_ratio(*part, len(rates)) for part in parts)]))


def pair_ratio_interval(one: tuple[int, int], other: tuple[int, int]) -> Interval:
    """Of the rate of one group (successes, rows) over another's, which must not be 0 (Donner and Zou 2012)."""
    rate, low, high = _wilson(np.array([one[0], other[0]]), np.array([one[1], other[1]]), Z)
    below, above = low[1] * (2 * rate[1] - low[1]), high[1] * (2 * rate[1] - high[1])
    product = rate[0] * rate[1]
    least = (
        (product - np.sqrt(max(product**2 - low[0] * (2 * rate[0] - low[0]) * above, 0.0))) / above
        if above > 0
        else 0.0
    )
    if below <= 0:
        return float(max(0.0, least)), np.inf
    most = (product + np.sqrt(max(product**2 - high[0] * (2 * rate[0] - high[0]) * below, 0.0))) / below
    return float(max(0.0, least)), float(most)


@functools.cache
def simultaneous_z(groups: int, families: int = 1) -> float:
    """How many standard errors hold for all pairs of groups at once, in each of `families` rates."""
    return float(studentized_range.ppf(1 - (1 - LEVEL) / families, groups, np.inf) / np.sqrt(2))


def _supported(cells: Cells, rate: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    top, bottom = cells.fraction(rate)
    return top[bottom > 0], bottom[bottom > 0]


def _least_difference(top: NDArray[np.int64], bottom: NDArray[np.int64], families: int) -> float:
    """The largest lower limit of the difference of any pair of rates."""
    if len(top) < 2:
        return 0.0
    rate, low, high = _wilson(top, bottom, simultaneous_z(len(top), families))
    limits = (rate[:, None] - rate) - np.sqrt((rate - low)[:, None] ** 2 + (high - rate) ** 2)
    return float(limits.max())


def _possible_difference(top: NDArray[np.int64], bottom: NDArray[np.int64], value: float) -> float:
    """The largest upper limit of the difference of the pairs of rates that are `value` apart; 0.0 where none is."""
    if len(top) < 2:
        return 0.0
    rate, low, high = _wilson(top, bottom, Z)
    apart = rate[:, None] - rate
    limits = apart + np.sqrt((high - rate)[:, None] ** 2 + (rate - low) ** 2)
    setting = np.isclose(apart, value, rtol=0, atol=1e-12) & ~np.eye(len(rate), dtype=bool)
    return float(limits[setting].max().clip(max=1)) if setting.any() else 0.0


def _possible_ratio(top: NDArray[np.int64], bottom: NDArray[np.int64], value: float) -> float:
    """The smallest lower limit of the ratio of the pairs of rates whose ratio is `value`; 1.0 where there is none."""
    if len(top) < 2:
        return 1.0
    rate, low, high = _wilson(top, bottom, Z)
    above = high * (2 * rate - high)  # of the denominator's group
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = np.outer(rate, rate) ** 2 - np.outer(low * (2 * rate - low), above)
        limits = (np.outer(rate, rate) - np.sqrt(np.maximum(inner, 0))) / above
        setting = np.isclose(rate[:, None] / rate, value, rtol=0, atol=1e-12)
    setting &= ~np.eye(len(rate), dtype=bool) & (above > 0)
    return float(limits[setting].min().clip(min=0)) if setting.any() else 1.0


def _widest(cells: Cells, rate: str) -> float:
    top, bottom = _supported(cells, rate)
    return float(np.ptp(top / bottom)) if len(top) else 0.0


def _greatest_ratio(top: NDArray[np.int64], bottom: NDArray[np.int64], families: int = 1) -> float:
    """The smallest upper limit of the ratio of any pair of rates."""
    if len(top) < 2:
        return 1.0
    rate, low, high = _wilson(top, bottom, simultaneous_z(len(top), families))
    below = low * (2 * rate - low)  # of the denominator's group
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = np.outer(rate, rate) ** 2 - np.outer(high * (2 * rate - high), below)
        limits = (np.outer(rate, rate) + np.sqrt(np.maximum(inner, 0))) / below
    lower = (rate[:, None] <= rate) & (below > 0) & ~np.eye(len(rate), dtype=bool)
    return float(limits[lower].min()) if lower.any() else 1.0


def _wilson(top: NDArray[np.int64], bottom: NDArray[np.int64], z: float) -> tuple[Floats, Floats, Floats]:
    """Rates and Wilson's limits z standard errors away."""
    rate = top / bottom
    centre = (rate + z * z / (2 * bottom)) / (1 + z * z / bottom)
    half = z / (1 + z * z / bottom) * np.sqrt(rate * (1 - rate) / bottom + z * z / (4 * bottom**2))
    return rate, np.minimum(rate, centre - half).clip(0), np.maximum(rate, centre + half).clip(max=1)
