"""Patterns in errors: against scipy, and planted ones."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats
from sklearn.base import BaseEstimator, RegressorMixin

from assessments.battery.performance.residuals import spearman_interval
from tests.battery.subjects import measure_of, outcome_of, subject_of, value_of


class Says(RegressorMixin, BaseEstimator):
    """Predicts the column x."""

    def __init__(self):
        self.feature_names_in_ = np.array(["x"], dtype=object)
        self.n_features_in_ = 1

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, frame):
        return np.asarray(frame["x"], dtype=float)


def subject_with(error, n=1200, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(1, 10, n)
    return subject_of(pd.DataFrame({"x": x, "y": x - error(x, rng)}), Says(), favourable="")


def test_the_moments_are_those_of_scipy():
    subject = subject_with(lambda x, rng: rng.gamma(2, 1, len(x)) - 1.5)
    outcome = outcome_of("performance.residuals", subject)
    residual = subject.predicted - subject.y
    assert value_of(outcome, "residual_skewness") == pytest.approx(scipy_stats.skew(residual), abs=1e-9)
    assert value_of(outcome, "residual_kurtosis") == pytest.approx(scipy_stats.kurtosis(residual), abs=1e-9)
    typical = np.sqrt((residual**2).mean())
    assert value_of(outcome, "bias_share") == pytest.approx(abs(residual.mean()) / typical, abs=1e-12)
    rho = scipy_stats.spearmanr(np.abs(residual), subject.predicted).statistic
    assert value_of(outcome, "spread_trend") == pytest.approx(rho, abs=1e-12)


def test_noise_has_no_pattern():
    outcome = outcome_of("performance.residuals", subject_with(lambda x, rng: rng.normal(size=len(x))))
    for metric in ("residual_skewness", "spread_trend"):
        low, high = measure_of(outcome, metric).ci
        assert low < 0 < high
    assert abs(value_of(outcome, "residual_kurtosis")) < 0.4
    assert measure_of(outcome, "bias_share").ci[0] == 0
    assert value_of(outcome, "residual_trend") < 0.3


def test_a_bias_a_trend_and_a_growing_spread_are_found():
    biased = outcome_of("performance.residuals", subject_with(lambda x, rng: 1 + rng.normal(size=len(x))))
    assert measure_of(biased, "bias_share").ci[0] > 0.5
    growing = outcome_of("performance.residuals", subject_with(lambda x, rng: x * rng.normal(size=len(x))))
    assert measure_of(growing, "spread_trend").ci[0] > 0.3
    curved = outcome_of("performance.residuals", subject_with(lambda x, rng: (x - 5.5) ** 2 / 5 - 1.3))
    assert value_of(curved, "residual_trend") > 1


@pytest.mark.long
def test_the_interval_of_the_rank_correlation_holds_in_93_to_97_of_100():
    rho = 6 / np.pi * np.arcsin(0.5 / 2)  # of two normals correlated by 0.5
    held = 0
    for seed in range(2000):
        a, b = np.random.default_rng(seed).multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 100).T
        low, high = spearman_interval(scipy_stats.spearmanr(a, b).statistic, 100)
        held += low <= rho <= high
    assert 0.93 <= held / 2000 <= 0.97
