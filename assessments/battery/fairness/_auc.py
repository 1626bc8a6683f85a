"""The area under the ROC curve of each group, with limits that hold for small groups too."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import rankdata

from assessments.battery.fairness._intervals import simultaneous_z
from assessments.battery.stats import Interval, Z

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Area:
    """value: AUC; error: its standard error, 0 where all pairs are in order; rows of either outcome."""

    value: float
    error: float
    positives: int
    negatives: int

    def limits(self, z: float = Z) -> Interval:
        """z standard errors away, on the log odds scale: an area near 1 has no room above.

        Where all pairs are in order no error shows: then the areas that are not surprising at that (Newcombe 2006).
        """
        if not 0 < self.value < 1 or not self.error:
            return self._unsurprising(z)
        width = z * self.error / (self.value * (1 - self.value))
        low, high = (float(expit(logit(self.value) + side * width)) for side in (-1, 1))
        return low, high

    def _unsurprising(self, z: float) -> Interval:
        def surprise(area: float) -> float:
            return abs(self.value - area) - z * _hanley_mcneil(area, self.positives, self.negatives)

        # At the value itself there is no surprise, and no error either: the search ends just before it.
        low = brentq(surprise, 1e-9, self.value - 1e-9) if self.value > 0.5 else 0.0
        high = brentq(surprise, self.value + 1e-9, 1 - 1e-9) if self.value < 0.5 else 1.0
        return float(low), float(high)


def area_under_roc(score: Floats, truth: NDArray[np.bool_]) -> Area | None:
    """AUC with DeLong's standard error (1988). None with fewer than two rows of either outcome."""
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if min(positives, negatives) < 2:
        return None
    ranks = rankdata(score)
    above = (ranks[truth] - rankdata(score[truth])) / negatives  # the share of negatives below each positive
    below = 1 - (ranks[~truth] - rankdata(score[~truth])) / positives
    error = float(np.sqrt(above.var(ddof=1) / positives + below.var(ddof=1) / negatives))
    return Area(float(above.mean()), error, positives, negatives)


def widest(areas: list[Area]) -> tuple[float, Interval]:
    """Highest less lowest AUC of independent groups; each end as for other rates (Zou and Donner 2008).

    The lower end is the widest gap that some pair is shown to have, all pairs considered.
    """
    values = np.array([area.value for area in areas])
    at_once = np.array([area.limits(simultaneous_z(len(areas))) for area in areas])
    low, high = at_once[:, 0], at_once[:, 1]
    gaps = (values[:, None] - values) - np.hypot((values - low)[:, None], high - values)
    best, worst = areas[int(np.argmax(values))], areas[int(np.argmin(values))]
    value = best.value - worst.value
    return value, (min(max(0.0, float(gaps.max())), value), gap_limits(best, worst)[1])


def gap_limits(one: Area, other: Area, z: float = Z) -> Interval:
    """Limits of the difference of two AUCs of independent groups."""
    value = one.value - other.value
    (low, high), (other_low, other_high) = one.limits(z), other.limits(z)
    below = float(np.hypot(one.value - low, other_high - other.value))
    above = float(np.hypot(high - one.value, other.value - other_low))
    return max(-1.0, value - below), min(1.0, value + above)


def _hanley_mcneil(area: float, positives: int, negatives: int) -> float:
    """The standard error that an area of this size would have (Hanley and McNeil 1982)."""
    twice, both = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (positives - 1) * (twice - area**2) + (negatives - 1) * (both - area**2)
    return float(np.sqrt(max(spread, 0.0) / (positives * negatives)))
