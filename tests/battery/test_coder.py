"""Rows become numbers and come back as they were."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from sklearn.tree import DecisionTreeClassifier

from assessments.battery.coder import Coder, NotCoded
from assessments.battery.plan import Target
from tests.battery.applicants import applicants
from tests.battery.subjects import subject_of
from tests.battery.test_estimators import NAMES, forest, prepared_by

TEXT = st.one_of(st.text(max_size=3), st.just(np.nan))
CELLS = {
    "whole": st.integers(-(2**53), 2**53),
    "number": st.floats(allow_infinity=True, allow_nan=True),
    "yes": st.booleans(),
    "text": TEXT,
    "mixed": st.one_of(TEXT, st.booleans(), st.integers(-3, 3), st.sampled_from([-0.5, 1.0, 7.0])),
}
ROWS = st.lists(st.fixed_dictionaries(CELLS), max_size=12)


def table(rows) -> pd.DataFrame:
    """A frame of the five columns, in their own types."""
    kinds = {"whole": np.int64, "number": float, "yes": bool, "text": object, "mixed": object}
    return pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=kinds[name]) for name in CELLS})


def assert_same(back: pd.DataFrame, frame: pd.DataFrame) -> None:
    assert_frame_equal(back, frame.reset_index(drop=True))
    for name in frame:
        assert [type(value) for value in back[name]] == [type(value) for value in frame[name]]


@given(ROWS, ROWS)
def test_rows_come_back_as_they_were(known, others):
    frame, unseen = table(known), table(others)
    coder = Coder(frame)
    assert_same(coder.decode(coder.encode(frame)), frame)
    assert_same(coder.decode(coder.encode(unseen)), unseen)


def test_a_category_is_its_position_and_keeps_it():
    frame = applicants()[NAMES]
    coder = Coder(frame)
    assert coder.names == NAMES
    assert coder.numbers == ["age", "income"]
    assert coder.categories["job"] == ["?", "clerk", "cook", "driver"]
    codes = coder.encode(frame)
    assert [coder.categories["job"][int(code)] for code in codes[:, coder.position("job")]] == frame["job"].tolist()
    assert coder.register("job", "pilot") == coder.register("job", "pilot") == 4
    assert np.array_equal(coder.encode(frame), codes, equal_nan=True)
    assert coder.encode(frame.head(1).assign(job="pilot"))[0, 2] == 4


def test_missing_is_nan_in_both_forms():
    frame = pd.DataFrame({"income": [1.5, np.nan], "job": pd.Series(["cook", np.nan], dtype=object)})
    codes = Coder(frame).encode(frame)
    assert np.isnan(codes[1]).all()
    assert Coder(frame).decode(codes).isna().to_numpy().tolist() == [[False, False], [True, True]]


def test_whole_numbers_with_a_fraction_or_a_gap_become_floats():
    frame = pd.DataFrame({"age": np.array([18, 40], dtype=np.int32)})
    coder = Coder(frame)
    assert coder.decode(np.array([[18.0], [41.0]]))["age"].dtype == np.int32
    assert coder.decode(np.array([[18.0], [41.5]]))["age"].tolist() == [18.0, 41.5]
    assert coder.decode(np.array([[np.nan]]))["age"].dtype == float
    assert coder.decode(np.array([[2.0**40]]))["age"].dtype == float


def test_numbers_too_large_to_be_exact_are_categories():
    frame = pd.DataFrame({"account": np.array([2**60, 2**60 + 1])})
    coder = Coder(frame)
    assert coder.decode(coder.encode(frame))["account"].tolist() == [2**60, 2**60 + 1]
    assert coder.numbers == []


@pytest.mark.parametrize("code", [-1.0, 2.0, 0.5, np.inf])
def test_a_code_that_is_no_category_is_refused(code):
    coder = Coder(pd.DataFrame({"sex": ["f", "m"]}))
    with pytest.raises(NotCoded, match="'sex' is not the position of one of its 2"):
        coder.decode(np.array([[code]]))


def test_text_where_the_table_has_numbers_is_refused():
    coder = Coder(pd.DataFrame({"age": [1, 2]}))
    with pytest.raises(NotCoded, match="'age' holds object"):
        coder.encode(pd.DataFrame({"age": pd.Series(["old", 3], dtype=object)}))
    with pytest.raises(NotCoded, match="need 1 columns"):
        coder.decode(np.zeros((2, 2)))


def test_category_and_string_columns_keep_their_type():
    frame = applicants()[NAMES].astype({"job": "category", "sex": "str"})
    coder = Coder(frame)
    assert_frame_equal(coder.decode(coder.encode(frame)), frame)


@pytest.mark.parametrize("target", ["repaid", "grade"])
def test_coded_rows_are_answered_as_the_rows_and_counted(target):
    frame = applicants()
    subject = subject_of(frame, prepared_by(forest()).fit(frame[NAMES], frame[target]), target=target, favourable="")
    other = applicants(90, seed=5).assign(job="pilot")
    subject.count_afresh()
    codes = subject.coder.encode(other)
    assert np.array_equal(subject.predict_codes(codes), subject.model.predict(other))
    assert np.array_equal(subject.predict_scores_codes(codes), subject.model.scores(other))
    assert subject.queries == 180
    assert subject.predict_codes(codes[:0]).shape == (0,)
    assert subject.predict_scores_codes(codes[:0]).shape == (0, len(subject.labels))


def test_hard_labels_have_no_scores_for_codes_either():
    frame = applicants().dropna().reset_index(drop=True)
    model = DecisionTreeClassifier().fit(frame[["age"]], frame["repaid"])
    model.__class__ = type("Hard", (DecisionTreeClassifier,), {"predict_proba": None, "decision_function": None})
    subject = subject_of(frame, model, target=Target("repaid").column, favourable="yes")
    with pytest.raises(ValueError, match="hard labels only"):
        subject.predict_scores_codes(subject.coder.encode(frame))
