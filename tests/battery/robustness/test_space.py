"""Only legal rows: integers whole, bounds kept, what a person cannot change unchanged."""

import numpy as np
import pandas as pd
import pytest

from assessments.battery.plan import Column
from assessments.battery.robustness._space import Space, changeable

COLUMNS = {
    "age": Column("age", kind="number", mutable="fixed", integer=True, min=17, max=90),
    "gain": Column("gain", kind="number", integer=True, min=0, max=1000),
    "study": Column("study", kind="number", mutable="up", integer=True, min=1, max=16),
    "debt": Column("debt", kind="number", mutable="down", integer=False, min=0.0, max=7.0),
    "job": Column("job", kind="category"),
    "same": Column("same", kind="number", integer=True, min=3, max=3),
    "flag": Column("flag", kind="number", integer=True, min=0, max=1),
}


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "job": ["a", "b", "c"],
            "age": [20, 30, 40],
            "gain": [0, 500, 1000],
            "study": [3, 16, 9],
            "debt": [0.1 + 0.2, 6.3, np.nan],
            "same": [3, 3, 3],
            "flag": [True, False, True],
        }
    )


@pytest.fixture
def space(frame):
    return Space.of(frame, COLUMNS)


def points_beyond(space, count=200):
    """Points that go far out of every bound, and the rows they belong to."""
    rng = np.random.default_rng(0)
    rows = rng.integers(len(space.frame), size=count)
    return rng.uniform(-1, 2, (count, len(space.names))), rows


def test_only_numbers_with_a_range_that_a_person_could_change_are_moved(frame):
    assert changeable(frame, COLUMNS) == ["gain", "study", "debt"]


def test_the_row_itself_comes_back_digit_for_digit(space, frame):
    pd.testing.assert_frame_equal(space.decode(space.origin, np.arange(3)), frame)


def test_integers_stay_whole_and_in_their_own_type(space):
    decoded = space.decode(*points_beyond(space))
    assert decoded["gain"].dtype == np.int64
    assert decoded["gain"].between(0, 1000).all()
    assert decoded["gain"].nunique() > 50


def test_a_column_that_may_only_rise_never_falls(space, frame):
    points, rows = points_beyond(space)
    decoded = space.decode(points, rows)
    assert (decoded["study"].to_numpy() >= frame["study"].to_numpy()[rows]).all()
    assert decoded["study"].max() == 16


def test_a_column_that_may_only_fall_never_rises(space, frame):
    points, rows = points_beyond(space)
    known = rows != 2
    assert (space.decode(points, rows)["debt"][known] <= frame["debt"].to_numpy()[rows][known]).all()


def test_fixed_columns_and_categories_keep_their_values(space, frame):
    points, rows = points_beyond(space)
    decoded = space.decode(points, rows)
    for name in ("job", "age", "same", "flag"):
        assert decoded[name].tolist() == frame[name].to_numpy()[rows].tolist()


def test_a_missing_number_stays_missing(space):
    points, rows = points_beyond(space)
    assert (space.decode(points, rows)["debt"].isna().to_numpy() == (rows == 2)).all()


def test_an_infinite_number_stays_infinite():
    columns = {"gain": Column("gain", kind="number", integer=False, min=0, max=10)}
    space = Space.of(pd.DataFrame({"gain": [np.inf, 5.0]}), columns)
    assert space.decode(np.array([[0.5], [0.75]]), np.array([0, 1]))["gain"].tolist() == [np.inf, 7.5]


def test_a_value_outside_the_range_is_legal_for_its_own_row():
    columns = {"gain": Column("gain", kind="number", integer=True, min=0, max=10)}
    space = Space.of(pd.DataFrame({"gain": [25, 5]}), columns)
    decoded = space.decode(np.array([[2.5], [9.0]]), np.array([0, 1]))
    assert decoded["gain"].tolist() == [25, 10]


def test_bounds_between_integers_are_tightened_to_integers():
    columns = {"gain": Column("gain", kind="number", integer=True, min=0.5, max=3.7)}
    space = Space.of(pd.DataFrame({"gain": [2, 2]}), columns)
    assert space.decode(np.array([[-4.0], [4.0]]), np.array([0, 1]))["gain"].tolist() == [1, 3]


def test_snapping_twice_changes_nothing(space):
    points, rows = points_beyond(space)
    once = space.snap(points, rows)
    pd.testing.assert_frame_equal(space.decode(once, rows), space.decode(space.snap(once, rows), rows))
