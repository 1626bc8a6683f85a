"""Shapley values against the definition, against the shap library, and against their axioms."""

import warnings
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from assessments.battery.explainability._shapley import Game, attribute

LETTERS = {"a": 0.0, "b": 1.0, "c": 2.5}


def mixed(rows, seed):
    """Two numbers, a category and a flag."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": rng.normal(size=rows),
            "y": rng.normal(size=rows),
            "letter": rng.choice(list(LETTERS), rows),
            "flag": rng.integers(0, 2, rows),
        }
    )


def tangled(frame):
    """A score in which all four columns interact: reversed walks make the estimate exact for pairs alone."""
    letter = frame["letter"].map(LETTERS)
    return np.asarray(np.tanh(frame["x"] * frame["y"] * letter) * (1 + frame["flag"]) + (frame["x"] > letter) * 0.7)


def by_definition(score, explained, background):
    """The mean over all orders of the columns and all background rows of each column's change."""
    names = list(explained)
    values = np.zeros((len(explained), len(names)))
    orders = list(permutations(range(len(names))))
    for i in range(len(explained)):
        for order in orders:
            walked = background.copy()
            before = score(walked)
            for k in order:
                walked[names[k]] = explained[names[k]].iloc[i]
                after = score(walked)
                values[i, k] += (after - before).mean() / len(orders)
                before = after
    return values


def attributed(score, explained, background, *, walks=1, exact_up_to=0, seed=0):
    game = Game.of(explained, background, score)
    return attribute(game, walks=walks, exact_up_to=exact_up_to, rng=np.random.default_rng(seed))


def test_with_few_columns_the_values_are_those_of_the_definition():
    explained, background = mixed(5, 1), mixed(7, 2)
    found = attributed(tangled, explained, background, exact_up_to=4)
    assert found.exact
    assert found.values == pytest.approx(by_definition(tangled, explained, background), abs=1e-12)


def test_the_estimate_comes_near_the_definition_with_more_walks():
    explained, background = mixed(5, 1), mixed(7, 2)
    exact = by_definition(tangled, explained, background)
    error = [np.abs(attributed(tangled, explained, background, walks=k).values - exact).mean() for k in (1, 400)]
    assert error[1] < 0.01
    assert error[1] < error[0] / 5


@pytest.mark.slow
def test_the_values_are_those_of_the_shap_library():
    rng = np.random.default_rng(5)
    explained, background = (pd.DataFrame(rng.normal(size=(n, 5)), columns=list("abcde")) for n in (6, 10))

    def score(rows):
        rows = np.asarray(rows)
        return np.sin(rows[:, 0] * rows[:, 1]) + rows[:, 2] * np.maximum(rows[:, 3], 0) + rows[:, 4]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

        masker = shap.maskers.Independent(background.to_numpy(), max_samples=10)
        exact = shap.explainers.Exact(score, masker)(explained.to_numpy())
        walked = shap.explainers.Permutation(score, masker, seed=1)(explained.to_numpy(), max_evals=2000)
    assert attributed(score, explained, background, exact_up_to=5).values == pytest.approx(exact.values, abs=1e-9)
    ours = attributed(score, explained, background, walks=200).values
    assert np.abs(ours - walked.values).max() < 0.05


@pytest.mark.parametrize("exact_up_to", [0, 4])
def test_a_linear_score_gives_each_column_its_coefficient_times_the_distance_to_the_mean(exact_up_to):
    explained, background = mixed(5, 1), mixed(7, 2)
    found = attributed(lambda frame: 3 * frame["x"] - 2 * frame["y"], explained, background, exact_up_to=exact_up_to)
    expected = (explained[["x", "y"]] - background[["x", "y"]].mean()) * [3, -2]
    assert found.values[:, :2] == pytest.approx(expected.to_numpy(), abs=1e-12)


@pytest.mark.parametrize("exact_up_to", [0, 4])
def test_a_column_that_the_score_ignores_gets_nothing(exact_up_to):
    found = attributed(lambda frame: tangled(frame.assign(y=1.0)), mixed(6, 1), mixed(9, 2), exact_up_to=exact_up_to)
    assert found.values[:, 1] == pytest.approx(0, abs=1e-12)
    assert (found.values[:, 0] != 0).all()


@pytest.mark.parametrize("exact_up_to", [0, 4])
def test_the_values_of_a_row_add_up_to_its_score_less_the_average(exact_up_to):
    explained, background = mixed(6, 1), mixed(9, 2)
    found = attributed(tangled, explained, background, exact_up_to=exact_up_to)
    assert found.base == pytest.approx(tangled(background).mean(), abs=1e-12)
    assert found.values.sum(1) + found.base == pytest.approx(tangled(explained), abs=1e-12)


def test_one_pair_of_walks_is_exact_where_columns_interact_in_pairs():
    def in_pairs(frame):
        return np.asarray(np.tanh(frame["x"] * frame["y"]) + frame["letter"].map(LETTERS) * frame["flag"])

    explained, background = mixed(5, 1), mixed(7, 2)
    found = attributed(in_pairs, explained, background, walks=1)
    assert found.values == pytest.approx(by_definition(in_pairs, explained, background), abs=1e-12)


def test_columns_that_play_the_same_part_get_the_same_value():
    frame = mixed(6, 1).assign(y=lambda rows: rows["x"])
    base = mixed(8, 2).assign(y=lambda rows: rows["x"])
    values = attributed(lambda rows: np.asarray(rows["x"] * rows["y"]), frame, base, exact_up_to=4).values
    assert values[:, 0] == pytest.approx(values[:, 1], abs=1e-12)


def test_missing_values_are_values():
    explained, background = mixed(5, 1), mixed(7, 2)
    explained.loc[0, "x"] = background.loc[1:3, "x"] = np.nan
    explained["letter"] = explained["letter"].astype(object)
    explained.loc[1, "letter"] = np.nan

    def score(frame):
        return tangled(frame.assign(x=frame["x"].fillna(9), letter=frame["letter"].astype(object).fillna("c")))

    found = attributed(score, explained, background, exact_up_to=4)
    assert found.values == pytest.approx(by_definition(score, explained, background), abs=1e-12)


def test_the_model_is_not_asked_about_columns_that_are_equal_anyway():
    explained, background = mixed(6, 1), mixed(9, 2)
    for name in ("y", "letter", "flag"):
        explained[name] = background[name] = 1 if name != "letter" else "a"
    asked = []

    def score(frame):
        asked.append(len(frame))
        return np.asarray(frame["x"])

    attributed(score, explained, background)
    assert sum(asked) == len(explained) + len(background)


def test_a_row_that_equals_the_background_gets_nothing():
    same = mixed(1, 1)
    assert (attributed(tangled, same, pd.concat([same] * 3, ignore_index=True)).values == 0).all()


def test_the_same_seed_gives_the_same_values():
    first, again, other = (attributed(tangled, mixed(5, 1), mixed(7, 2), seed=seed).values for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
