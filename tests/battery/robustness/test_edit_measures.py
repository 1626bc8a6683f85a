"""Quantiles that may be infinite, and differences of medians with intervals that hold what they should."""

import numpy as np
import pytest

from assessments.battery.robustness._edit_measures import median_gap, quantile_with_interval


def test_a_quantile_is_that_of_the_sorted_costs():
    costs = np.random.default_rng(0).permutation(np.arange(1.0, 102.0))
    assert quantile_with_interval(costs)[0] == 51
    assert quantile_with_interval(costs, 0.1)[0] == 11


def test_its_interval_is_that_of_order_statistics():
    costs = np.arange(1.0, 101.0)
    value, (low, high) = quantile_with_interval(costs)
    assert (value, low, high) == (50.5, 40.0, 61.0)


def test_a_quantile_among_the_rows_that_never_flip_is_none():
    costs = np.r_[np.arange(40.0), np.full(60, np.inf)]
    assert quantile_with_interval(costs) == (None, None)
    assert quantile_with_interval(costs, 0.1)[0] == pytest.approx(9.5)
    assert quantile_with_interval(np.r_[np.arange(60.0), np.full(40, np.inf)])[1] is None  # open upwards
    assert quantile_with_interval(np.empty(0)) == (None, None)


@pytest.mark.parametrize("q", [0.1, 0.5])
def test_the_interval_of_a_quantile_holds_it_nineteen_times_in_twenty(q):
    rng, hits = np.random.default_rng(1), 0
    for _ in range(400):
        _, (low, high) = quantile_with_interval(rng.exponential(size=80), q)
        hits += low <= -np.log(1 - q) <= high
    assert 0.93 <= hits / 400 <= 1


def gap_of(rng, shift, rows=60):
    codes = np.repeat([0, 1], rows)
    return median_gap(5 + rng.normal(size=2 * rows) + shift * codes, codes, 2)


def test_the_gap_of_medians_is_what_lies_between_them():
    rng = np.random.default_rng(2)
    costs, codes = rng.exponential(size=300), rng.integers(0, 3, 300)
    medians = [np.median(costs[codes == code]) for code in range(3)]
    gap, (low, high) = median_gap(costs, codes, 3)
    assert gap == pytest.approx(max(medians) - min(medians))
    assert low <= gap <= high


def test_the_interval_of_a_gap_holds_the_truth():
    rng = np.random.default_rng(3)
    for shift in (0.0, 0.8):
        found = [gap_of(rng, shift)[1] for _ in range(300)]
        assert np.mean([low <= shift <= high for low, high in found]) >= 0.93


def test_equal_groups_are_seldom_called_different():
    rng = np.random.default_rng(4)
    assert np.mean([gap_of(rng, 0.0)[1][0] > 0 for _ in range(300)]) <= 0.05


def test_a_group_that_never_flips_leaves_no_gap_to_tell():
    costs = np.r_[np.ones(30), np.full(30, np.inf)]
    assert median_gap(costs, np.repeat([0, 1], 30), 2) == (None, None)
