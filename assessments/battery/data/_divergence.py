"""How far apart two counted distributions are: the population stability index with its interval, and others.

PSI = Σ (q - p) ln(q / p), where p and q are the shares of the two tables. Even where both come from one population it
is not 0: times 1 / (1/N + 1/M) it then follows χ² with (bins - 1) degrees of freedom (Yurdakul and Naranjo 2020), so
that small tables need another limit than large ones. Away from 0 the same quantity follows a noncentral χ² about the
true PSI; its inversion gives the interval, with the scale taken from the delta method so that it holds far away too.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2, chi2_contingency, ks_2samp, ncx2, norm

from assessments.battery.stats import LEVEL, Interval

EMPTY = 0.5  # rows that an empty bin counts as: without any, the index would be infinite
FAR = 5000.0
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stability:
    """value: PSI as anybody would compute it; ci: of the true PSI; noise: the value that chance alone exceeds once in
    twenty times where nothing has changed."""

    value: float
    ci: Interval
    noise: float


def stability(first: Counts, second: Counts) -> Stability:
    """The index of two rows of counts over the same bins, all of which hold some row of either."""
    p, q = shares(first), shares(second)
    n, m = int(first.sum()), int(second.sum())
    value = float(((q - p) * np.log(q / p)).sum())
    scale, free = 1 / n + 1 / m, len(first) - 1
    if free < 1:
        return Stability(0.0, (0.0, 0.0), 0.0)
    return Stability(value, _interval(p, q, n, m, value, free), float(chi2.ppf(LEVEL, free)) * scale)


def shares(counts: Counts) -> Floats:
    """Shares of the rows, an empty bin as half a row."""
    filled = np.where(counts > 0, counts, EMPTY)
    return np.asarray(filled / filled.sum())


def _interval(p: Floats, q: Floats, n: int, m: int, value: float, free: int) -> Interval:
    by_p, by_q = -np.log(q / p) - q / p, np.log(q / p) - p / q  # derivatives of the index
    variance = _spread(p, by_p) / n + _spread(q, by_q) / m
    # Near 0 the variance of the index is 4 x PSI x (1/N + 1/M) and this is that scale.
    scale = variance / (4 * value) if value > 1e-12 else 1 / n + 1 / m
    seen = value / scale
    low, high = (_noncentrality(seen, free, tail) * scale for tail in ((1 + LEVEL) / 2, (1 - LEVEL) / 2))
    return min(low, value), max(high, value)


def _spread(share: Floats, values: Floats) -> float:
    mean = float((share * values).sum())
    return float((share * (values - mean) ** 2).sum())


def _noncentrality(seen: float, free: int, tail: float) -> float:
    """The noncentrality under which a value up to the one seen has the probability `tail`; 0 where none has."""
    if chi2.cdf(seen, free) <= tail:
        return 0.0

    def beyond(x: float) -> float:
        if seen > FAR:  # there the series of the noncentral distribution is slow and its normal limit exact enough
            return float(norm.cdf((seen - free - x) / np.sqrt(2 * free + 4 * x))) - tail
        return float(ncx2.cdf(seen, free, x)) - tail

    return float(brentq(beyond, 0.0, 2 * seen + 100, xtol=1e-9 * (1 + seen)))


@dataclass(frozen=True)
class Apart:
    """jensen_shannon: the distance, base 2, 0 to 1. cramers_v and p: of the test of equal shares; ks and its p where
    the column holds numbers."""

    jensen_shannon: float
    cramers_v: float
    p: float
    ks: float | None = None


def apart(first: Counts, second: Counts) -> Apart:
    """The Jensen-Shannon distance of the shares; Cramér's V and the p-value of the χ² test of homogeneity."""
    distance = float(np.nan_to_num(jensenshannon(first / first.sum(), second / second.sum(), base=2)))
    if len(first) < 2:
        return Apart(distance, 0.0, 1.0)
    tested = chi2_contingency(np.stack([first, second]), correction=False)
    return Apart(distance, float(np.sqrt(tested.statistic / (first.sum() + second.sum()))), float(tested.pvalue))


def numbers_apart(first: Floats, second: Floats, counted: Apart) -> Apart:
    """The same with the Kolmogorov-Smirnov statistic of the finite numbers, and its p-value in place of that of χ².

    The test is conservative where values are tied: it then finds less than there is, never more.
    """
    if not len(first) or not len(second):
        return counted
    found = ks_2samp(first, second, method="asymp")
    return Apart(counted.jensen_shannon, counted.cramers_v, float(found.pvalue), float(found.statistic))
