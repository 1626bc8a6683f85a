"""Interactions of pairs: against the definition over all sets of columns, and H against functions with a known one."""

from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from assessments.battery.explainability._interactions import asked, friedman
from tests.battery.explainability.test_structure import COLUMNS, read_of
from tests.battery.predictors.fitted import CLASSIFIERS, bound, fit, outcome, table, transformers
from tests.battery.subjects import Rule, measure_of, outcome_of, subject_of


def definition(raw, explained, background):
    """Grabisch and Roubens' index of each pair, over all sets of the other columns, of the coded rows."""
    n, d = explained.shape
    worth = {}
    for size in range(d + 1):
        for chosen in combinations(range(d), size):
            rows = np.repeat(background[None], n, axis=0)
            for column in chosen:
                rows[:, :, column] = explained[:, None, column]
            worth[frozenset(chosen)] = np.asarray(raw(rows.reshape(-1, d)), dtype=float).reshape(n, -1).mean(1)
    values = np.zeros((n, d, d))
    for i, j in combinations(range(d), 2):
        for chosen in (s for s in worth if i not in s and j not in s):
            weight = factorial(len(chosen)) * factorial(d - len(chosen) - 2) / factorial(d - 1)
            change = worth[chosen | {i, j}] - worth[chosen | {i}] - worth[chosen | {j}] + worth[chosen]
            values[:, i, j] += weight * change
            values[:, j, i] = values[:, i, j]
    return values


SHORT = [("forest", "dense"), ("xgboost", "dense"), ("gradient boosting", "sparse")]
LONG = [("gradient boosting", "dense"), ("histogram boosting", "dense"), ("lightgbm", "dense"), ("forest", "ordinal")]


@pytest.mark.parametrize(("name", "before"), [*SHORT, *(pytest.param(*pair, marks=pytest.mark.long) for pair in LONG)])
def test_trees_behind_transformers_have_the_interactions_of_the_definition(adult_csv, name, before):
    frame, target = table(adult_csv)
    given, y = frame[COLUMNS], outcome(frame, target, 2, name == "xgboost")
    model = bound(fit(make_pipeline(transformers()[before], CLASSIFIERS[name]), given[:2000], y[:2000]), given)
    codes, inside = model.coder.encode(given[2000:2075]), read_of(model)
    expected = definition(inside.raw, codes[:3], codes[3:])
    found = inside.interactions(codes[:3], codes[3:], list(range(len(COLUMNS))))
    assert np.abs(expected).max() > 1e-3
    assert np.abs(found - expected).max() < (1e-5 if name == "xgboost" else 1e-12)


def test_pairs_of_some_columns_are_the_same_as_among_all(adult_csv):
    frame, target = table(adult_csv)
    model = bound(
        fit(make_pipeline(transformers()["dense"], CLASSIFIERS["forest"]), frame[COLUMNS][:500], frame[target][:500]),
        frame[COLUMNS],
    )
    codes, inside = model.coder.encode(frame[COLUMNS][:60]), read_of(model)
    whole, some = (inside.interactions(codes[:5], codes[5:], among) for among in ([0, 1, 2, 3, 4], [3, 0]))
    assert some[:, 0, 1] == pytest.approx(whole[:, 3, 0], abs=1e-14)
    assert (some == some.transpose(0, 2, 1)).all()


def test_where_columns_go_together_in_pairs_only_their_halves_and_what_is_alone_add_up():
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(400, 4)), columns=list("abcd"))
    stumps = GradientBoostingClassifier(n_estimators=20, max_depth=1, random_state=0)
    pairs = GradientBoostingClassifier(n_estimators=20, max_depth=2, random_state=0)
    y = ((X["a"] > 0) ^ (X["b"] > 0)).astype(int)
    for model, together in ((stumps, False), (pairs, True)):
        model = bound(fit(model, X, y), X)
        codes, inside = model.coder.encode(X), read_of(model)
        found = inside.interactions(codes[:20], codes[20:80], [0, 1, 2, 3])
        assert (np.abs(found).max() > 0.01) == together
        alone = inside.values(codes[:20], codes[20:80]) - found.sum(axis=2) / 2
        total = alone.sum(axis=1) + found.sum(axis=(1, 2)) / 2
        expected = inside.raw(codes[:20]) - inside.raw(codes[20:80]).mean()
        assert total == pytest.approx(expected, abs=1e-12)


def by_loops(raw, rows, one, other):
    """H², straight from the definition."""
    n = len(rows)

    def dependence(columns):
        values = []
        for a in range(n):
            given = rows.copy()
            given[:, columns] = rows[a, columns]
            values.append(raw(given).mean())
        return np.array(values) - np.mean(values)

    joint = dependence([one, other])
    return ((joint - dependence([one]) - dependence([other])) ** 2).sum() / (joint**2).sum()


def test_h_is_that_of_the_definition_less_the_jackknife_s_bias():
    rows = np.random.default_rng(0).normal(size=(14, 3))
    raw = lambda x: x[:, 0] * np.tanh(x[:, 1]) + x[:, 2] * x[:, 1] + x[:, 0]  # noqa: E731
    found = friedman(*(asked(raw, rows, columns) for columns in ([0, 1], [0], [1])))
    without = np.mean([np.log(by_loops(raw, np.delete(rows, at, axis=0), 0, 1)) for at in range(14)])
    expected = 14 * np.log(by_loops(raw, rows, 0, 1)) - 13 * without
    assert 2 * np.log(found.h) == pytest.approx(expected, rel=1e-9)
    assert found.ci[0] <= found.h <= found.ci[1]


def test_columns_that_add_up_have_no_h_and_a_mere_product_has_nothing_else():
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(200, 2))
    added = friedman(*(asked(lambda x: x[:, 0] + x[:, 1] ** 2, rows, c) for c in ([0, 1], [0], [1])))
    assert added.h == pytest.approx(0, abs=1e-6)
    product = friedman(*(asked(lambda x: x[:, 0] * x[:, 1], rows, c) for c in ([0, 1], [0], [1])))
    assert product.h == pytest.approx(1, abs=0.02)
    nothing = friedman(*(asked(lambda x: np.ones(len(x)), rows, c) for c in ([0, 1], [0], [1])))
    assert nothing.h is None


@pytest.mark.long
@pytest.mark.parametrize("strength", [0.2, 0.8, 3.0])
def test_the_interval_of_h_holds_it_95_times_of_100(strength):
    truth, held, of = np.sqrt(strength**2 / (2 + strength**2)), 0, 600
    for seed in range(of):
        rows = np.random.default_rng(seed).normal(size=(60, 3))
        raw = lambda x: x[:, 0] + x[:, 1] + strength * x[:, 0] * x[:, 1] + 0.5 * x[:, 2]  # noqa: E731
        low, high = friedman(*(asked(raw, rows, columns) for columns in ([0, 1], [0], [1]))).ci
        held += low <= truth <= high
    assert 0.93 <= held / of <= 0.97


def people(n=400, seed=3):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "pay": rng.normal(size=n),
            "years": rng.normal(size=n),
            "noise": rng.normal(size=n),
            "town": rng.choice(["east", "west"], n),
        }
    )
    return frame.assign(y=((frame["pay"] > 0) ^ (frame["town"] == "east")).astype(int).astype(str))


def fitted(model, frame):
    features = [name for name in frame if name != "y"]
    return fit(make_pipeline(transformers()["dense"], model), frame[features], frame["y"])


def test_a_forest_names_the_pair_that_was_planted():
    frame = people()
    found = outcome_of(
        "explainability.interactions", subject_of(frame, fitted(RandomForestClassifier(20, random_state=0), frame))
    )
    first = next(m for m in found.measures if m.metric == "interaction")
    assert set(first.group.values()) == {"pay", "town"}
    assert first.ci[0] <= first.value <= first.ci[1]
    assert measure_of(found, "interaction_share").value > 0.3
    assert [chart.data["kind"] for chart in found.charts] == ["shap_importance", "effect"]


def test_a_model_that_is_asked_names_it_too_and_has_no_share():
    frame = people()

    def score(rows):
        sign = np.where(rows["town"] == "east", -1, 1)
        return 0.5 + 0.3 * np.tanh(rows["pay"]) * sign + 0.1 * np.tanh(rows["years"])

    rule = Rule(score, ["pay", "years", "noise", "town"])
    found = outcome_of("explainability.interactions", subject_of(frame, rule))
    assert set(found.measures[0].group.values()) == {"pay", "town"}
    assert found.measures[0].value > 0.8
    assert found.measures[1].value == pytest.approx(0, abs=1e-6) or found.measures[1].value is None
    assert not [m for m in found.measures if m.metric == "interaction_share"]


def test_a_linear_model_has_none_in_its_log_odds():
    frame = people()
    found = outcome_of("explainability.interactions", subject_of(frame, fitted(LogisticRegression(), frame)))
    assert [(m.metric, m.value) for m in found.measures] == [("interaction_share", 0.0)]
    assert "linear sum in its log odds" in found.notes[0]
