"""How surprising a difference between groups would be if there were none; and that said of many groups at once."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, fisher_exact, norm

from assessments.battery import discovery_rate

EXACT_ROWS = 20_000  # beyond, Fisher's test takes seconds and the normal limit agrees with it


def two_rates(top: NDArray[np.int64], bottom: NDArray[np.int64]) -> float | None:
    """Two-sided P value of two rates being one: Fisher's exact test; pooled normal test with many rows.

    top, bottom: (2,) successes and rows. None where a group has no row.
    """
    if (bottom == 0).any():
        return None
    if bottom.sum() <= EXACT_ROWS:
        return min(1.0, float(fisher_exact([top, bottom - top]).pvalue))
    pooled = top.sum() / bottom.sum()
    error = np.sqrt(pooled * (1 - pooled) * (1 / bottom).sum())
    if not error:
        return 1.0
    return float(2 * norm.sf(abs(top[0] / bottom[0] - top[1] / bottom[1]) / error))


def homogeneity(top: NDArray[np.int64], bottom: NDArray[np.int64]) -> float | None:
    """P value of all rates being one: Fisher's exact test for two groups, Pearson's chi-square test for more.

    top, bottom: (groups,). Groups without a row are left out; None where fewer than two are left.
    """
    top, bottom = top[bottom > 0], bottom[bottom > 0]
    if len(top) < 2:
        return None
    if len(top) == 2:
        return two_rates(top, bottom)
    pooled = top.sum() / bottom.sum()
    if pooled in (0.0, 1.0):
        return 1.0
    statistic = (((top - bottom * pooled) ** 2) / (bottom * pooled * (1 - pooled))).sum()
    return float(chi2.sf(statistic, len(top) - 1))


def each_against_the_rest(top: NDArray[np.int64], bottom: NDArray[np.int64]) -> list[float | None]:
    """For each group the P value of its rate being that of all others together. top, bottom: (groups,)."""
    rest_top, rest_bottom = top.sum() - top, bottom.sum() - bottom
    return [
        two_rates(np.array([top[at], rest_top[at]]), np.array([bottom[at], rest_bottom[at]])) for at in range(len(top))
    ]


def q_values(p_values: list[float | None]) -> list[float | None]:
    """Benjamini and Hochberg's (1995): the share of false alarms among all that are called at this one or a smaller.

    Proven for independent P values; those of groups against their rest depend weakly on each other. None stays None
    and is not counted.
    """
    values = iter(discovery_rate.q_values([p for p in p_values if p is not None]))
    return [None if p is None else float(next(values)) for p in p_values]
