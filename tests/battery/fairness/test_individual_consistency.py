"""Consistency as another library's neighbours give it, its ends, and what chance gives."""

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import NearestNeighbors

from assessments.battery.fairness.individual_consistency import neighbours, similarity_space
from assessments.battery.plan import Column
from assessments.battery.spec import NotApplicable
from tests.battery.subjects import Rule, adult_subject, outcome_of, subject_of, value_of

TEST = "fairness.individual_consistency"


def test_the_neighbours_are_scikit_learns():
    space = np.random.default_rng(0).normal(size=(700, 4))
    found = neighbours(space, 5)
    theirs = NearestNeighbors(n_neighbors=6).fit(space).kneighbors(space, return_distance=False)[:, 1:]
    assert (np.sort(found) == np.sort(theirs)).all()


def test_consistency_is_zemels_on_those_neighbours(adult_csv):
    subject = adult_subject(adult_csv)
    outcome = outcome_of(TEST, subject, rows=1500, neighbours=5)
    columns = [name for name in subject.features if name not in subject.sensitive]
    space = similarity_space(subject, columns, np.arange(1500))
    # Ties are broken by the order of rows, so the neighbours are ours; what is made of them is not.
    decision = (subject.predicted == subject.favourable_index).astype(float)
    each = np.array([abs(decision[i] - decision[near].mean()) for i, near in enumerate(neighbours(space, 5))])
    assert value_of(outcome, "consistency") == pytest.approx(1 - each.mean(), abs=1e-12)
    women = (subject.frame["sex"] == "Female").to_numpy()
    assert value_of(outcome, "consistency", sex="Female") == pytest.approx(1 - each[women].mean(), abs=1e-12)
    assert value_of(outcome, "consistency") > value_of(outcome, "consistency_by_chance")


def test_a_category_counts_one_and_a_number_its_deviations():
    frame = pd.DataFrame({"job": ["a", "b"] * 20, "x": np.tile([0.0, 2.0], 20), "y": [0, 1] * 20})
    subject = subject_of(frame, Rule(lambda rows: rows["x"] / 2, ["job", "x"]))
    space = similarity_space(subject, ["job", "x"], np.arange(40))
    assert np.linalg.norm(space[0] - space[1]) == pytest.approx(np.sqrt(1 + 2**2))  # the deviation of x is 1


def test_decisions_by_a_coin_are_as_consistent_as_chance():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"x": rng.random(1400), "coin": rng.permutation(np.arange(1400) % 2), "y": rng.integers(0, 2, 1400)}
    )
    model = Rule(lambda rows: rows["coin"] * 0.8 + 0.1, ["x", "coin"])
    outcome = outcome_of(TEST, subject_of(frame, model, Column("coin", "sensitive")))
    assert value_of(outcome, "consistency_by_chance") == pytest.approx(0.5, abs=1e-3)
    assert value_of(outcome, "consistency") == pytest.approx(0.5, abs=0.03)


def test_one_decision_for_all_is_consistent():
    frame = pd.DataFrame({"x": np.arange(120.0), "g": ["a", "b"] * 60, "y": [0, 1] * 60})
    outcome = outcome_of(
        TEST, subject_of(frame, Rule(lambda rows: rows["x"] * 0 + 0.9, ["x"]), Column("g", "sensitive"))
    )
    assert value_of(outcome, "consistency") == value_of(outcome, "consistency", g="a") == 1


def test_with_sensitive_columns_only_nobody_is_alike():
    frame = pd.DataFrame({"g": np.tile([0, 1], 60), "y": [0, 1] * 60})
    with pytest.raises(NotApplicable, match="nothing else to be similar in"):
        outcome_of(TEST, subject_of(frame, Rule(lambda rows: rows["g"], ["g"]), Column("g", "sensitive")))
