"""Bad inputs: models that are built to fail in each way are caught in that way and in no other."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from assessments.battery.plan import Target
from assessments.battery.robustness import _faults as faults
from assessments.battery.subject import Subject
from tests.battery.subjects import HardRule, Rule, outcome_of, subject_of, value_of
from tests.battery.test_regression import house_subject

TEST = "robustness.bad_inputs"


def table(rows=100):
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(
        {"a": rng.normal(size=rows), "b": rng.uniform(0, 10, rows), "job": rng.choice(["x", "z"], rows)}
    )
    return frame.assign(y=(frame["a"] > 0).astype(int))


def outcomes(decide, features=("a", "b", "job"), rule=HardRule):
    """What each fault of each column, and of the whole table, leads to."""
    outcome = outcome_of(TEST, subject_of(table(), rule(decide, list(features))), plan="standard")
    cells = {
        (row[0], fault): said
        for row in outcome.tables[0].rows
        for fault, said in zip(outcome.tables[0].columns[1:], row[1:], strict=True)
        if said
    }
    return outcome, cells | {("", row[0]): row[1] for row in outcome.tables[1].rows}


def test_a_formula_that_stands_anything_answers():
    outcome, cells = outcomes(lambda f: np.ones(len(f)))
    assert set(cells.values()) == {"answered"}
    assert (value_of(outcome, "answered_share"), value_of(outcome, "crash_share")) == (1.0, 0.0)


def test_a_clear_error_is_a_refusal_and_an_index_error_a_crash():
    def strict(frame):
        if (frame["b"].astype(float) < 0).any():
            raise ValueError("b must not be negative")
        return np.array([1, 0])[frame["job"].map({"x": 0, "z": 1}).fillna(5).astype(int)]

    outcome, cells = outcomes(strict)
    assert cells["b", "negative"] == cells["b", "text"] == "refused"
    assert cells["job", "unseen category"] == cells["job", "missing"] == "crashed"
    assert cells["a", "infinite"] == "answered"
    assert value_of(outcome, "crash_share") == 4 / len(cells)
    assert "IndexError" in outcome.tables[2].rows[0][3]


def test_an_error_without_a_word_is_a_crash():
    def mute(frame):
        if frame["a"].isna().any():
            raise ValueError
        return frame["a"] > 0

    assert outcomes(mute)[1]["a", "missing"] == "crashed"


def test_scores_that_are_no_numbers_are_seen():
    outcome, cells = outcomes(lambda f: np.where(pd.to_numeric(f["a"], errors="coerce") > 0, 1, f["a"] * 0), rule=Rule)
    assert cells["a", "missing"] == cells["a", "minus infinite"] == "no number"
    assert cells["a", "infinite"] == "answered"
    assert value_of(outcome, "nan_out_share") == sum(said == "no number" for said in cells.values()) / len(cells)


def test_a_model_that_reads_columns_by_position_is_found_out():
    frame = table()
    by_place = HardRule(lambda f: f.to_numpy(dtype=float)[:, 0] > 0, ["a", "b"])
    outcome = outcome_of(TEST, subject_of(frame, by_place))
    said = {row[0]: row[1] for row in outcome.tables[1].rows}
    assert said["columns in another order"] == said["an extra column in front"] == "other answers"
    assert said["an extra column"] == "answered"
    assert value_of(outcome, "wrong_answer_share") > 0
    named = LogisticRegression().fit(frame[["a", "b"]], frame["y"])
    assert value_of(outcome_of(TEST, Subject(named, frame, Target("y", "1"))), "wrong_answer_share") == 0.0


def test_the_wrong_number_of_answers_is_a_crash():
    outcome, cells = outcomes(lambda f: np.ones(max(len(f), 1)))
    assert cells["", "no rows"] == "crashed"
    assert "1 answers for 0 rows" in outcome.tables[1].rows[-1][2]


def test_beyond_the_range_a_line_jumps_by_its_slope_and_a_step_does_not():
    frame = table()
    line = LinearRegression().fit(frame[["a", "b"]], 3 * frame["b"])
    subject = Subject(line, frame.assign(y=3 * frame["b"]), Target("y"))
    outcome = outcome_of(TEST, subject)
    expected = 3 * (frame["b"].max() - frame["b"].min()) / (3 * frame["b"]).std(ddof=0)
    assert value_of(outcome, "extrapolation_jump") == pytest.approx(expected, rel=1e-9)
    step = outcome_of(TEST, subject_of(frame, Rule(lambda f: f["b"] > 5, ["a", "b"])))
    assert value_of(step, "extrapolation_jump") == 0.0


def test_models_without_names_and_models_of_numbers_are_asked_too():
    frame = table()
    bare = LogisticRegression().fit(frame[["a", "b"]].to_numpy(), frame["y"])
    outcome = outcome_of(TEST, Subject(bare, frame.drop(columns="job"), Target("y", "1")))
    assert {row[0] for row in outcome.tables[1].rows} == {"a column missing", "an extra column", "no rows"}
    assert value_of(outcome, "clean_refusal_share") > 0.3
    house = outcome_of(TEST, house_subject())
    assert value_of(house, "crash_share") == value_of(house, "nan_out_share") == 0.0
    assert house == outcome_of(TEST, house_subject())


def test_every_question_is_counted():
    subject = subject_of(table(), HardRule(lambda f: np.ones(len(f)), ["a"]))
    subject.count_afresh()
    rows = subject.frame[["a"]].head(5)
    for fault in faults.column_faults(subject, rows, "a"):
        faults.response(subject, fault, np.ones(5))
    assert subject.queries == 10 * 5
