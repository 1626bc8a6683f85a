"""Calibration: against scikit-learn, a table worked by hand, models with known faults, and simulation."""

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from assessments.battery import calibrating
from assessments.battery.spec import NotApplicable
from tests.battery.subjects import HardRule, Rule, measure_of, outcome_of, subject_of, value_of


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(3)
    p = rng.beta(1, 2, 1500)
    return p, rng.random(1500) < p


def subject_with(p, y, **more):
    frame = pd.DataFrame({"x": p, "y": np.asarray(y, dtype=int)})
    return subject_of(frame, Rule(lambda rows: rows["x"], ["x"]), **more)


def test_the_ece_of_a_table_worked_by_hand():
    # Two bins of four: mean probabilities 0.2 and 0.7, outcomes 1/4 and 4/4.
    p = np.array([0.1, 0.2, 0.2, 0.3, 0.6, 0.7, 0.7, 0.8])
    y = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    bins = calibrating.binned(p, y, 2)
    assert bins.n.tolist() == [4, 4]
    assert bins.ece == pytest.approx(0.5 * 0.05 + 0.5 * 0.3, abs=1e-12)
    assert bins.largest == pytest.approx(0.3, abs=1e-12)
    parts = calibrating.brier_parts(p, y, bins)
    assert parts["brier_reliability"] == pytest.approx(0.5 * 0.05**2 + 0.5 * 0.3**2, abs=1e-12)
    assert parts["brier_resolution"] == pytest.approx(0.375**2, abs=1e-12)
    assert parts["brier_uncertainty"] == pytest.approx(5 / 8 * 3 / 8, abs=1e-12)


def test_the_curve_is_that_of_scikit_learn(drawn):
    p, y = drawn
    bins = calibrating.binned(p, y, 15)
    share, mean = calibration_curve(y, p, n_bins=15, strategy="quantile")
    assert bins.y == pytest.approx(share, abs=1e-9)
    assert bins.p == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize("most", [2, 7, 15])
def test_the_parts_make_up_the_brier_score(drawn, most):
    p, y = drawn
    parts = calibrating.brier_parts(p, y, calibrating.binned(p, y, most))
    whole = (
        parts["brier_reliability"] - parts["brier_resolution"] + parts["brier_uncertainty"] + parts["brier_within_bins"]
    )
    assert whole == pytest.approx(brier_score_loss(y, p), abs=1e-12)


def test_equal_probabilities_share_a_bin():
    p = np.array([0.2] * 90 + [0.8] * 10)
    bins = calibrating.binned(p, np.arange(100) % 2, 15)
    assert bins.n.tolist() == [90, 10]


def test_slope_and_intercept_are_those_of_a_regression_without_penalty(drawn):
    p, y = drawn
    warped = p**2 / (p**2 + (1 - p) ** 2)  # log odds twice as large: a slope of one half
    odds = calibrating.log_odds(warped)[:, None]
    fitted = LogisticRegression(C=np.inf, tol=1e-12, solver="newton-cholesky").fit(odds, y)
    value, (low, high) = calibrating.slope(warped, y)
    assert value == pytest.approx(fitted.coef_[0, 0], abs=1e-7)
    assert low < 0.5 < high
    # At the intercept that fits, the mean probability is the share of outcomes.
    added, _ = calibrating.intercept(warped, y)
    assert (1 / (1 + np.exp(-(odds[:, 0] + added)))).mean() == pytest.approx(y.mean(), abs=1e-9)


def test_outcomes_that_can_be_told_apart_have_no_slope():
    p = np.array([0.1, 0.2, 0.8, 0.9])
    assert calibrating.slope(p, p > 0.5) is None
    assert calibrating.slope(np.full(4, 0.3), np.array([0, 1, 0, 1])) is None
    assert calibrating.intercept(p, np.ones(4)) is None


def test_spiegelhalters_z_by_hand():
    p, y = np.array([0.2, 0.6, 0.9]), np.array([1, 0, 1])
    above = 0.8 * 0.6 + (-0.6) * (-0.2) + 0.1 * (-0.8)
    below = np.sqrt(0.36 * 0.16 + 0.04 * 0.24 + 0.64 * 0.09)
    assert calibrating.spiegelhalter(p, y) == pytest.approx(above / below, abs=1e-12)
    assert calibrating.spiegelhalter(np.array([0.0, 1.0]), np.array([0, 1])) is None


def test_a_calibrated_model_is_not_accused_and_a_warped_one_is(drawn):
    p, y = drawn
    right = outcome_of("performance.calibration", subject_with(p, y))
    low, high = measure_of(right, "ece_corrected").ci
    assert low == 0
    assert value_of(right, "ece_corrected") < value_of(right, "ece")
    assert value_of(right, "spiegelhalter_p") > 0.05
    wrong = outcome_of("performance.calibration", subject_with(np.clip(p + 0.25, 0, 1), y))
    low, high = measure_of(wrong, "ece_corrected").ci
    assert 0.15 < low < value_of(wrong, "ece_corrected") < high
    assert value_of(wrong, "calibration_intercept") < -0.5
    assert value_of(wrong, "spiegelhalter_p") < 1e-6


def test_each_label_of_several_is_told_by_name():
    from sklearn.datasets import load_iris

    data = load_iris(as_frame=True)
    features = list(data.data)
    frame = data.data.assign(y=[data.target_names[at] for at in data.target])
    model = LogisticRegression(max_iter=500).fit(frame[features], frame["y"])
    outcome = outcome_of("performance.calibration", subject_of(frame, model, favourable="virginica"))
    bins = calibrating.binned(model.predict_proba(frame[features])[:, 0], frame["y"] == "setosa", 3)
    assert value_of(outcome, "ece", y="setosa") == pytest.approx(bins.ece, abs=1e-12)
    assert len(outcome.charts[0].data["series"]) == 3


def test_without_probabilities_it_does_not_apply(drawn):
    p, y = drawn
    frame = pd.DataFrame({"x": p, "y": y.astype(int)})

    class Ranked(HardRule):
        def decision_function(self, rows):
            return np.asarray(rows["x"]) * 7

    with pytest.raises(NotApplicable, match="no probabilities|not probabilities"):
        outcome_of("performance.calibration", subject_of(frame, Ranked(lambda rows: rows["x"], ["x"])))


def covered(warp, n, most, times):
    """How often the interval of the corrected ECE holds the true one."""
    held = 0
    for seed in range(times):
        rng = np.random.default_rng(seed)
        p = rng.beta(1, 2, n)
        true = warp(p)
        bins = calibrating.binned(p, rng.random(n) < true, most)
        exact = bins.weight @ np.abs(np.bincount(bins.cells, weights=true) / bins.n - bins.p)
        _, (low, high) = calibrating.corrected_ece(bins, 300, rng)
        held += low <= exact <= high
    return held / times


def test_the_interval_of_the_ece_holds_the_true_one_in_95_of_100():
    assert covered(lambda p: 0.3 + 0.4 * p, 600, 10, 60) > 0.88


@pytest.mark.long
@pytest.mark.parametrize("warp", [lambda p: 0.3 + 0.4 * p, lambda p: p**2, lambda p: np.clip(p + 0.05, 0, 1)])
def test_the_interval_of_the_ece_holds_in_93_to_97_of_100(warp):
    assert 0.925 <= covered(warp, 2000, 15, 600) <= 0.975


@pytest.mark.long
def test_the_intervals_of_slope_and_intercept_hold_in_93_to_97_of_100():
    held = np.zeros(2)
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        odds = rng.normal(-0.5, 1.2, 300)
        y = rng.random(300) < 1 / (1 + np.exp(-(0.4 + 0.7 * odds)))
        said = 1 / (1 + np.exp(-odds))
        _, (low, high) = calibrating.slope(said, y)
        held[0] += low <= 0.7 <= high
        shifted = 1 / (1 + np.exp(-(0.7 * odds)))
        _, (low, high) = calibrating.intercept(shifted, y)
        held[1] += low <= 0.4 <= high
    assert ((held / 1000 >= 0.93) & (held / 1000 <= 0.97)).all()


def test_a_perfectly_calibrated_model_is_never_far_from_0_by_more_than_chance():
    """At a true error of 0 the interval begins at 0 in at least 95 of 100."""
    assert covered(lambda p: p, 600, 10, 60) >= 0.93
