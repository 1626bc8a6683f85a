"""Points of other tools become rows, and rows points, without a loss."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from assessments.battery.plan import Column
from assessments.battery.robustness._encoding import Encoding, left_out
from assessments.battery.robustness._legality import known_categories, violations
from tests.battery.robustness.mixed import subject_with


@pytest.fixture(scope="module")
def subject():
    return subject_with(LogisticRegression())


@pytest.fixture(scope="module")
def encoding(subject):
    frame = subject.frame[subject.features]
    return Encoding.of(frame, subject.columns, subject.coder, known_categories(subject))


def anywhere(encoding, count=200):
    rng = np.random.default_rng(0)
    return rng.uniform(0, 1, (count, encoding.d)), rng.integers(len(encoding), size=count)


def test_a_number_is_one_coordinate_and_a_category_one_for_each_value(encoding):
    assert encoding.names == ["income", "debt", "job", "home"]  # nobody can change their age
    assert encoding.d == 2 + 4 + 2
    assert set(np.unique(encoding.origin[:, 2:])) == {0.0, 1.0}


def test_a_row_comes_back_as_it_was_also_from_single_precision(encoding):
    rows = np.arange(len(encoding))
    assert np.array_equal(encoding.decode(encoding.origin, rows), encoding.base)
    assert np.array_equal(encoding.decode(encoding.origin.astype(np.float32).astype(float), rows), encoding.base)


def test_the_category_with_the_largest_share_is_meant(encoding, subject):
    points = encoding.origin[:1].copy()
    points[0, 2:6] = [0.2, 0.5, 0.3, 0.1]
    assert subject.coder.decode(encoding.decode(points, np.array([0])))["job"].tolist() == ["driver"]
    assert not encoding.as_returned(points, np.array([0]))[0]


def test_what_is_projected_could_exist(encoding, subject):
    points, rows = anywhere(encoding)
    before = subject.frame[subject.features].take(rows).reset_index(drop=True)
    for codes in encoding.project(points, rows):
        after = subject.coder.decode(codes)
        assert violations(before, after, subject.columns, categories=known_categories(subject)).legal.all()


def test_rounding_goes_to_the_nearest_towards_the_row_and_away_from_it(encoding):
    low, high = 0, 99
    row = int(np.flatnonzero(encoding.base[:, encoding.columns[0]] == 50)[0])
    points = encoding.origin[[row]].copy()
    points[0, 0] = (60.4 - low) / (high - low)
    values = [codes[0, encoding.columns[0]] for codes in encoding.project(points, np.array([row]))]
    assert values[:3] == [60, 60, 61]


def test_a_category_that_leans_to_another_value_is_swapped_in_the_last_candidate(encoding, subject):
    points = encoding.origin[:1].copy()
    points[0, 6:] = 0.55 * points[0, 6:] + 0.4
    *_, plain, leaning = encoding.project(points, np.array([0]))
    homes = [subject.coder.decode(codes)["home"][0] for codes in (encoding.base[:1], plain, leaning)]
    assert homes[0] == homes[1] != homes[2]


@pytest.mark.parametrize(("move", "good"), [(0.0, True), (7 / 99, True), (0.4 / 99, False), (-9.0, False)])
def test_only_whole_legal_numbers_are_rows_as_returned(encoding, move, good):
    row = int(np.flatnonzero(encoding.base[:, encoding.columns[0]] == 50)[0])
    points = encoding.origin[[row]].astype(np.float32).astype(float)
    points[0, 0] += move
    assert encoding.as_returned(points, np.array([row]))[0] == good


def test_a_number_that_may_only_fall_is_no_row_above_its_own(encoding):
    points = encoding.origin[[0]].copy()
    points[0, 1] += 0.1
    assert not encoding.as_returned(points, np.array([0]))[0]


def test_distances_count_moves_as_shares_and_swaps(encoding):
    codes = encoding.base[:1].copy()
    codes[0, encoding.columns[0]] += 5
    codes[0, encoding.blocks[0].column] = (codes[0, encoding.blocks[0].column] + 1) % 4
    moves, swaps = encoding.distances(codes, np.array([0]))
    assert moves[0] == pytest.approx([5 / 99, 0])
    assert swaps.tolist() == [1]


def test_missing_values_stay_missing_and_are_no_coordinate(subject):
    frame = subject.frame[subject.features].head(4).copy()
    frame["debt"] = [np.nan, 1.0, 2.0, 3.0]
    frame["job"] = pd.Series(["nurse", None, "clerk", "clerk"], dtype=object)
    encoding = Encoding.of(frame, subject.columns, subject.coder, known_categories(subject))
    assert encoding.free[:, 1].tolist() == [False, True, True, True]
    assert encoding.free[1, 2:6].tolist() == [False] * 4
    points, rows = np.random.default_rng(0).uniform(size=(4, encoding.d)), np.arange(4)
    for codes in (encoding.decode(points, rows), *encoding.project(points, rows)):
        assert np.isnan(codes).sum() == 2


def test_a_category_with_very_many_values_is_left_out_and_said(subject):
    frame = subject.frame[subject.features].assign(job=[f"job {k}" for k in range(len(subject.frame))])
    known = {"job": pd.Index(frame["job"].unique()), "home": pd.Index(["own", "rent"])}
    columns = {**subject.columns, "age": Column("age", kind="number", mutable="fixed")}
    encoding = Encoding.of(frame, columns, subject.coder, known)
    assert "job" not in encoding.names
    assert left_out(frame, encoding, columns) == ["job"]
