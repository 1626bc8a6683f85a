"""Gaps worked by hand, recalibration as scikit-learn fits it, a planted miscalibration, intervals that hold."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from assessments import charts
from assessments.battery.fairness._means import furthest_interval, mean_interval, moments, spread_interval
from assessments.battery.fairness._recalibration import recalibration
from assessments.battery.fairness.calibration_by_group import calibration_error, parts_by_score
from assessments.battery.plan import Column
from assessments.battery.spec import NotApplicable
from tests.battery.subjects import Rule, adult_subject, measure_of, outcome_of, subject_of, value_of

TEST = "fairness.calibration_by_group"


@pytest.fixture(scope="module")
def adult(adult_csv):
    subject = adult_subject(adult_csv)
    return subject, outcome_of(TEST, subject, resamples=100)


@pytest.mark.parametrize("column", ["sex", "race"])
def test_the_gap_of_every_group_is_pandas(adult, column):
    subject, outcome = adult
    table = pd.DataFrame({"g": subject.frame[column], "p": subject.favourable_score, "y": subject.y_favourable})
    for name, row in table.groupby("g").mean().iterrows():
        assert value_of(outcome, "mean_score", **{column: name}) == pytest.approx(row["p"], abs=1e-9)
        assert value_of(outcome, "observed_rate", **{column: name}) == pytest.approx(row["y"], abs=1e-9)
        assert value_of(outcome, "calibration_gap", **{column: name}) == pytest.approx(row["p"] - row["y"], abs=1e-9)


def test_slope_and_intercept_are_those_of_a_logistic_fit(adult):
    subject, outcome = adult
    women = (subject.frame["sex"] == "Female").to_numpy()
    score, truth = subject.favourable_score[women].astype(float), subject.y_favourable[women]
    odds = np.log(score / (1 - score))[:, None]
    fit = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(odds, truth)
    assert value_of(outcome, "calibration_slope", sex="Female") == pytest.approx(fit.coef_[0, 0], abs=1e-5)
    # With the slope held at one, the intercept makes the mean score the observed rate.
    shift = value_of(outcome, "calibration_intercept", sex="Female")
    assert (1 / (1 + np.exp(-(odds.ravel() + shift)))).mean() == pytest.approx(truth.mean(), abs=1e-9)


def test_the_calibration_error_is_the_weighted_gap_of_the_parts():
    score, truth = np.repeat([0.2, 0.6], 50), np.tile([True, False], 50)
    assert parts_by_score(score).tolist() == [0] * 50 + [1] * 50
    found, _ = calibration_error(score, truth, 100, np.random.default_rng(0))
    assert found == pytest.approx(0.5 * 0.3 + 0.5 * 0.1, abs=1e-12)


def test_scores_that_separate_the_outcomes_have_no_slope():
    score = np.linspace(0.1, 0.9, 40)
    assert recalibration(score, score > 0.5) is None
    assert recalibration(score, np.ones(40, dtype=bool)) is None
    assert recalibration(np.full(40, 0.3), np.arange(40) > 20) is None


def planted():
    """Scores mean what they say for group a; those of group b are 0.2 too high."""
    rng = np.random.default_rng(0)
    group, score = np.tile(["a", "b"], 1000), rng.uniform(0.25, 0.9, 2000)
    truth = rng.random(2000) < score - 0.2 * (group == "b")
    return pd.DataFrame({"g": group, "s": score, "y": truth.astype(int)})


def scored(frame, **options):
    return outcome_of(TEST, subject_of(frame, Rule(lambda rows: rows["s"], ["s"]), Column("g", "sensitive")), **options)


def test_a_group_whose_scores_are_too_kind_is_found():
    outcome = scored(planted())
    kind, fair = (measure_of(outcome, "calibration_gap", g=name) for name in "ba")
    assert kind.ci[0] > 0.1
    assert fair.ci[0] < 0 < fair.ci[1]
    worst = measure_of(outcome, "worst_group_calibration_gap", g="*")
    assert worst.value == pytest.approx(kind.value)
    assert 0.1 < worst.ci[0] < 0.2 < worst.ci[1]
    assert value_of(outcome, "calibration_error", g="b") > 3 * value_of(outcome, "calibration_error", g="a")


def test_a_small_group_is_not_judged():
    frame = pd.concat([planted(), pd.DataFrame({"g": ["c"] * 8, "s": [0.9] * 8, "y": [0] * 8})], ignore_index=True)
    outcome = scored(frame)
    assert measure_of(outcome, "worst_group_calibration_gap", g="*").small
    judged = measure_of(outcome, "worst_group_calibration_gap", g="* without small groups")
    assert (judged.small, judged.n) == (False, 2000)


def test_scores_that_are_no_probabilities_promise_nothing():
    frame = planted()
    model = LinearSVC().fit(frame[["s"]], frame["y"])
    with pytest.raises(NotApplicable, match="not probabilities"):
        outcome_of(TEST, subject_of(frame, model, Column("g", "sensitive")))


def test_the_reliability_of_the_groups_can_be_drawn(adult):
    _, outcome = adult
    chart = outcome.charts[-1]
    assert chart.id == "reliability_by_group_sex"
    assert charts.draw(chart.__dict__, format="svg").startswith(b"<svg")
    assert {"Female", "Male"} == {one["name"] for one in chart.data["series"]}


def coverage(rows, samples, resamples=300):
    """Groups whose true gaps are 0, 0.05 and -0.1: how often the intervals hold them, and the worst of them."""
    rng, gaps = np.random.default_rng(2), np.array([0.0, 0.05, -0.1])
    held = dict.fromkeys(("gap", "worst", "spread", "slope", "error"), 0)
    for _ in range(samples):
        codes, score = np.repeat(np.arange(3), rows), rng.beta(2, 3, 3 * rows) * 0.7 + 0.15
        truth = rng.random(3 * rows) < score - gaps[codes]
        n, mean, error = moments(codes, score - truth, 3)
        low, high = mean_interval(n[0], mean[0], error[0])
        held["gap"] += low <= 0 <= high
        low, high = furthest_interval(n, mean, error)
        held["worst"] += low <= 0.1 <= high
        low, high = spread_interval(n, mean, error)
        held["spread"] += low <= 0.15 <= high
        fitted = recalibration(score[:rows], truth[:rows])
        low, high = fitted["calibration_slope"][1] if fitted else (0, 9)
        held["slope"] += low <= 1 <= high
        last = slice(2 * rows, 3 * rows)
        low, high = calibration_error(score[last], truth[last], resamples, rng)[1]
        held["error"] += low <= 0.1 <= high
    return {name: count / samples for name, count in held.items()}


def test_the_intervals_hold_the_truth():
    assert min(coverage(120, 150, 100).values()) >= 0.88


@pytest.mark.long
@pytest.mark.parametrize("rows", [30, 400])
def test_the_intervals_hold_the_truth_in_many_samples(rows):
    """What is never negative is held more often: each of its ends fails at most once in forty."""
    found = coverage(rows, 2000)
    assert 0.93 <= found["gap"] <= 0.97, found
    assert 0.93 <= found["slope"] <= 0.98, found
    assert found["worst"] >= 0.94, found
    assert found["spread"] >= 0.94, found
    assert found["error"] >= 0.93, found
