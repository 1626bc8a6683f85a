"""Loss of quality against scikit-learn, and intervals that hold what they should as often as they say."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

from assessments.battery.explainability.permutation_importance import accuracy, auc, r2
from assessments.battery.spec import NotApplicable
from tests.battery.subjects import HardRule, Rule, measure_of, outcome_of, subject_of, value_of

TEST = "explainability.permutation_importance"
NAMES = ["a", "b", "unused"]


def people(n=400, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=NAMES)
    return frame.assign(y=(frame["a"] + 0.5 * frame["b"] + rng.normal(size=n) > 0).astype(int))


def test_weighted_quality_is_scikit_learn_s_on_repeated_rows():
    rng = np.random.default_rng(0)
    score, truth = rng.integers(0, 6, 60) / 5, rng.integers(0, 2, 60).astype(float)
    weights = rng.integers(0, 4, (5, 60))
    for ours, theirs, given in ((auc, roc_auc_score, score), (r2, r2_score, score)):
        expected = [theirs(np.repeat(truth, w), np.repeat(given, w)) for w in weights]
        assert ours(given, truth, weights) == pytest.approx(expected, abs=1e-12)
    decided = (score > 0.5).astype(float)
    expected = [accuracy_score(np.repeat(truth, w), np.repeat(decided, w)) for w in weights]
    assert accuracy(decided, truth, weights) == pytest.approx(expected, abs=1e-12)


def test_the_loss_is_that_of_scikit_learn_s_scores_with_the_same_shuffles():
    frame = people()
    model = LogisticRegression().fit(frame[NAMES], frame["y"])
    outcome = outcome_of(TEST, subject_of(frame, model), rows=400, repeats=2, resamples=100, seed=5)
    rng = np.random.default_rng(5)
    chosen = np.sort(rng.permutation(400))
    rng.integers(0, 400, (100, 400))  # the resamples' rows
    start = roc_auc_score(frame["y"], model.predict_proba(frame[NAMES])[:, 1])
    for name in NAMES:
        losses = []
        for _ in range(2):
            other = frame[NAMES].take(chosen)
            other[name] = rng.permutation(other[name])
            losses.append(start - roc_auc_score(frame["y"], model.predict_proba(other)[:, 1]))
        assert value_of(outcome, "permutation_importance", column=name) == pytest.approx(np.mean(losses), abs=1e-9)


def test_numbers_and_decisions_have_their_own_quality():
    frame = people().assign(y=lambda rows: 2 * rows["a"] + rows["b"])
    line = LinearRegression().fit(frame[NAMES], frame["y"])
    outcome = outcome_of(TEST, subject_of(frame, line, favourable=""), rows=400)
    assert measure_of(outcome, "permutation_importance", column="a").unit == "R²"
    expected = 2 * 4 * frame["a"].var() / frame["y"].var()  # a shuffled column errs by twice its share of the variance
    assert value_of(outcome, "permutation_importance", column="a") == pytest.approx(expected, rel=0.15)
    hard = outcome_of(TEST, subject_of(people(), HardRule(lambda rows: 0.5 + rows["a"], NAMES)))
    assert measure_of(hard, "permutation_importance", column="a").unit == "accuracy"
    assert value_of(hard, "permutation_importance", column="unused") == 0


def test_cases_of_one_outcome_have_no_quality_to_lose():
    subject = subject_of(people(400).assign(y=[1] * 399 + [0]), Rule(lambda rows: rows["a"], NAMES))
    with pytest.raises(NotApplicable, match="one outcome only"):
        outcome_of(TEST, subject, rows=30, seed=0)  # which leaves the one case out


def covered(runs, n=250):
    """How often the interval of the leading column holds the loss in the population."""
    slope = LogisticRegression().fit(people(20_000, 99)[NAMES], people(20_000, 99)["y"])
    everybody = people(20_000, 98)
    outcome = outcome_of(TEST, subject_of(everybody, slope), rows=20_000, repeats=1, resamples=100)
    truth = value_of(outcome, "permutation_importance", column="a")
    inside = 0
    for seed in range(runs):
        found = outcome_of(TEST, subject_of(people(n, seed), slope), rows=n, repeats=5, resamples=300, seed=seed)
        low, high = measure_of(found, "permutation_importance", column="a").ci
        inside += low <= truth <= high
    return inside / runs


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    assert covered(20) >= 0.75  # at 95 %, below that once in ten thousand


@pytest.mark.long
def test_the_interval_holds_the_truth_95_times_in_100():
    assert 0.93 <= covered(400) <= 0.98
