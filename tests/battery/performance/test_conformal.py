"""Conformal sets: the quantile by hand, the promise kept, and a group that is left out of it."""

import numpy as np
import pandas as pd
import pytest

from assessments.battery.performance.conformal import quantile
from assessments.battery.plan import Column
from assessments.battery.spec import NotApplicable
from tests.battery.subjects import HardRule, Rule, measure_of, outcome_of, subject_of, value_of

TEST = "performance.conformal"


def subject_with(n, seed=0, lie=0.0):
    """Half of the rows are of a group for which the probabilities are turned round by `lie`."""
    rng = np.random.default_rng(seed)
    p, group = rng.beta(0.5, 0.5, n), rng.choice(["a", "b"], n)
    true = np.where(group == "b", p * (1 - lie) + (1 - p) * lie, p)
    frame = pd.DataFrame({"x": p, "g": group, "y": (rng.random(n) < true).astype(int)})
    return subject_of(frame, Rule(lambda rows: rows["x"], ["x"]), Column("g", "sensitive"))


def test_the_limit_is_the_rank_of_the_definition():
    values = np.arange(1.0, 20.0)  # 19 values: ceil(20 x 0.9) = the 18th
    assert quantile(values, 0.9) == 18
    assert quantile(values, 0.95) == 19
    assert quantile(values[:5], 0.9) == np.inf


def test_sets_are_those_of_the_definition():
    subject = subject_with(400)
    outcome = outcome_of(TEST, subject, seed=3)
    order = np.random.default_rng(3).permutation(400)
    wrong = 1 - subject.scores[np.arange(400), subject.y]
    limit = np.sort(wrong[order[:200]])[int(np.ceil(201 * 0.9)) - 1]
    rest = order[200:]
    assert value_of(outcome, "coverage") == pytest.approx((wrong[rest] <= limit).mean(), abs=1e-12)
    size = (1 - subject.scores[rest] <= limit).sum(axis=1)
    assert value_of(outcome, "mean_set_size") == pytest.approx(size.mean(), abs=1e-12)
    assert value_of(outcome, "single_label_share") == pytest.approx((size == 1).mean(), abs=1e-12)


def test_the_promise_is_kept_over_many_models():
    kept = [value_of(outcome_of(TEST, subject_with(300, seed), seed=seed), "coverage") for seed in range(20)]
    assert 0.87 < np.mean(kept) < 0.93


def test_a_group_that_the_model_is_wrong_about_is_not_covered():
    outcome = outcome_of(TEST, subject_with(2000, lie=0.5))
    low = measure_of(outcome, "coverage", g="b")
    assert low.ci[1] < 0.9
    assert low.p_value < 0.001
    assert measure_of(outcome, "coverage", y="1").p_value is None


def test_numbers_get_a_range():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=500)})
    frame["y"] = frame["x"] + rng.normal(size=500)

    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(frame[["x"]], frame["y"])
    outcome = outcome_of(TEST, subject_of(frame, model, favourable=""))
    assert value_of(outcome, "interval_width") == pytest.approx(2 * 1.645, rel=0.15)


def test_without_probabilities_or_with_few_rows_it_does_not_apply():
    frame = pd.DataFrame({"x": np.linspace(0, 1, 40), "y": np.arange(40) % 2})
    with pytest.raises(NotApplicable, match="no probabilities"):
        outcome_of(TEST, subject_of(frame, HardRule(lambda rows: rows["x"], ["x"])))
    with pytest.raises(NotApplicable, match="too few"):
        outcome_of(TEST, subject_of(frame, Rule(lambda rows: rows["x"], ["x"])), coverage=0.99)
