"""What counts as a success of an attack, against the model's answers taken by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from assessments.battery.robustness._goal import goal_of
from assessments.battery.spec import NotApplicable
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


def test_codes_are_judged_like_the_rows_they_stand_for(multiclass):
    goal, of = goal_of(multiclass, np.arange(60), {}), np.arange(60)[::-1].copy()
    frame = multiclass.frame[["income"]]
    codes = multiclass.coder.encode(frame)
    assert goal.achieved(codes, of).tolist() == goal.achieved(frame, of).tolist()
    assert goal.margin(codes, of).tolist() == goal.margin(frame, of).tolist()


def test_a_model_of_hard_labels_has_no_margin_and_says_so():
    subject = subject_of(frame_of(), HardRule(lambda frame: frame["income"] / 59, ["income"]))
    goal = goal_of(subject, np.arange(60), {})
    assert not goal.has_margin
    with pytest.raises(ValueError, match="hard labels"):
        goal.margin(subject.frame, np.arange(60))


@pytest.fixture
def numbers():
    frame = pd.DataFrame({"size": np.arange(60.0)})
    frame["y"] = 3 * frame["size"] + np.where(np.arange(60) % 2, 2.0, -2.0)
    return subject_of(frame, LinearRegression().fit(frame[["size"]], frame["y"]), favourable="")


def rmse(subject):
    return np.sqrt(np.mean((subject.predicted - subject.y) ** 2))


@pytest.mark.parametrize(("direction", "expected"), [("", [0, 1, 1, 1]), ("up", [0, 1, 0, 1]), ("down", [0, 0, 1, 0])])
def test_a_prediction_has_to_move_by_a_multiple_of_the_models_error(numbers, direction, expected):
    goal = goal_of(numbers, np.array([30]), {"shift": 2.0, "direction": direction})
    slope = numbers.estimator.coef_[0]
    far = 2.0 * rmse(numbers) / slope
    points = pd.DataFrame({"size": 30 + np.array([0.99, 1.01, -1.01, 5]) * far})
    of = np.zeros(4, dtype=np.intp)
    assert goal.achieved(points, of).astype(int).tolist() == expected
    assert ((goal.margin(points, of) >= 0) == goal.achieved(points, of)).all()
    assert goal.eligible.all()


def test_codes_move_a_prediction_as_rows_do(numbers):
    goal, points = goal_of(numbers, np.arange(60), {}), numbers.frame[["size"]][::-1]
    of = np.arange(60)
    assert goal.achieved(numbers.coder.encode(points), of).tolist() == goal.achieved(points, of).tolist()


def test_a_model_without_error_gives_no_unit_to_measure_by():
    frame = pd.DataFrame({"size": np.arange(60.0)})
    frame["y"] = frame["size"]
    subject = subject_of(frame, LinearRegression(fit_intercept=False).fit(frame[["size"]], frame["y"]), favourable="")
    subject.answers.predicted = subject.y.copy()
    with pytest.raises(NotApplicable, match="no error"):
        goal_of(subject, np.arange(60), {})
