"""Data quality: planted faults are counted, each of them and nothing else."""

import numpy as np
import pandas as pd
import pytest

from assessments.battery.data.quality import marks
from assessments.battery.plan import Column
from tests.battery.data.tables import drawn, subject
from tests.battery.subjects import Rule, measure_of, outcome_of, subject_of, value_of

TEST = "data.quality"
BOUNDS = (Column("age", min=18, max=100, integer=True), Column("sex", "sensitive"))


def remarks(outcome, column):
    return {row[0]: row[-1] for row in outcome.tables[0].rows}[column]


@pytest.fixture(scope="module")
def faulty():
    """1,000 rows with faults of every kind."""
    frame = drawn(1000, 1)
    frame["income"] = frame["income"].mask(frame.index < 70, np.nan)
    frame.loc[70:71, "income"] = np.inf
    frame["age"] = frame["age"].astype(float)
    frame.loc[:2, "age"] = [-5.0, 300.0, 30.5]
    frame.loc[100:129, "kind"] = "?"
    frame.loc[130:133, "kind"] = "Boat "
    frame.loc[140, "kind"] = "plane"
    frame["flat"] = 1
    frame = pd.concat([frame, frame[500:520]], ignore_index=True)
    rule = Rule(lambda f: np.nan_to_num(f["income"], posinf=0) > 22_000, ["age", "income", "kind", "flat"])
    return frame, outcome_of(TEST, subject_of(frame, rule, *BOUNDS))


def test_missing_values_are_those_that_pandas_counts_and_the_marks(faulty):
    frame, outcome = faulty
    assert value_of(outcome, "missing_share", column="income") == pytest.approx(frame["income"].isna().mean())
    assert value_of(outcome, "missing_share", column="kind") == pytest.approx((frame["kind"] == "?").mean())
    known = frame["income"].notna() & (frame["kind"] != "?")
    assert value_of(outcome, "complete_share") == pytest.approx(known.mean())
    assert measure_of(outcome, "missing_share", column="age").value == 0


def test_each_planted_fault_is_counted(faulty):
    frame, outcome = faulty
    assert value_of(outcome, "infinite_values") == 2
    assert value_of(outcome, "impossible_values") == 3  # two beyond the bounds, one not whole
    assert value_of(outcome, "constant_columns") == 1
    assert value_of(outcome, "duplicate_share") == pytest.approx(frame.duplicated().mean())
    assert value_of(outcome, "rare_categories") == 2  # plane, and boat as it was mistyped
    assert value_of(outcome, "type_surprises") == 1


def test_the_remarks_say_what_to_look_at(faulty):
    _, outcome = faulty
    assert remarks(outcome, "age") == "3 values that cannot be, for example -5, 30.5, 300."
    assert "several spellings: 'boat', 'Boat '" in remarks(outcome, "kind")
    assert remarks(outcome, "flat") == "The same value in every row."
    assert outcome.charts[0].data["bars"][0]["name"] == "income"


def test_a_clean_table_has_no_fault():
    outcome = outcome_of(TEST, subject(drawn(800, 2), None, *BOUNDS))
    faults = {m.metric: m.value for m in outcome.measures if m.metric not in ("complete_share", "conflicting_share")}
    assert set(faults.values()) == {0}
    assert value_of(outcome, "complete_share") == 1
    assert outcome.charts == []


def test_conflicting_rows_are_those_of_equal_features_and_other_labels():
    frame = drawn(600, 3).assign(age=lambda f: f["age"] // 20, income=lambda f: f["income"].round(-4))
    found = value_of(outcome_of(TEST, subject(frame)), "conflicting_share")
    several = frame.groupby(["age", "income", "kind"])["y"].transform("nunique") > 1
    assert found == pytest.approx(several.mean())
    assert 0 < found < 1


def test_without_declared_bounds_impossible_values_are_not_said_to_be_none():
    outcome = outcome_of(TEST, subject(drawn(200, 4)))
    assert "impossible_values" not in {m.metric for m in outcome.measures}
    assert any("No bounds were declared" in note for note in outcome.notes)


def test_text_among_numbers_and_a_change_of_type_are_surprises():
    frame = drawn(400, 5)
    frame["code"] = [str(i % 7) for i in range(400)]
    frame.loc[3:5, "code"] = "unknown"
    before = drawn(400, 6).assign(code=lambda f: np.arange(400) % 7)
    outcome = outcome_of(TEST, subject(frame, before, features=["income", "code"]))
    assert value_of(outcome, "type_surprises") == 1
    assert "99.2% of the values are numbers, the others not: 'unknown'." in remarks(outcome, "code")
    assert "Holds text here and numbers in the training data." in remarks(outcome, "code")


def test_marks_are_texts_that_stand_for_nothing_known():
    column = pd.Series(["?", " ? ", "N/A", "", "-", "no", "0", "Not known", None, "yes"])
    assert marks(column).tolist() == [True, True, True, True, True, False, False, False, False, False]
