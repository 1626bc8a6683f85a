"""What counts as a success of an attack, against the model's answers taken by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from assessments.battery.robustness._goal import goal_of
from tests.battery.subjects import HardRule, Rule, subject_of


def frame_of(n=60, classes=2):
    income = np.arange(n)
    return pd.DataFrame({"income": income, "y": (income * classes // n).astype(int)})


@pytest.fixture
def binary():
    frame = frame_of()
    frame.loc[:4, "y"] = 1
    return subject_of(frame, Rule(lambda frame: np.clip(frame["income"] / 59, 0, 1), ["income"]))


@pytest.fixture
def multiclass():
    frame = frame_of(classes=3)
    model = LogisticRegression(max_iter=500).fit(frame[["income"]], frame["y"])
    return subject_of(frame, model, favourable="2")


def test_only_rows_that_are_decided_rightly_are_attacked(binary):
    goal = goal_of(binary, np.arange(60), {})
    assert goal.eligible.tolist() == [False] * 5 + [True] * 55


def test_any_decision_but_the_right_one_is_a_success(multiclass):
    goal = goal_of(multiclass, np.array([0, 59]), {})
    points = multiclass.frame[["income"]].iloc[[0, 30, 59, 59, 30, 0]].reset_index(drop=True)
    assert goal.achieved(points, np.array([0, 0, 0, 1, 1, 1])).tolist() == [False, True, True, False, True, True]


def test_recourse_wants_the_favourable_decision_for_those_who_did_not_get_it(multiclass):
    goal = goal_of(multiclass, np.arange(60), {"directed": True})
    assert goal.eligible.tolist() == (multiclass.predicted != 2).tolist()
    points = multiclass.frame[["income"]].iloc[[30, 59]].reset_index(drop=True)
    assert goal.achieved(points, np.array([0, 0])).tolist() == [False, True]


@pytest.mark.parametrize("directed", [False, True])
def test_the_margin_is_above_zero_where_the_goal_is_achieved(multiclass, directed):
    rows = np.arange(60)
    goal = goal_of(multiclass, rows, {"directed": directed})
    of = np.zeros(60, dtype=np.intp)
    points = multiclass.frame[["income"]]
    assert ((goal.margin(points, of) > 0) == goal.achieved(points, of)).all()


def test_the_margin_of_a_binary_model_is_the_difference_of_its_two_scores(binary):
    goal = goal_of(binary, np.array([10]), {})
    points = binary.frame[["income"]].iloc[[10, 50]]
    expected = [2 * 10 / 59 - 1, 2 * 50 / 59 - 1]
    assert goal.margin(points, np.array([0, 0])) == pytest.approx(expected)


def test_a_model_of_hard_labels_has_no_margin_and_says_so():
    subject = subject_of(frame_of(), HardRule(lambda frame: frame["income"] / 59, ["income"]))
    goal = goal_of(subject, np.arange(60), {})
    assert not goal.has_margin
    with pytest.raises(ValueError, match="hard labels"):
        goal.margin(subject.frame, np.arange(60))
