"""Effects along a column against scikit-learn, and against models whose effect is known."""

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.inspection import partial_dependence

from assessments.battery.explainability._effects import accumulated, edges_of, lines


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
