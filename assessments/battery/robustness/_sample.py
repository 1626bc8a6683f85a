"""Which rows are attacked, random changes to compare with, and the median of what was found."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from assessments.battery.robustness._lockstep import Floats, Norm, Rows, length


def stratified_sample(y: NDArray[np.int64], rows: int, rng: np.random.Generator) -> Rows:
    """Positions of `rows` rows, or all where there are fewer, in the proportions of the classes, none left out."""
    if rows >= len(y):
        return np.arange(len(y))
    classes, counts = np.unique(y, return_counts=True)
    share = counts * rows / len(y)
    taken = np.maximum(np.floor(share), 1).astype(int)
    for index in np.argsort(np.floor(share) - share, kind="stable"):
        if taken.sum() < rows and taken[index] < counts[index]:
            taken[index] += 1
    drawn = [rng.choice(np.flatnonzero(y == label), k, replace=False) for label, k in zip(classes, taken, strict=True)]
    return np.sort(np.concatenate(drawn))


def random_moves(rng: np.random.Generator, count: int, d: int, norm: Norm) -> Floats:
    """(count, d) uniform in the unit ball of the norm."""
    if norm == "linf":
        return rng.uniform(-1.0, 1.0, (count, d))
    drawn = rng.standard_normal((count, d))
    radius = rng.uniform(size=count) ** (1.0 / d)
    return np.asarray(drawn * (radius / length(drawn, "l2"))[:, None])


def median_with_interval(costs: Floats) -> tuple[float | None, tuple[float, float] | None]:
    """The median of sorted costs and its 95 % interval by order statistics; None where infinite costs reach it."""
    n = len(costs)
    median = float(costs[(n - 1) // 2] + costs[n // 2]) / 2
    rank = int(binom.ppf(0.025, n, 0.5))
    ends = (float(costs[rank - 1]), float(costs[n - rank])) if rank else (0.0, np.inf)
    return median if np.isfinite(median) else None, ends if np.isfinite(ends[1]) else None
