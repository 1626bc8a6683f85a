"""What may change, how far, and what it costs."""

import numpy as np
import pandas as pd
import pytest

from assessments.battery.coder import Coder
from assessments.battery.plan import Column
from assessments.battery.robustness._moves import moves_of

FRAME = pd.DataFrame(
    {
        "age": [20, 30, 95],
        "gain": [0, 500, 1200],
        "study": [3, 16, 9],
        "debt": [2.5, 6.3, np.nan],
        "job": ["a", "b", None],
        "sex": ["f", "m", "f"],
        "rank": ["lo", "hi", "lo"],
    }
)
COLUMNS = {
    "age": Column("age", kind="number", mutable="fixed", integer=True, min=17, max=90),
    "gain": Column("gain", kind="number", integer=True, min=0, max=1000),
    "study": Column("study", kind="number", mutable="up", integer=True, min=1, max=16),
    "debt": Column("debt", kind="number", mutable="down", integer=False, min=0.0, max=10.0),
    "job": Column("job", kind="category", swap_price=0.3),
    "sex": Column("sex", kind="category", mutable="fixed"),
    "rank": Column("rank", kind="category", mutable="up"),
}


def moves(**options):
    coder = Coder(FRAME)
    codes = coder.encode(FRAME)
    return moves_of(codes, coder, COLUMNS, codes, **options)


def test_only_what_a_person_could_change_is_movable():
    found = moves()
    assert [found.names[at] for at in found.columns] == ["gain", "study", "debt", "job"]


def test_reachable_rows_keep_bounds_directions_steps_and_what_is_missing():
    found = moves()
    wild = np.array([[50, 700.4, 1, 9.0, 1, 1, 0], [1, -5, 17, 1.23456, 0, 0, 1], [1, 5000, 1, 3.0, 0, 1, 0]], float)
    points = found.reachable(wild, np.arange(3))
    expected = [[20, 700, 3, 2.5, 1, 0, 1], [30, 0, 16, 1.235, 0, 1, 0], [95, 1200, 9, np.nan, np.nan, 0, 1]]
    np.testing.assert_allclose(points, np.array(expected, dtype=float))


def test_the_price_is_shares_of_range_and_swap_prices():
    found = moves()
    points = found.own.copy()
    points[0, [1, 2, 3, 4]] = [250, 6, 2.0, 1]
    assert found.cost(points, np.arange(3)) == pytest.approx([0.25 + 3 / 15 + 0.05 + 0.3, 0, 0])
    assert found.edits(points, np.arange(3)).tolist() == [4, 0, 0]
    assert found.swaps(points, np.arange(3)).tolist() == [1, 0, 0]


def test_a_follower_costs_nothing_and_is_no_edit():
    found = moves(derived=["study"])
    points = found.own.copy()
    points[0, 2] = 9
    assert found.cost(points, np.arange(3)).tolist() == [0, 0, 0]
    assert found.edits(points, np.arange(3)).tolist() == [0, 0, 0]
    assert found.allows(points, np.arange(3)).tolist() == [True, True, True]
    points[0, 2] = 2  # it may only rise
    assert found.allows(points, np.arange(3)).tolist() == [False, True, True]


def test_robust_spread_may_take_the_place_of_the_range():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": np.r_[rng.normal(0, 2, 4000), 900.0], "rare": np.r_[np.zeros(4000), 7.0]})
    coder = Coder(frame)
    columns = {name: Column(name, kind="number", integer=False, min=-1000, max=1000) for name in frame}
    found = moves_of(coder.encode(frame), coder, columns, coder.encode(frame), scale="mad")
    assert found.scale[0] == pytest.approx(2, rel=0.1)
    assert found.scale[1] == pytest.approx(frame["rare"].std(ddof=0))  # where half of the rows are equal
    with pytest.raises(ValueError, match="range or mad"):
        moves_of(coder.encode(frame), coder, columns, coder.encode(frame), scale="sd")


def test_without_swaps_categories_stay():
    found = moves().numbers_only()
    points = found.reachable(np.array([[20, 0, 3, 2.5, 1, 0, 0]], float), np.array([0]))
    assert points[0].tolist() == found.own[0].tolist()
