"""Recourse where the way is known, and for groups that stand at different distances from the line."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from assessments.battery.plan import Column, Target
from assessments.battery.spec import NotApplicable
from assessments.battery.subject import Subject
from tests.battery.subjects import HardRule, Rule, adult_subject, measure_of, outcome_of, subject_of, value_of

TEST = "explainability.recourse"


def people(rows=200, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"income": np.r_[0, 100, rng.integers(0, 101, rows - 2)], "age": rng.integers(18, 80, rows)})
    return frame.assign(sex=np.where(np.arange(rows) % 2, "f", "m"), y=rng.integers(0, 2, rows))


def rule(kind=Rule):
    return kind(lambda frame: np.clip(0.5 + (frame["income"] - 60.5) / 200, 0, 1), ["income", "age", "sex"])


FIXED = (Column("age", mutable="fixed"), Column("sex", "sensitive", mutable="fixed"))


def outcome(frame=None, *columns, model=None, **params):
    frame = people() if frame is None else frame
    return outcome_of(TEST, subject_of(frame, model or rule(), *(columns or FIXED)), rows=len(frame), **params)


@pytest.mark.parametrize("kind", [Rule, HardRule])
def test_the_price_is_the_way_up_to_the_line_whatever_the_truth_is(kind):
    frame = people()
    refused = frame["income"].to_numpy()[frame["income"] <= 60]
    found = outcome(frame, model=rule(kind))
    assert measure_of(found, "recourse_rate").n == len(refused)
    assert value_of(found, "refused_share") == pytest.approx(len(refused) / len(frame))
    assert value_of(found, "median_cost") == pytest.approx(np.median(61 - refused) / 100)
    assert value_of(found, "recourse_within_budget") == pytest.approx(np.mean(61 - refused <= 10))
    assert value_of(found, "median_edits") == 1


def test_a_column_that_may_only_fall_leaves_no_way_up():
    found = outcome(None, *FIXED, Column("income", mutable="down"))
    assert value_of(found, "recourse_rate") == 0
    assert value_of(found, "median_cost") is None
    assert found.tables[0].rows == []


def test_a_group_further_from_the_line_pays_more():
    frame = people(400)
    frame["income"] = np.where(frame["sex"] == "f", frame["income"] // 5, frame["income"])
    frame.loc[0, "income"] = 100
    found = outcome(frame)
    low = frame[frame["income"] <= 60]
    median = {sex: np.median(61 - each["income"]) / 100 for sex, each in low.groupby("sex")}
    assert value_of(found, "median_cost", sex="f") == pytest.approx(median["f"])
    gap = measure_of(found, "median_cost_difference", sex="*")
    assert gap.value == pytest.approx(abs(median["f"] - median["m"]))
    assert gap.ci[0] > 0


def test_where_everybody_is_accepted_nobody_needs_it():
    model = Rule(lambda frame: frame["income"] * 0 + 0.9, ["income", "age", "sex"])
    with pytest.raises(NotApplicable, match="nobody needs recourse"):
        outcome(model=model)


def test_nothing_that_may_change_is_not_applicable():
    with pytest.raises(NotApplicable, match="every one is marked as fixed"):
        outcome(None, *[Column(name, mutable="fixed") for name in ("income", "age", "sex")])


def test_the_way_to_a_number_needs_a_direction():
    frame = people()[["income"]].assign(y=lambda f: 2.0 * f["income"] + np.where(np.arange(len(f)) % 2, 3.0, -3.0))
    subject = Subject(LinearRegression().fit(frame[["income"]], frame["y"]), frame, Target("y"))
    with pytest.raises(NotApplicable, match="up or down"):
        outcome_of(TEST, subject)
    found = outcome_of(TEST, subject, direction="up", rows=200)
    error = np.sqrt(np.mean((subject.predicted - subject.y) ** 2))
    possible = frame["income"] + np.ceil(error / subject.estimator.coef_[0]) <= 100
    assert value_of(found, "recourse_rate") == pytest.approx(possible.mean())


def test_the_sentence_says_what_it_gives():
    row = outcome().tables[0].rows[0]
    assert row[3].endswith("more income gives “1”.")
    before, after = map(float, row[2].split(" → "))
    assert before < 0.5 < after


def test_paths_of_adult_are_legal_and_confirmed(adult_csv):
    found = outcome_of(TEST, adult_subject(adult_csv), rows=40)
    assert value_of(found, "legal_share") == value_of(found, "verified_share") == 1
    assert value_of(found, "recourse_rate") > 0.9
