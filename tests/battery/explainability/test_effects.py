"""Effects along a column against scikit-learn, and against models whose effect is known."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.inspection import partial_dependence

from assessments.battery.explainability._effects import accumulated, edges_of, lines
from assessments.battery.explainability.effects import grid_of
from tests.battery.subjects import Rule, outcome_of, subject_of, value_of


def rows(n=400, seed=0):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    return np.column_stack([a, a + rng.normal(0, 0.3, n), rng.normal(size=n)])


def test_partial_dependence_and_its_lines_are_scikit_learn_s():
    X = rows()
    model = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(X, X[:, 0] * X[:, 1] + X[:, 2])
    theirs = partial_dependence(model, X, [0], kind="both", method="brute", grid_resolution=15)
    ours = lines(model.predict, X, 0, theirs["grid_values"][0])
    assert ours == pytest.approx(theirs["individual"][0], abs=1e-9)
    assert ours.mean(axis=0) == pytest.approx(theirs["average"][0], abs=1e-9)


def test_the_accumulated_effect_of_a_sum_is_its_own_term_whatever_goes_with_it():
    X = rows()
    found = accumulated(lambda codes: 2 * codes[:, 0] - 3 * codes[:, 1] ** 2, X, 0)
    slope = np.diff(found.effect) / np.diff(found.at)
    assert slope == pytest.approx(2, abs=1e-9)
    middles = (found.effect[1:] + found.effect[:-1]) / 2
    inside = np.clip(np.searchsorted(found.at, X[:, 0], side="left") - 1, 0, len(middles) - 1)
    assert middles[inside].mean() == pytest.approx(0, abs=1e-12)


def test_the_accumulated_effect_is_that_of_a_hand_worked_table():
    """Bins (1, 2] and (2, 4]; the first also holds its lower end. f = x * z."""
    X = np.array([[1.0, 10], [2.0, 20], [3.0, 5], [4.0, 7]])
    found = accumulated(lambda codes: codes[:, 0] * codes[:, 1], X, 0, bins=2)
    assert found.at.tolist() == [1.0, 2.0, 4.0]
    steps = np.array([0, (10 + 20) / 2, (10 + 20) / 2 + (2 * 5 + 2 * 7) / 2])
    centre = (2 * (steps[0] + steps[1]) / 2 + 2 * (steps[1] + steps[2]) / 2) / 4
    assert found.effect == pytest.approx(steps - centre, abs=1e-12)
    assert found.of(np.array([1.5]))[0] == pytest.approx((found.effect[0] + found.effect[1]) / 2)


def test_a_column_of_one_value_or_of_none_has_no_effect():
    assert accumulated(lambda codes: codes[:, 0], np.ones((5, 1)), 0).effect.tolist() == [0.0]
    assert len(accumulated(lambda codes: codes[:, 0], np.full((5, 1), np.nan), 0).at) == 0
    assert edges_of(np.array([1.0, 1, 1, 2, np.nan]), 10).tolist() == [1.0, 2.0]


TEST = "explainability.effects"
NAMES = ["a", "b", "letter", "unused"]


def people(n=200, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.uniform(size=n), "b": rng.uniform(size=n), "letter": rng.choice(list("xyz"), n)})
    return frame.assign(unused=rng.uniform(size=n), y=rng.integers(0, 2, n))


def answer(frame):
    return 0.1 + 0.5 * frame["a"] + 0.2 * (frame["letter"] == "y") + 0.1 * frame["b"]


def found(decide=answer, **params):
    return outcome_of(TEST, subject_of(people(), Rule(decide, NAMES)), **{"rows": 200} | params)


def test_the_leading_columns_come_first_and_an_additive_answer_has_equal_lines():
    outcome = found(columns=3)
    assert [row[0] for row in outcome.tables[0].rows] == ["a", "letter", "b"]
    a = next(chart for chart in outcome.charts if chart.id == "effect_a")
    slope = np.diff(a.data["series"][0]["y"]) / np.diff(a.data["x"])
    assert slope == pytest.approx(0.5, abs=1e-9)
    spread = answer(people()).std(ddof=0)
    ice = [m.value for m in outcome.measures if m.metric == "ice_spread" and m.group == {"column": "a"}]
    assert ice == pytest.approx([0], abs=1e-9 / spread)
    letter = next(chart for chart in outcome.charts if chart.id == "effect_letter")
    assert letter.data["categories"][-1] == "y"
    assert value_of(outcome, "effect_range", column="letter") == pytest.approx(0.2, abs=1e-12)
    assert value_of(outcome, "effect_disagreement", column="a") == pytest.approx(0, abs=1e-9)


def test_an_interaction_shows_in_the_spread_of_the_lines():
    outcome = found(lambda frame: 0.5 + 0.8 * (frame["a"] - 0.5) * (frame["b"] - 0.5), columns=1)
    (ice,) = [m.value for m in outcome.measures if m.metric == "ice_spread"]
    assert ice > 0.5


def test_the_same_seed_gives_the_same_effects():
    assert found() == found()


def test_a_grid_sees_the_tail_of_a_column_of_zeros():
    values = np.concatenate([np.zeros(95), np.arange(1000.0, 6000, 1000)])
    grid = grid_of(values, whole=True)
    assert grid[0] == 0
    assert len(grid) > 8
    assert (grid == np.rint(grid)).all()
