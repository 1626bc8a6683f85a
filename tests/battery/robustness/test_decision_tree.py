"""The decision tree attack reads trees and nothing else."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from assessments.battery.robustness._target import Target
from assessments.battery.robustness.decision_tree import tree_walk
from assessments.battery.spec import NotApplicable
from tests.battery.robustness.mixed import COLUMNS, applicants, subject_with
from tests.battery.subjects import outcome_of, subject_of, value_of

TEST = "robustness.decision_tree"


def test_it_turns_the_decisions_of_a_tree_behind_scaling_and_coding():
    subject = subject_with(DecisionTreeClassifier(max_depth=5, random_state=0))
    outcome = outcome_of(TEST, subject, rows=60, budget=1.0, swaps=2)
    assert value_of(outcome, "feasible_success_rate") > 0.3
    assert value_of(outcome, "raw_success_rate") > 0.3


def test_a_bare_tree_of_numbers_with_three_text_labels():
    frame = applicants(classes=3).drop(columns=["job", "home"])
    model = DecisionTreeClassifier(max_depth=5, random_state=0).fit(frame.drop(columns="y"), frame.y)
    subject = subject_of(frame, model, *COLUMNS, favourable="yes")
    target = Target.of_rows(subject, np.arange(30), {})
    make, shares = tree_walk(target, np.random.default_rng(0))
    rows = np.arange(len(target.encoding))
    said = shares(target.encoding.origin, rows).argmax(axis=1)
    assert (said == subject.y[target.rows[target.of]]).all()
    assert value_of(outcome_of(TEST, subject, rows=60, budget=1.0), "feasible_success_rate") > 0.5


def test_it_does_not_apply_to_a_forest():
    with pytest.raises(NotApplicable, match="single decision tree; this model is of the class RandomForestClassifier"):
        outcome_of(TEST, subject_with(RandomForestClassifier(3)))
