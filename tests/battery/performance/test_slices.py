"""Weak spots: a planted one is found and named, none is found where there is none, p-values are Fisher's."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from assessments.battery import discovery_rate
from assessments.battery.performance import _slicing
from tests.battery.subjects import Rule, outcome_of, subject_of, value_of

TEST = "performance.slices"


def table(n=3000, seed=0, weak=0.0, depth=2):
    """The rule is right in 90 of 100; where region is north and size large (and, at depth 3, kind new) it lies."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "x": rng.choice([0.1, 0.9], n),
            "region": rng.choice(["north", "south", "east"], n),
            "size": rng.choice(["large", "small"], n),
            "kind": rng.choice(["new", "old"], n),
            "amount": rng.normal(size=n).round(3),
        }
    )
    hit = (frame["region"] == "north") & (frame["size"] == "large")
    if depth == 3:
        hit &= frame["kind"] == "new"
    wrong = rng.random(n) < np.where(hit, 0.1 + weak, 0.1)
    right = (frame["x"] > 0.5).astype(int)
    return frame.assign(y=np.where(wrong, 1 - right, right)), hit


def subject_with(**how):
    frame, _ = table(**how)
    features = ["x", "region", "size", "kind", "amount"]
    return subject_of(frame, Rule(lambda rows: rows["x"], features))


def test_a_planted_weak_spot_is_named_first():
    outcome = outcome_of(TEST, subject_with(weak=0.4))
    first = next(m for m in outcome.measures if m.metric == "slice_accuracy_drop")
    assert first.group == {"region": "north", "size": "large"}
    assert first.p_value < 1e-12
    assert first.ci[0] > 0.2
    announced = next(m for m in outcome.measures if m.metric == "slice_unexpected_error")
    assert announced.ci[0] > 0.1
    assert outcome.tables[0].rows[0][0].startswith("Where region is north and size is large (")
    assert outcome.comparisons > 50


def test_the_drop_is_that_of_the_rows_themselves():
    frame, hit = table(weak=0.4)
    outcome = outcome_of(TEST, subject_with(weak=0.4))
    right = (frame["x"] > 0.5).astype(int) == frame["y"]
    first = next(m for m in outcome.measures if m.metric == "slice_accuracy_drop")
    assert first.value == pytest.approx(1 - right[hit].mean() / right[~hit].mean(), abs=1e-12)
    announced = next(m for m in outcome.measures if m.metric == "slice_unexpected_error")
    assert announced.value == pytest.approx((~right[hit]).mean() - 0.1, abs=1e-9)


def test_a_spot_of_three_columns_is_found_by_the_tree():
    outcome = outcome_of(TEST, subject_with(n=6000, weak=0.6, depth=3))
    groups = [m.group for m in outcome.measures if m.metric == "slice_accuracy_drop"]
    assert {"region": "north", "size": "large", "kind": "new"} in groups


def test_where_there_is_none_none_is_found():
    found = [value_of(outcome_of(TEST, subject_with(n=1200, seed=seed)), "weak_slices") for seed in range(12)]
    assert sum(count > 0 for count in found) <= 2  # 5 % of runs are allowed one


def test_at_most_15_are_shown_and_they_do_not_repeat_each_other():
    outcome = outcome_of(TEST, subject_with(n=6000, weak=0.8))
    groups = [m.group for m in outcome.measures if m.metric == "slice_accuracy_drop"]
    assert value_of(outcome, "weak_slices") == len(groups) <= 15
    assert groups[0] == {"region": "north", "size": "large"}
    assert len(groups) <= 3  # what else is weak is so for these rows
    assert len({str(group) for group in groups}) == len(groups)


def test_the_p_value_is_fishers():
    loss = np.array([1.0] * 30 + [0.0] * 170)
    inside = np.zeros(200, dtype=bool)
    inside[np.r_[0:12, 30:60]] = True
    found = _slicing.more_than_chance(loss, np.array([42]), np.array([12.0]))[0]
    exact = fisher_exact([[12, 30], [18, 140]], alternative="greater").pvalue
    assert found == pytest.approx(exact, rel=1e-9)


def test_p_values_are_uniform_where_the_loss_is_chance():
    rng = np.random.default_rng(0)
    parts = {"g": [_slicing.Part("g", name, mask) for name, mask in _masks(rng, 600)]}
    found = [one.p_value for _ in range(40) for one in _slicing.simple_slices(parts, rng.normal(size=600) ** 2, 30)]
    assert 0.03 < np.mean(np.array(found) < 0.05) < 0.08
    assert min(discovery_rate.q_values(found)) > 0.01


def _masks(rng, n):
    codes = rng.integers(0, 8, n)
    return [(str(at), codes == at) for at in range(8)]


def test_numbers_are_told_in_times():
    rng = np.random.default_rng(0)
    n = 1500
    frame = pd.DataFrame({"x": rng.normal(size=n), "g": rng.choice(["a", "b", "c"], n)})
    frame["y"] = frame["x"] + rng.normal(size=n) * np.where(frame["g"] == "a", 3, 1)

    from tests.battery.performance.test_residuals import Says

    model = Says()
    model.feature_names_in_, model.n_features_in_ = np.array(["x", "g"], dtype=object), 2
    outcome = outcome_of(TEST, subject_of(frame, model, favourable=""))
    first = next(m for m in outcome.measures if m.metric == "slice_error_ratio")
    assert first.group == {"g": "a"}
    assert first.ci[0] < 3 < first.ci[1]
