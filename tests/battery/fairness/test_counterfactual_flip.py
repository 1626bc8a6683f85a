"""Flips as a swap by hand finds them, by direction, and none where the model does not look."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from assessments.battery.plan import Column, Target
from assessments.battery.spec import NotApplicable
from assessments.battery.subject import Subject
from tests.battery.subjects import Rule, adult_subject, measure_of, outcome_of, subject_of, value_of

TEST = "fairness.counterfactual_flip"


def test_swapping_sex_flips_who_a_swap_by_hand_flips(adult_csv):
    subject = adult_subject(adult_csv)
    outcome = outcome_of(TEST, subject)
    swapped = subject.frame[subject.features].copy()
    swapped["sex"] = swapped["sex"].map({"Female": "Male", "Male": "Female"})
    before, after = (subject.estimator.predict(f) == ">50K" for f in (subject.frame[subject.features], swapped))
    women = (subject.frame["sex"] == "Female").to_numpy()
    assert value_of(outcome, "flip_share", sex="*") == pytest.approx((before != after).mean(), abs=1e-12)
    assert value_of(outcome, "gained_share", sex="Female") == pytest.approx((after & ~before)[women].mean(), abs=1e-12)
    assert value_of(outcome, "lost_share", sex="Female") == pytest.approx((before & ~after)[women].mean(), abs=1e-12)
    assert value_of(outcome, "flip_share", sex="*") > 0


def people():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"g": rng.choice(["a", "b", "c"], 600), "x": rng.random(600), "age": rng.integers(18, 70, 600)}
    ).assign(y=lambda f: (f["x"] > 0.5).astype(int))


def test_who_gains_and_who_loses_are_told_apart():
    """Group a needs 0.7, the others 0.4: those of a between gain, those of the others between lose."""
    frame = people()
    model = Rule(lambda rows: np.where(rows["x"] > np.where(rows["g"] == "a", 0.7, 0.4), 0.9, 0.1), ["g", "x"])
    outcome = outcome_of(TEST, subject_of(frame, model, Column("g", "sensitive")))
    between = frame["x"].between(0.4, 0.7, inclusive="right")
    mine = frame["g"] == "a"
    found = measure_of(outcome, "gained_share", g="a")
    assert found.value == pytest.approx(between[mine].mean(), abs=1e-12)
    assert (found.n, value_of(outcome, "lost_share", g="a")) == (mine.sum(), 0)
    assert value_of(outcome, "lost_share", g="b") == pytest.approx(between[frame["g"] == "b"].mean(), abs=1e-12)
    assert value_of(outcome, "flip_share", g="*") == pytest.approx(between.mean(), abs=1e-12)
    rows = {(row[0], row[1]): row[2:] for row in outcome.tables[0].rows}
    assert rows["a", "b"] == [mine.sum(), (between & mine).sum(), 0]
    assert rows["b", "c"][1:] == [0, 0]


def test_numbers_are_set_to_a_value_of_each_band():
    model = Rule(lambda rows: np.where(rows["age"] >= 40, 0.9, 0.1), ["age", "x"])
    outcome = outcome_of(TEST, subject_of(people(), model, Column("age", "sensitive")))
    assert value_of(outcome, "flip_share", age="*") == 1


def test_a_model_that_is_not_given_the_column_is_not_tested():
    model = Rule(lambda rows: rows["x"], ["x"])
    with pytest.raises(NotApplicable, match="given no sensitive column"):
        outcome_of(TEST, subject_of(people(), model, Column("g", "sensitive")))


class Amount(RegressorMixin, BaseEstimator):
    """100 x, and 7 more for group b."""

    n_features_in_ = 2
    feature_names_in_ = np.array(["g", "x"], dtype=object)

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, frame):
        return 100 * frame["x"].to_numpy() + 7.0 * (frame["g"] == "b").to_numpy()


def test_a_predicted_number_moves_by_what_the_group_is_worth():
    frame = people().assign(y=lambda f: 100 * f["x"])
    subject = Subject(Amount(), frame, Target("y"), (Column("g", "sensitive"),), task="regression")
    outcome = outcome_of(TEST, subject)
    assert value_of(outcome, "mean_change", g="b") == pytest.approx(-7, abs=1e-9)
    assert value_of(outcome, "mean_change", g="a") == pytest.approx(3.5, abs=1e-9)  # to b or to c
    assert value_of(outcome, "largest_change", g="*") == pytest.approx(7, abs=1e-9)
