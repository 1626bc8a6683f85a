"""Slope and intercept of the logistic recalibration of scores (Cox 1958; Van Calster et al. 2016)."""

import numpy as np
from numpy.typing import NDArray

from assessments.battery.stats import Interval, Z

EDGE = 1e-6  # a score of 0 or 1 has no log odds; it is taken for one this far inside
STEPS = 60
Fitted = dict[str, tuple[float, Interval]]


def recalibration(score: NDArray[np.float64], truth: NDArray[np.bool_]) -> Fitted | None:
    """calibration_slope: the factor on the log odds of the score that fits the truth best, beside a free intercept.
    calibration_intercept: what is to be added to the log odds as they are. Each with its normal limits.

    None where it cannot be fitted: one outcome only, one score only, or scores that separate the outcomes.
    """
    odds = np.log(clipped := np.clip(score, EDGE, 1 - EDGE)) - np.log1p(-clipped)
    y = truth.astype(float)
    if not 0 < y.sum() < len(y) or np.ptp(odds) == 0:
        return None
    both = _fit(np.column_stack([odds, np.ones_like(odds)]), np.zeros_like(odds), y)
    shift = _fit(np.ones((len(odds), 1)), odds, y)
    if both is None or shift is None:
        return None
    return {
        "calibration_slope": _with_limits(float(both[0][0]), float(both[1][0])),
        "calibration_intercept": _with_limits(float(shift[0][0]), float(shift[1][0])),
    }


def _with_limits(value: float, error: float) -> tuple[float, Interval]:
    return value, (value - Z * error, value + Z * error)


def _fit(
    x: NDArray[np.float64], offset: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Logistic regression by Newton's method: coefficients and standard errors; None where it does not settle."""
    beta = np.zeros(x.shape[1])
    beta[0] = 1.0 if x.shape[1] == 2 else 0.0
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ beta + offset, -500, 500)))
        information = (x * (p * (1 - p))[:, None]).T @ x
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, x.T @ (y - p))
        beta = beta + np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-10:
            return beta, np.sqrt(np.diag(np.linalg.inv(information)))
    return None
