"""Shared rows: counted as pandas counts them, and told from those that are alike by chance."""

import numpy as np
import pandas as pd
import pytest

from assessments.battery import reference
from assessments.battery.data.overlap import Twins
from assessments.battery.spec import NotApplicable
from tests.battery.data.tables import FEATURES, drawn, subject
from tests.battery.subjects import measure_of, outcome_of, value_of

TEST = "data.overlap"


def coarse(rows, seed):
    """Few values, so that many rows are alike."""
    frame = drawn(rows, seed)
    return frame.assign(age=frame["age"] // 5, income=frame["income"].round(-3))


@pytest.fixture(scope="module")
def copied():
    """600 rows, 60 of them out of the training data."""
    before, now = coarse(3000, 1), coarse(600, 2)
    now.iloc[:60] = before.iloc[100:160].to_numpy()
    now = now.astype(before.dtypes)
    return before, now, outcome_of(TEST, subject(now, before))


def test_shared_rows_are_those_that_a_join_finds(copied):
    before, now, outcome = copied
    columns = [*FEATURES, "y"]
    joined = now.merge(before[columns].drop_duplicates(), on=columns, how="inner")
    assert value_of(outcome, "shared_rows") == len(joined)
    assert value_of(outcome, "shared_share") == pytest.approx(len(joined) / 600)
    expected = before.duplicated(columns, keep=False).mean()
    assert value_of(outcome, "expected_share") == pytest.approx(expected)
    assert value_of(outcome, "excess_share") == pytest.approx(len(joined) / 600 - expected)


def test_copied_rows_are_more_than_chance(copied):
    _, _, outcome = copied
    assert measure_of(outcome, "excess_share").ci[0] > 0.01
    assert outcome.tables[0].rows[0] == [1, 101]


def test_rows_that_are_alike_by_chance_are_no_leak():
    outcome = outcome_of(TEST, subject(coarse(600, 4), coarse(3000, 3)))
    assert value_of(outcome, "shared_rows") > 30
    low, high = measure_of(outcome, "excess_share").ci
    assert low < 0 < high


def test_conflicts_are_shared_features_with_another_outcome(copied):
    before, now, outcome = copied
    found = 0
    outcomes = before.groupby(FEATURES)["y"].agg(set).to_dict()
    for row in now.itertuples():
        known = outcomes.get((row.age, row.income, row.kind), {row.y})
        found += known != {row.y}
    assert value_of(outcome, "conflicting_rows") == found > 0


def test_copies_are_found_up_to_rounding():
    before, now = drawn(1000, 5), drawn(300, 6)
    now.iloc[:50] = before.iloc[:50].to_numpy()
    now = now.astype(before.dtypes).assign(income=lambda f: f["income"] * 1.00001)
    outcome = outcome_of(TEST, subject(now, before))
    assert value_of(outcome, "shared_rows") == 0
    assert value_of(outcome, "shared_rounded_share") >= 45 / 300


def test_numbers_are_rounded_to_significant_digits():
    rounded = reference.rounded(np.array([123456.0, 0.0012345, -98765.0, 0.0, np.nan, np.inf, 1e300]), 3)
    assert rounded[:4] == pytest.approx([123000.0, 0.00123, -98800.0, 0.0], rel=1e-12)
    assert (np.isnan(rounded[4]), rounded[5], rounded[6]) == (True, np.inf, pytest.approx(1e300))


def test_rows_are_known_by_all_their_values_whatever_the_type():
    one = pd.DataFrame({"a": [1, 2, 2], "b": ["x", None, "y"], "c": [0.5, np.nan, np.nan]})
    other = pd.DataFrame({"a": [2.0, 1.0, 2.0], "b": [None, "x", "z"], "c": [np.nan, 0.5, np.nan]})
    first, second = reference.row_ids([one, other], ["a", "b", "c"])
    assert (second[0], second[1]) == (first[1], first[0])
    assert second[2] not in first


def test_training_data_without_outcomes_is_compared_by_features():
    outcome = outcome_of(TEST, subject(drawn(300, 7), drawn(300, 7).drop(columns="y")))
    assert value_of(outcome, "shared_share") == 1
    assert "no outcomes" in outcome.notes[0]


def test_it_does_not_apply_without_the_columns_or_the_training_data():
    with pytest.raises(NotApplicable, match="--reference FILE"):
        outcome_of(TEST, subject(drawn(100, 1)))
    with pytest.raises(NotApplicable, match="lacks 'kind'"):
        outcome_of(TEST, subject(drawn(100, 1), drawn(100, 2).drop(columns="kind")))


@pytest.mark.parametrize(
    ("kinds", "copies"), [(400, 0.0), *(pytest.param(kinds, share, marks=pytest.mark.long)
        for kinds in (50, 2000, 100_000) for share in (0.0, 0.05))]
)  # fmt: skip
def test_the_interval_holds_the_excess(kinds, copies):
    """Rows of `kinds` sorts, some more frequent than others; a share of those under test copied from the others."""
    rng = np.random.default_rng(11)
    weights = rng.pareto(1.5, kinds) + 0.05
    weights /= weights.sum()
    n, m, times, held = 2000, 800, 200, 0
    truth = copies * (weights * (1 - weights) ** n).sum()  # copied rows that chance would not have found
    for _ in range(times):
        before, now = (rng.choice(kinds, size, p=weights) for size in (n, m))
        taken = rng.random(m) < copies
        now[taken] = rng.choice(before, taken.sum())
        low, high = Twins.of(before, now).excess()[1]
        held += low <= truth <= high
    assert 0.92 * times <= held
