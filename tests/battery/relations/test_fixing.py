"""What follows from a change is set; what no change may break stays kept."""

import numpy as np
import pandas as pd
import pytest

from assessments.battery.coder import Coder
from assessments.battery.relations.checking import relations_of
from assessments.battery.relations.fixing import Fixer

FRAME = pd.DataFrame(
    {
        "school": ["basic", "high", "college"] * 4,
        "years": [4, 9, 13] * 4,
        "open": [1, 2, 3, 4] * 3,
        "total": [5] * 12,
        "sum": [6, 7, 8, 9] * 3,
    }
)
KINDS = {name: "category" if name == "school" else "number" for name in FRAME}
SCHOOL = "years = map(school, {'basic': 4, 'high': 9, 'college': 13})"


def fixer(*texts, frame=FRAME, model=None):
    coder = Coder(frame[model or list(frame)])
    whole = {name: True for name in frame if KINDS[name] == "number"}
    others = {name: frame[name].to_numpy(dtype=float) for name in frame if name not in coder.names}
    relations = relations_of(list(texts), KINDS)
    return Fixer(relations, coder, coder.encode(frame[coder.names]), others, whole), coder


def repaired(fix, coder, row, **changes):
    points = fix.own[[row]].copy()
    for name, value in changes.items():
        code = coder.categories[name].index(value) if name in coder.categories else value
        points[0, coder.position(name)] = code
    points, good = fix.repair(points, np.array([row]))
    return coder.decode(points).iloc[0].to_dict(), bool(good[0])


def test_a_derived_number_follows_its_category():
    fix, coder = fixer(SCHOOL)
    row, good = repaired(fix, coder, 0, school="college")
    assert (row["years"], good) == (13, True)
    assert fix.derived == ["years"]


def test_a_derived_column_cannot_be_moved_by_itself():
    fix, coder = fixer(SCHOOL)
    row, good = repaired(fix, coder, 0, years=13)
    assert (row["years"], good) == (4, True)


def test_followers_of_followers_follow():
    fix, coder = fixer("total = 5 * 1 + 0 * open", "sum = open + total")
    row, good = repaired(fix, coder, 0, open=3)
    assert (row["sum"], good) == (8, True)


def test_a_bound_pulls_the_column_back():
    fix, coder = fixer("open <= total")
    row, good = repaired(fix, coder, 0, open=9)
    assert (row["open"], good) == (5, True)


def test_what_cannot_be_repaired_is_refused():
    fix, coder = fixer("open * 2 < total * 3")
    assert not repaired(fix, coder, 0, open=9)[1]


def test_a_row_that_broke_it_before_is_not_held_to_it():
    frame = FRAME.assign(open=[9, *FRAME["open"][1:]])
    fix, coder = fixer("open <= total", frame=frame)
    row, good = repaired(fix, coder, 0, open=8)
    assert (row["open"], good) == (8, True)


def test_columns_that_the_model_is_not_given_count_with_their_own_values():
    fix, coder = fixer("open <= total", model=["school", "years", "open", "sum"])
    row, good = repaired(fix, coder, 0, open=9)
    assert (row["open"], good) == (5, True)


def test_circles_are_judged_and_not_chased():
    fix, coder = fixer("sum = open + total", "open = sum - total")
    assert fix.derived == ["sum"]
    row, good = repaired(fix, coder, 0, open=2)
    assert (row["sum"], good) == (7, True)


@pytest.mark.parametrize("seed", range(3))
def test_repaired_rows_keep_every_relation_of_their_row(seed):
    rng = np.random.default_rng(seed)
    texts = [SCHOOL, "open <= total", "sum = open + total", "open + years <= 17"]
    fix, coder = fixer(*texts)
    of = rng.integers(len(FRAME), size=200)
    points = fix.own[of] + rng.integers(-2, 3, size=(200, 5)) * (rng.random((200, 5)) < 0.5)
    points[:, coder.position("school")] %= 3
    points, good = fix.repair(points, of)
    frame = coder.decode(points[good])
    assert good.any()
    assert (~good).any()
    for relation in fix.relations:
        assert relation.holds(frame).all()
