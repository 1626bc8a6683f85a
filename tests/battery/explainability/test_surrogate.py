"""Rules that tell a model: all of one that is rules, and as much as scikit-learn finds of others."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

from assessments.battery.explainability.surrogate import agreement, listed, ordered
from assessments.battery.spec import NotApplicable
from assessments.battery.stats import wilson
from tests.battery.subjects import Rule, measure_of, outcome_of, subject_of, value_of

TEST = "explainability.surrogate"
NAMES = ["a", "letter", "unused"]


def people(n=400, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.uniform(size=n), "letter": rng.choice(list("wxyz"), n)})
    return frame.assign(unused=rng.uniform(size=n), y=rng.integers(0, 2, n))


def rules(frame):
    """Categories out of alphabetical order on each side: a tree must be given them in the order of the answer."""
    good = frame["letter"].isin(["w", "z"])
    return np.where(good, np.where(frame["a"] > 0.4, 0.9, 0.6), 0.2)


def found(decide=rules, **params):
    return outcome_of(TEST, subject_of(people(), Rule(decide, NAMES)), **params)


def test_a_model_of_rules_is_told_by_them():
    outcome = found()
    assert value_of(outcome, "surrogate_fidelity") == pytest.approx(1, abs=0.02)
    assert value_of(outcome, "surrogate_agreement") == 1
    told = outcome.tables[0].rows
    assert [round(rule[1], 2) for rule in told] == [0.2, 0.6, 0.9]
    assert told[0][0] in ("letter is “x” or “y”", "letter is “y” or “x”")
    assert "letter is “" in told[2][0]
    assert "a > 0.4" in told[2][0] or "a > 0.39" in told[2][0]


def test_fidelity_is_r2_on_cases_that_the_tree_did_not_see():
    def wavy(frame):
        return 0.5 + 0.4 * np.sin(9 * frame["a"])

    from sklearn.tree import DecisionTreeRegressor

    frame = people()
    outcome = outcome_of(TEST, subject_of(frame, Rule(wavy, NAMES)), rows=400, depth=2, seed=3)
    rng = np.random.default_rng(3)
    mixed = frame.take(rng.permutation(400))
    answers = wavy(mixed).to_numpy()
    tree = DecisionTreeRegressor(max_depth=2, min_samples_leaf=5, random_state=0)
    tree.fit(mixed[["a"]][:200], answers[:200])
    expected = r2_score(answers[200:], tree.predict(mixed[["a"]][200:]))
    measure = measure_of(outcome, "surrogate_fidelity")
    assert measure.value == pytest.approx(expected, abs=1e-9)
    assert measure.ci[0] < measure.value < measure.ci[1]
    assert 0 < measure.value < 1


def test_agreement_counts_the_second_half_with_wilson_s_interval():
    told = np.array([0.1, 0.2, 0.8, 0.9, 0.1, 0.7, 0.85, 0.2])
    favourable = np.array([False, False, True, True, False, True, False, False])
    measure = agreement(favourable, told, 4)
    assert (measure.value, measure.n, measure.ci) == (0.75, 4, wilson(3, 4))


def test_categories_take_the_place_of_their_answer():
    codes = np.array([[0.0, 5], [1, 6], [2, 7], [np.nan, 8], [9, 9]])
    assert ordered(codes, {0: np.array([2.0, 0, 1])})[:, 0] == pytest.approx([1, 2, 0, np.nan, np.nan], nan_ok=True)
    assert listed(list("abcdef")) == "“a”, “b”, “c”, “d” or 2 more"


def test_a_constant_answer_has_no_rules():
    with pytest.raises(NotApplicable, match="does not vary"):
        found(lambda frame: 0.4 + 0 * frame["a"])


def test_the_same_seed_gives_the_same_rules():
    assert found() == found()
