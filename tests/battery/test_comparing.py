"""Intervals of differences: against definitions by hand, published examples and simulation."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from assessments.battery import comparing, discovery_rate


def test_the_influence_of_a_row_is_delongs_placement_value():
    rng = np.random.default_rng(1)
    truth = rng.random(60) < 0.4
    score = np.round(rng.normal(truth, 1), 1)  # with ties
    found = comparing.auc_influence(truth, score)
    auc, n, m = roc_auc_score(truth, score), 60, truth.sum()
    wins = (score[truth][:, None] > score[~truth][None, :]) + 0.5 * (score[truth][:, None] == score[~truth][None, :])
    assert found[truth] == pytest.approx((wins.mean(axis=1) - auc) * n / m, abs=1e-12)
    assert found[~truth] == pytest.approx((wins.mean(axis=0) - auc) * n / (n - m), abs=1e-12)
    variance = wins.mean(axis=1).var() / m + wins.mean(axis=0).var() / (n - m)
    assert comparing.standard_error(found) == pytest.approx(np.sqrt(variance * n / (n - 1)), rel=1e-9)


def test_newcombes_published_example():
    # 56/70 against 48/80: 0.2000 (0.0524 to 0.3339), Newcombe 1998, table II, method 10.
    assert comparing.rate_difference(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_tangos_published_example():
    # 43 and 12 of 98? Tango 1998, example: n = 44, b = 0, c = 1: -1/44, from -0.1184 to 0.0571 (score).
    a, b = np.zeros(44), np.zeros(44)
    b[0] = 1
    low, high = comparing.paired_rate_difference(a, b)
    assert low < -1 / 44 < high
    # The ends are where the score statistic is 1.96: found again from its definition.
    for end, wanted in ((low, 1.959964), (high, -1.959964)):
        assert score_statistic(0, 1, 44, end) == pytest.approx(wanted, abs=1e-5)


def score_statistic(b, c, n, delta):
    """Tango's statistic, its nuisance parameter by maximising the likelihood over a fine grid."""
    q = np.linspace(max(0, -delta) + 1e-12, 1 - 1e-9, 2_000_001)
    p_b, p_c = q + delta, q
    inside = (p_b > 0) & (p_b + p_c < 1)
    likelihood = np.where(inside, 0.0, -np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        likelihood += (
            (b * np.log(p_b) if b else 0) + (c * np.log(p_c) if c else 0) + (n - b - c) * np.log(1 - p_b - p_c)
        )
    best = q[int(np.nanargmax(likelihood))]
    return (b - c - n * delta) / np.sqrt(n * (2 * best + delta - delta**2))


def test_two_that_never_differ_differ_by_nothing():
    same = np.array([1, 0, 1, 1] * 10)
    low, high = comparing.paired_rate_difference(same, same)
    assert low < 0 < high
    assert low == pytest.approx(-high, abs=1e-9)
    assert comparing.rate_difference(0, 0, 1, 2) is None


def coverage(interval, true, times):
    held = sum(low <= true <= high for low, high in (interval(np.random.default_rng(s)) for s in range(times)))
    return held / times


def paired(rng, n=60):
    a = rng.random(n) < 0.8
    b = np.where(rng.random(n) < 0.7, a, rng.random(n) < 0.5)
    return comparing.paired_rate_difference(a, b)


def independent(rng, n=40):
    return comparing.rate_difference((rng.random(n) < 0.8).sum(), n, (rng.random(2 * n) < 0.6).sum(), 2 * n)


def areas(rng, n=150):
    truth = rng.random(n) < 0.4
    first, second = rng.normal(truth * 1.0, 1), rng.normal(truth * 0.5, 1)
    value = roc_auc_score(truth, first) - roc_auc_score(truth, second)
    moved = comparing.auc_influence(truth, first) - comparing.auc_influence(truth, second)
    return comparing.around(value, comparing.standard_error(moved))


# The true AUC of two unit normals d apart is the normal distribution at d / root 2.
CASES = [(paired, 0.3 * (0.8 - 0.5)), (independent, 0.2), (areas, 0.7602499389 - 0.6381631951)]


@pytest.mark.parametrize(("interval", "true"), CASES, ids=["paired", "independent", "areas"])
def test_the_interval_holds_the_true_difference(interval, true):
    assert coverage(interval, true, 150) > 0.89


@pytest.mark.long
@pytest.mark.parametrize(("interval", "true"), CASES, ids=["paired", "independent", "areas"])
def test_the_interval_holds_in_93_to_97_of_100(interval, true):
    assert 0.93 <= coverage(interval, true, 3000) <= 0.97


def test_q_values_are_those_of_scipy():
    from scipy.stats import false_discovery_control

    p = np.random.default_rng(2).random(50) ** 3
    assert discovery_rate.q_values(p.tolist()) == pytest.approx(false_discovery_control(p).tolist(), abs=1e-12)
    assert discovery_rate.q_values([]) == []


def test_comparisons_that_are_not_given_make_the_rest_less_sure():
    p = [0.001, 0.2]
    assert discovery_rate.q_values(p, 100) == pytest.approx([0.1, 1.0])
    assert discovery_rate.q_values(p) == pytest.approx([0.002, 0.2])
