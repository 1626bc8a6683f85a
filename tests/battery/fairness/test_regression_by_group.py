"""Errors by group are Fairlearn's with scikit-learn's metrics; differences by hand; intervals that hold the truth."""

import fairlearn.metrics as oracle
import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from scipy.stats import ks_2samp
from sklearn.base import BaseEstimator, RegressorMixin

from assessments import charts
from assessments.battery.fairness._means import moments, ratio_of_means, spread_interval
from assessments.battery.fairness.regression_by_group import distance, rooted
from assessments.battery.plan import Column, Target
from assessments.battery.stats import mean_interval
from assessments.battery.subject import Subject
from tests.battery.subjects import measure_of, outcome_of, value_of

TEST = "fairness.regression_by_group"


class Repeats(RegressorMixin, BaseEstimator):
    """Predicts what the column p says."""

    n_features_in_ = 1
    feature_names_in_ = np.array(["p"], dtype=object)

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, frame):
        return frame["p"].to_numpy(dtype=float)


def paid(rows=900, extra=()):
    """Group a is predicted rightly but for noise, b ten too high, c rightly with three times the noise."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"g": np.resize(["a", "b", "c"], rows), "y": rng.normal(100, 20, rows)})
    noise = rng.normal(0, 5, rows) * np.where(frame["g"] == "c", 3, 1)
    return frame.assign(p=frame["y"] + noise + 10 * (frame["g"] == "b"))


def outcome(frame, **options):
    subject = Subject(Repeats(), frame, Target("y"), (Column("g", "sensitive"),), task="regression")
    return outcome_of(TEST, subject, **options)


@pytest.fixture(scope="module")
def found():
    return outcome(paid())


def test_every_figure_of_every_group_is_fairlearns(found):
    frame = paid()
    metrics = {
        "mean_prediction": oracle.mean_prediction,
        "mae": sk.mean_absolute_error,
        "rmse": sk.root_mean_squared_error,
        "mean_error": lambda y, p: np.mean(np.asarray(p) - np.asarray(y)),
    }
    table = oracle.MetricFrame(metrics=metrics, y_true=frame["y"], y_pred=frame["p"], sensitive_features=frame["g"])
    for name in "abc":
        for metric in metrics:
            assert value_of(found, metric, g=name) == pytest.approx(table.by_group.loc[name, metric], abs=1e-9)
    gaps, ratios = table.difference(), table.ratio()
    for metric in ("mean_prediction", "mean_error", "mae"):
        assert value_of(found, f"{metric}_difference", g="*") == pytest.approx(gaps[metric], abs=1e-9)
    assert value_of(found, "mae_ratio", g="*") == pytest.approx(ratios["mae"], abs=1e-9)
    assert value_of(found, "worst_group_rmse", g="*") == pytest.approx(table.group_max()["rmse"], abs=1e-9)


def test_the_group_that_is_predicted_too_high_is_found(found):
    high = measure_of(found, "mean_error", g="b")
    assert 9 < high.ci[0] < high.value < high.ci[1] < 12
    gap = measure_of(found, "mean_error_difference", g="*")
    assert 8 < gap.ci[0] < gap.value < gap.ci[1] < 15
    assert "b)" in found.charts[0].caption


def test_the_distance_from_everybody_else_is_the_furthest(found):
    frame = paid()
    gaps, distances = [], []
    for name in "abc":
        mine, others = frame["p"][frame["g"] == name], frame["p"][frame["g"] != name]
        gaps.append(abs(mine.mean() - others.mean()) / frame["p"].std(ddof=0))
        distances.append(ks_2samp(mine, others).statistic)
    assert value_of(found, "standardized_mean_difference", g="*") == pytest.approx(max(gaps), abs=1e-9)
    assert value_of(found, "prediction_ks", g="*") == pytest.approx(max(distances), abs=1e-9)


def test_a_small_group_is_left_out_of_what_is_judged():
    few = pd.DataFrame({"g": ["d"] * 5, "y": [1.0] * 5, "p": [500.0] * 5})
    found = outcome(pd.concat([paid(), few], ignore_index=True))
    assert measure_of(found, "mean_error_difference", g="*").small
    judged = measure_of(found, "mean_error_difference", g="* without small groups")
    assert (judged.small, judged.n) == (False, 900)
    assert value_of(found, "mean_error", g="d") == 499


def test_the_errors_can_be_drawn(found):
    (chart,) = found.charts
    assert charts.draw(chart.__dict__, format="svg").startswith(b"<svg")


def coverage(rows, samples):
    """How often the intervals hold the truth where three groups err by 0, 1 and 3, with deviations 1, 2 and 3."""
    rng, deviations, shifts = np.random.default_rng(4), np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 3.0])
    held = dict.fromkeys(("spread", "rmse", "ratio", "ks"), 0)
    codes = np.repeat(np.arange(3), rows)
    for _ in range(samples):
        error = rng.normal(shifts[codes], deviations[codes])
        low, high = spread_interval(*moments(codes, error, 3))
        held["spread"] += low <= 3 <= high
        low, high = rooted(mean_interval(error[codes == 0] ** 2))
        held["rmse"] += low <= 1 <= high
        absolute = np.abs(rng.normal(0, deviations[codes]))
        low, high = ratio_of_means(*moments(codes, absolute, 3))
        held["ratio"] += low <= 1 / 3 <= high
        _, low, high, _ = distance(error[codes == 0], rng.normal(0, 1, rows))
        held["ks"] += low <= 0 <= high
    return {name: count / samples for name, count in held.items()}


def test_the_intervals_hold_the_truth():
    assert min(coverage(60, 150).values()) >= 0.88


@pytest.mark.long
@pytest.mark.parametrize("rows", [30, 400])
def test_the_intervals_hold_the_truth_in_many_samples(rows):
    """The band of the KS distance is made to hold always; extremes fail at each end at most once in forty."""
    found = coverage(rows, 3000)
    assert found["spread"] >= 0.94, found
    assert found["ratio"] >= 0.94, found
    assert 0.93 <= found["rmse"] <= 0.97, found
    assert found["ks"] >= 0.95, found
