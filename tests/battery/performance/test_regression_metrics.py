"""The errors of predicted numbers are scikit-learn's; their intervals cover what they should."""

import numpy as np
import pytest
from scipy.stats import bootstrap
from sklearn import metrics

from assessments.battery.performance import regression_metrics
from tests.battery.subjects import measure_of, outcome_of
from tests.battery.test_regression import house_subject

TEST = "performance.regression_metrics"


def test_the_values_are_those_of_scikit_learn():
    subject = house_subject()
    y, predicted = subject.frame["price"], subject.estimator.predict(subject.frame[subject.features])
    expected = {
        "mae": metrics.mean_absolute_error(y, predicted),
        "rmse": metrics.mean_squared_error(y, predicted) ** 0.5,
        "median_absolute_error": metrics.median_absolute_error(y, predicted),
        "mean_error": np.mean(predicted - y),
        "r2": metrics.r2_score(y, predicted),
    }
    found = {m.metric: m.value for m in outcome_of(TEST, subject).measures}
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("metric", "statistic"),
    [
        ("mae", metrics.mean_absolute_error),
        ("rmse", metrics.root_mean_squared_error),
        ("r2", metrics.r2_score),
        ("mean_error", lambda y, predicted: np.mean(predicted - y)),
    ],
)
def test_the_intervals_are_those_of_another_bootstrap(metric, statistic):
    subject = house_subject()
    other = bootstrap((subject.y, subject.predicted), statistic, paired=True, vectorized=False, n_resamples=2000,
                      method="BCa", rng=np.random.default_rng(0)).confidence_interval  # fmt: skip
    low, high = measure_of(outcome_of(TEST, subject), metric).ci
    assert (low, high) == pytest.approx(tuple(other), abs=0.15 * (other[1] - other[0]))


def test_the_interval_of_the_median_covers_it_as_often_as_it_says():
    rng = np.random.default_rng(11)
    truth = np.log(2)  # the median of the exponential distribution
    found = [regression_metrics.median_interval(rng.exponential(1, 61)) for _ in range(2000)]
    covered = np.mean([low <= truth <= high for low, high in found])
    assert 0.945 <= covered <= 0.985
    assert regression_metrics.median_interval(np.arange(3.0)) is None


def test_the_chart_holds_a_sample_of_the_cases():
    subject = house_subject(rows=1500)
    (chart,) = outcome_of(TEST, subject).charts
    actual, predicted = (np.array(chart.data[key]) for key in ("actual", "predicted"))
    at = {value: i for i, value in enumerate(subject.y)}
    assert len(set(actual)) == 1000
    assert np.array_equal(predicted, subject.predicted[[at[value] for value in actual]])
    assert outcome_of(TEST, subject).charts == [chart]
