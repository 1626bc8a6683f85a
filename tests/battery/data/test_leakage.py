"""Leakage: planted copies and late columns are found, honest columns are not, and AUCs equal scikit-learn's."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score, roc_auc_score

from assessments.battery.plan import Target
from assessments.battery.subject import Subject
from tests.battery.data.tables import FEATURES, drawn, subject
from tests.battery.subjects import measure_of, outcome_of, value_of

TEST = "data.leakage"
LATE = [*FEATURES, "copy", "recovered", "blurred"]


def with_late_columns(rows, seed):
    """copy: the outcome by another name. recovered: filled for one outcome alone. blurred: the outcome and noise."""
    frame, rng = drawn(rows, seed), np.random.default_rng(seed)
    frame["copy"] = np.where(frame["y"] == 1, "granted", "refused")
    frame["recovered"] = np.where(frame["y"] == 1, rng.uniform(1, 9, rows), np.nan)
    frame["blurred"] = frame["y"] + rng.normal(0, 0.2, rows)
    return frame


@pytest.fixture(scope="module")
def leaky():
    before, now = with_late_columns(2000, 1), with_late_columns(1000, 2)
    return before, now, outcome_of(TEST, subject(now, before, features=LATE))


def test_a_copy_and_what_is_filled_too_late_give_the_outcome_away(leaky):
    _, _, outcome = leaky
    for column in ("copy", "recovered"):
        assert measure_of(outcome, "single_column_auc", column=column).ci[0] > 0.99
        assert value_of(outcome, "given_away_share", column=column) == 1
    assert value_of(outcome, "single_column_auc", column="blurred") > 0.98
    assert value_of(outcome, "filled_auc", column="recovered") == 1
    assert value_of(outcome, "target_copies") == 1
    assert "The outcome by another name: 'copy'." in outcome.notes


def test_an_honest_column_does_not(leaky):
    _, _, outcome = leaky
    for column in ("age", "kind"):
        low, high = measure_of(outcome, "single_column_auc", column=column).ci
        assert low <= 0.5 <= high
        assert not [m for m in outcome.measures if m.metric == "given_away_share" and m.group == {"column": column}]
    assert 0.6 < value_of(outcome, "single_column_auc", column="income") < 0.95


def test_the_auc_of_a_category_equals_scikit_learns(leaky):
    before, now, outcome = leaky
    rates = (before.groupby("kind")["y"].sum() + before["y"].mean()) / (before.groupby("kind").size() + 1)
    expected = roc_auc_score(now["y"], now["kind"].map(rates))
    assert value_of(outcome, "single_column_auc", column="kind") == pytest.approx(expected, abs=1e-12)


def test_without_training_data_two_halves_are_used():
    outcome = outcome_of(TEST, subject(with_late_columns(1000, 3), features=LATE))
    assert measure_of(outcome, "single_column_auc", column="copy").n == 500
    assert value_of(outcome, "single_column_auc", column="copy") == 1
    assert "two halves" in outcome.notes[0]


def test_a_column_that_is_no_longer_filled_is_named():
    before, now = drawn(500, 4), drawn(300, 5)
    now["kind"] = now["kind"].mask(now.index < 200)
    outcome = outcome_of(TEST, subject(now, before))
    assert any("perhaps unknown when deciding: 'kind'" in note for note in outcome.notes)


def test_numbers_are_given_away_by_a_line_through_them():
    frames = [drawn(800, seed).assign(twice=lambda f: 2 * f["income"] + 1) for seed in (6, 7)]
    line = LinearRegression().fit(frames[0][["age", "twice"]], frames[0]["income"])
    outcome = outcome_of(TEST, Subject(line, frames[1], Target("income"), reference=frames[0]))
    assert value_of(outcome, "target_copies") == 1
    assert value_of(outcome, "single_column_r2", column="twice") > 0.95
    byage = frames[0].assign(bin=frames[0]["age"]).groupby("bin")["income"]
    means = (byage.sum() + frames[0]["income"].mean()) / (byage.size() + 1)
    expected = r2_score(frames[1]["income"], frames[1]["age"].map(means))
    assert value_of(outcome, "single_column_r2", column="age") == pytest.approx(expected, abs=1e-12)
