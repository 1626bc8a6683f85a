"""Which rows keep a relation, against the same rule written in Python for one row at a time."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assessments.battery.relations.checking import Relation, refuse_wrong, relations_of, tally
from assessments.battery.relations.language import BadRelation, parse

FRAME = pd.DataFrame(
    {
        "a": [1, 2, 3, 4, 5, 0],
        "b": [1.0, 4.0, 2.0, np.nan, 2.5, 0.0],
        "job": ["x", "y", "x", "z", None, "y"],
        "grade": [1, 2, 1, 3, 2, 2],
        "flag": [True, False, True, True, False, False],
    }
)
KINDS = {"a": "number", "b": "number", "job": "category", "grade": "category", "flag": "category"}


def kept(text, frame=FRAME):
    return Relation(parse(text, KINDS)).holds(frame).astype(int).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a <= b", [1, 1, 0, 1, 0, 1]),  # b is missing in the fourth row: nobody can tell
        ("a < b", [0, 1, 0, 1, 0, 0]),
        ("a = b within 0.5", [1, 0, 0, 1, 0, 1]),
        ("a = b within 50%", [1, 1, 1, 1, 1, 1]),
        ("a in {1, 2, 5}", [1, 1, 0, 0, 1, 0]),
        ("job in {'x', 'y'}", [1, 1, 1, 0, 1, 1]),
        ("job = 'x'", [1, 0, 1, 0, 1, 0]),
        ("job != 'x'", [0, 1, 0, 1, 1, 1]),
        ("grade = 2", [0, 1, 0, 0, 1, 1]),
        ("flag = 'True'", [1, 0, 1, 1, 0, 0]),
        ("if job = 'x' then a <= 1", [1, 1, 0, 1, 1, 1]),
        ("a / b <= 2", [1, 1, 1, 1, 1, 0]),  # 0 / 0 is undefined, so it is not kept
        ("if b > 0 then a / b <= 2", [1, 1, 1, 1, 1, 1]),
        ("divide(a, b, 0) <= 2", [1, 1, 1, 1, 1, 1]),
        ("log(a) <= 1.1", [1, 1, 1, 0, 0, 0]),
        ("a mod 2 = 1", [1, 0, 1, 0, 1, 0]),
        ("count(a > 1, b > 1, job = 'x') <= 1", [1, 0, 0, 1, 1, 1]),
        ("a = map(job, {'x': 1, 'y': 2})", [1, 1, 0, 0, 1, 0]),
        ("job = map(grade, {'1': 'x', '2': 'y', '3': 'z'})", [1, 1, 1, 1, 1, 1]),
        ("job = map(a, {1: 'x', 2: 'y', 3: 'z'})", [1, 1, 0, 0, 1, 0]),
        ("min(a, 3) = 3 or a < 3", [1, 1, 1, 1, 1, 1]),
        ("not (a = 1 or a = 2)", [0, 0, 1, 1, 1, 1]),
    ],
)
def test_rows_that_keep_it(text, expected):
    assert kept(text) == expected


def test_rounding_of_floats_breaks_nothing():
    frame = pd.DataFrame({"a": [0.1 + 0.2], "b": [0.3]})
    kinds = {"a": "number", "b": "number"}
    for text in ("a = b", "a <= b", "a >= b"):
        assert Relation(parse(text, kinds)).holds(frame).all()
    assert not Relation(parse("a > b", kinds)).holds(frame).any()


NUMBER = st.one_of(st.none(), st.integers(-3, 3), st.floats(-4, 4).map(lambda x: round(x, 1)))


def by_hand(text, a, b):
    """The same relations for one row, undefined where Python raises."""
    rules = {
        "if a > 0 then b / a <= 1": lambda: not a > 0 or b / a <= 1 + 1e-9,
        "a + b = 2 or a * b >= 0": lambda: abs(a + b - 2) <= 1e-9 or a * b >= -1e-9,
        "not (a < b and b < 2)": lambda: not (a < b - 1e-12 and b < 2 - 1e-12),
        "log(a) <= abs(b)": lambda: math.log(a) <= abs(b) + 1e-9,
    }
    try:
        return rules[text]()
    except (ValueError, ZeroDivisionError):
        return False


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(NUMBER, NUMBER), min_size=1, max_size=8),
    st.sampled_from(
        ["if a > 0 then b / a <= 1", "a + b = 2 or a * b >= 0", "not (a < b and b < 2)", "log(a) <= abs(b)"]
    ),
)
def test_agrees_with_python_row_by_row(rows, text):
    frame = pd.DataFrame(rows, columns=["a", "b"]).astype(float)
    found = Relation(parse(text, {"a": "number", "b": "number"})).holds(frame)
    for index, (a, b) in enumerate(rows):
        if a is not None and b is not None:
            assert found[index] == by_hand(text, a, b), (a, b)


def test_a_relation_that_the_data_breaks_is_refused_with_the_figure():
    frame = pd.DataFrame({"a": np.arange(1000), "b": np.r_[np.zeros(20), np.full(980, 1000)]})
    (relation,) = relations_of(["a <= b"], {"a": "number", "b": "number"})
    with pytest.raises(BadRelation, match=r"“a <= b” is broken by 1.9 % of 1,000 rows, row 1 first"):
        refuse_wrong(relation, frame)


def test_a_few_broken_rows_are_counted_and_borne():
    frame = pd.DataFrame({"a": np.arange(1000), "b": np.r_[np.zeros(5), np.full(995, 1000)]})
    (relation,) = relations_of(["a <= b"], {"a": "number", "b": "number"})
    assert refuse_wrong(relation, frame).broken == 4
    assert tally(relation, frame).examples == [1, 2, 3, 4]


def test_what_is_written_twice_counts_once():
    assert len(relations_of(["a <= b", "a  <=  b"], {"a": "number", "b": "number"})) == 1
