"""The intervals hold the truth as often as they say, also between several small groups."""

import numpy as np
import pytest

from assessments.battery.fairness import _counts
from assessments.battery.fairness._counts import Cells
from assessments.battery.fairness._intervals import difference_interval, ratio_interval, simultaneous_z
from assessments.battery.stats import percentile_interval

UNEQUAL = ([2000, 300, 100, 100, 60], [0.30, 0.24, 0.27, 0.30, 0.26])
EQUAL = ([400] * 4, [0.3] * 4)
APART = ([3000, 7000], [0.10, 0.28])


def interval_of(metric, cells, draws):
    value = float(getattr(_counts, metric)(cells))
    drawn = percentile_interval(getattr(_counts, metric)(draws))
    if metric == "demographic_parity_ratio":
        return ratio_interval(cells, value, drawn)
    rates = ("tpr", "fpr") if metric == "equalized_odds_difference" else ("selection_rate",)
    return difference_interval(cells, rates, value, drawn)


def population(sizes, rates):
    """The share of each cell where three in ten are truly favourable and they are selected 1.6 times as often."""
    tpr, fpr = 1.6 * np.array(rates), 0.52 / 0.7 * np.array(rates)
    cells = np.stack([np.stack([0.7 * (1 - fpr), 0.7 * fpr], -1), np.stack([0.3 * (1 - tpr), 0.3 * tpr], -1)], 1)
    return cells * np.array(sizes)[:, None, None]


@pytest.mark.parametrize("metric", ["demographic_parity_difference", "demographic_parity_ratio"])
@pytest.mark.parametrize("case", [UNEQUAL, EQUAL, APART], ids=["unequal", "equal", "apart"])
def test_the_interval_holds_the_truth(metric, case):
    shares = population(*case)
    truth = float(getattr(_counts, metric)(Cells(np.rint(shares * 1e9).astype(np.int64))))
    rng, held = np.random.default_rng(0), 0
    for _ in range(150):
        cells = Cells(rng.multinomial(sum(case[0]), shares.ravel() / shares.sum()).reshape(shares.shape))
        low, high = interval_of(metric, cells, cells.resampled(200, rng))
        held += low - 1e-9 <= truth <= high + 1e-9
    assert held >= 0.91 * 150


def test_a_plain_bootstrap_would_not_hold_it():
    """Why the end towards parity is another one."""
    shares = population(*UNEQUAL)
    rng, held = np.random.default_rng(0), 0
    for _ in range(100):
        cells = Cells(rng.multinomial(2560, shares.ravel() / shares.sum()).reshape(shares.shape))
        low, high = np.percentile(_counts.demographic_parity_difference(cells.resampled(200, rng)), [2.5, 97.5])
        held += low <= 0.06 <= high
    assert held < 70


def test_two_groups_are_compared_at_the_usual_level():
    assert simultaneous_z(2) == pytest.approx(1.959964, abs=1e-5)
    assert simultaneous_z(5) > simultaneous_z(3) > simultaneous_z(2)


def test_the_least_difference_is_newcombes_interval():
    """56/70 against 48/80: 0.0524 to 0.3339 (Newcombe 1998, table II, method 10)."""
    cells = Cells(np.array([[[14, 56], [0, 0]], [[32, 48], [0, 0]]]))
    low, _ = difference_interval(cells, ("selection_rate",), 0.2, (0.2, 0.2))
    assert low == pytest.approx(0.0524, abs=5e-5)


def test_nobody_of_a_group_selected_is_no_proof_of_a_ratio_of_zero():
    cells = Cells(np.array([[[30, 0], [0, 0]], [[500, 500], [0, 0]]]))
    low, high = interval_of("demographic_parity_ratio", cells, cells.resampled(200, np.random.default_rng(0)))
    assert low == 0
    assert 0.15 < high < 0.3


def test_rates_that_no_resampling_can_move_are_no_proof_of_equality():
    """All three favourable of one group and all forty of the other are found, and nobody else is selected."""
    cells = Cells(np.array([[[40, 0], [0, 3]], [[40, 0], [0, 40]]]))
    draws = cells.resampled(200, np.random.default_rng(0))
    low, high = interval_of("equalized_odds_difference", cells, draws)
    assert low == 0
    assert high >= 0.56  # 1 less Wilson's lower limit of 3/3; the resamples without those three say more


def test_everybody_selected_is_no_proof_of_a_ratio_of_one():
    cells = Cells(np.array([[[0, 30], [0, 0]], [[0, 500], [0, 0]]]))
    draws = cells.resampled(200, np.random.default_rng(0))
    low, high = interval_of("demographic_parity_ratio", cells, draws)
    assert low == pytest.approx(0.886, abs=0.002)  # Wilson's lower limit of 30/30
    assert high == 1
    assert interval_of("demographic_parity_difference", cells, draws) == pytest.approx((0, 0.114), abs=0.002)


def test_the_upper_end_is_newcombes_where_the_bootstrap_falls_short():
    """56/70 against 48/80, as above: 0.3339."""
    cells = Cells(np.array([[[14, 56], [0, 0]], [[32, 48], [0, 0]]]))
    _, high = difference_interval(cells, ("selection_rate",), 0.2, (0.2, 0.2))
    assert high == pytest.approx(0.3339, abs=5e-5)
