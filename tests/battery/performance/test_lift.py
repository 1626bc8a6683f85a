"""Lift, gain and the accuracy ratio: by hand, and against scikit-learn's AUC."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from assessments.battery.performance import lift
from assessments.battery.spec import NotApplicable
from tests.battery.subjects import Rule, measure_of, outcome_of, subject_of, value_of


def subject_with(score, y):
    frame = pd.DataFrame({"x": score, "y": np.asarray(y, dtype=int)})
    return subject_of(frame, Rule(lambda rows: rows["x"], ["x"]))


def test_forty_rows_by_hand():
    y = np.zeros(20)
    y[[0, 1, 2, 5, 10]] = 1
    outcome = outcome_of("performance.lift", subject_with(np.linspace(0.95, 0.0, 40), y.repeat(2)))
    assert value_of(outcome, "gain_top_tenth") == pytest.approx(2 / 5, abs=1e-12)
    assert value_of(outcome, "gain_top_fifth") == pytest.approx(3 / 5, abs=1e-12)
    assert value_of(outcome, "lift_top_tenth") == pytest.approx(4, abs=1e-12)
    assert value_of(outcome, "lift_top_fifth") == pytest.approx(3, abs=1e-12)


def test_a_model_that_tells_nothing_apart_has_a_lift_of_1():
    outcome = outcome_of("performance.lift", subject_with(np.full(40, 0.3), np.arange(40) % 4 == 0))
    assert value_of(outcome, "lift_top_tenth") == pytest.approx(1, abs=1e-12)
    assert value_of(outcome, "accuracy_ratio") == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("decimals", [1, 12])
def test_the_accuracy_ratio_is_the_gini_coefficient(decimals):
    rng = np.random.default_rng(5)
    y = rng.random(3000) < 0.3
    score = np.round(1 / (1 + np.exp(-rng.normal(y, 1))), decimals)
    outcome = outcome_of("performance.lift", subject_with(score, y))
    found = measure_of(outcome, "accuracy_ratio")
    assert found.value == pytest.approx(2 * roc_auc_score(y, score) - 1, abs=1e-9)
    assert found.ci[0] < found.value < found.ci[1]
    assert {chart.data["kind"] for chart in outcome.charts} == {"lines"}


def test_without_both_outcomes_there_is_nothing_to_find():
    subject = subject_with(np.linspace(0, 1, 40), np.arange(40) % 2)
    subject.__dict__["y_favourable"] = np.ones(40, dtype=bool)
    with pytest.raises(NotApplicable, match="same outcome"):
        outcome_of("performance.lift", subject)


@pytest.mark.long
def test_the_intervals_hold_in_93_to_97_of_100():
    from scipy.stats import norm

    # The favourable are N(1, 1), the others N(0, 1), 30 % favourable: the gain of the top tenth is exact.
    def depth(at):
        return 0.3 * norm.sf(at - 1) + 0.7 * norm.sf(at)

    cuts = np.linspace(-5, 5, 200_001)
    cut = cuts[np.argmin(np.abs(depth(cuts) - 0.1))]
    true = {"gain_top_tenth": norm.sf(cut - 1), "accuracy_ratio": 2 * norm.cdf(1 / np.sqrt(2)) - 1}
    held = dict.fromkeys(true, 0)
    for seed in range(600):
        rng = np.random.default_rng(seed)
        y = rng.random(400) < 0.3
        score = rng.normal(y, 1)
        found = lift.profile(*lift._counts(y, score, None))
        draws = lift._numbers(lift._draws(y, score, found, 400, rng))
        for name, value in true.items():
            low, high = np.quantile(draws[name], [0.025, 0.975])
            held[name] += low <= value <= high
    assert all(0.925 <= count / 600 <= 0.975 for count in held.values()), held
