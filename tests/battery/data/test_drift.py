"""Drift: every number equals another computation, the index's interval holds, and chance alone drifts nothing."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats
from scipy.spatial.distance import jensenshannon

from assessments.battery.data._bins import Bins
from assessments.battery.data._divergence import stability
from assessments.battery.spec import NotApplicable
from tests.battery.data.tables import drawn, subject
from tests.battery.subjects import Rule, measure_of, outcome_of, subject_of, value_of

TEST = "data.drift"


@pytest.fixture(scope="module")
def moved():
    """Incomes a fifth higher than in training, and boats twice as frequent."""
    before, now = drawn(3000, 1), drawn(2000, 2)
    now["income"] *= 1.2
    now.loc[now.index % 10 == 0, "kind"] = "boat"
    return before, now, outcome_of(TEST, subject(now, before))


def by_hand(before, now):
    """PSI over the deciles of `before`, counted in its sorted values."""
    edges = np.sort(before)[[-(-len(before) * k // 10) - 1 for k in range(1, 10)]]
    p, q = (np.bincount(np.searchsorted(edges, x, side="left"), minlength=10) / len(x) for x in (before, now))
    return ((q - p) * np.log(q / p)).sum()


def test_the_index_of_numbers_is_what_anybody_would_compute(moved):
    before, now, outcome = moved
    assert value_of(outcome, "psi", column="income") == pytest.approx(
        by_hand(before["income"], now["income"]), abs=1e-12
    )


def test_a_table_worked_by_hand():
    """Shares 0.5, 0.3, 0.2 then; 0.4, 0.3, 0.3 now: 0.1 ln 1.25 + 0 + 0.1 ln 1.5."""
    found = stability(np.array([50, 30, 20]), np.array([40, 30, 30]))
    assert found.value == pytest.approx(0.1 * np.log(1.25) + 0.1 * np.log(1.5), abs=1e-12)
    assert found.noise == pytest.approx(5.991464547107979 * (1 / 100 + 1 / 100), abs=1e-9)


def test_an_empty_bin_counts_as_half_a_row():
    found = stability(np.array([99, 1]), np.array([100, 0]))
    p, q = np.array([0.99, 0.01]), np.array([100, 0.5]) / 100.5
    assert found.value == pytest.approx(((q - p) * np.log(q / p)).sum(), abs=1e-12)


def test_distances_equal_scipys(moved):
    before, now, outcome = moved
    ks = scipy_stats.ks_2samp(before["income"], now["income"], method="asymp")
    assert value_of(outcome, "ks", column="income") == pytest.approx(ks.statistic, abs=1e-12)
    counts = np.array([[sum(t["kind"] == kind) for kind in ("boat", "car", "house")] for t in (before, now)])
    p, q = counts / counts.sum(axis=1, keepdims=True)
    assert value_of(outcome, "jensen_shannon", column="kind") == pytest.approx(jensenshannon(p, q, base=2), abs=1e-9)
    cramer = scipy_stats.contingency.association(counts, method="cramer", correction=False)
    assert value_of(outcome, "cramers_v", column="kind") == pytest.approx(cramer, abs=1e-9)


def test_rates_of_false_discovery_are_benjamini_and_hochbergs(moved):
    before, now, outcome = moved
    (table,) = outcome.tables
    p, q = ([row[table.columns.index(name)] for row in table.rows] for name in ("p", "q"))
    order = np.argsort(p)
    byhand = np.minimum.accumulate((np.array(p)[order] * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1]
    assert np.array(q)[order] == pytest.approx(np.minimum(byhand, 1), abs=1e-12)
    chi = scipy_stats.chi2_contingency(pd.crosstab(*_stacked(before, now, "sex")), correction=False).pvalue
    assert dict(zip((row[0] for row in table.rows), p, strict=True))["sex"] == pytest.approx(chi, abs=1e-12)


def _stacked(before, now, name):
    return np.repeat(["then", "now"], [len(before), len(now)]), np.concatenate([before[name], now[name]])


def test_what_moved_is_found_and_the_rest_is_not(moved):
    _, _, outcome = moved
    assert measure_of(outcome, "psi", column="income").p_value < 1e-6  # counts in the run's budget
    assert outcome.notes == ["Drifted: 'income'."]  # boats: 0.10 to 0.19, a PSI below 0.10
    assert value_of(outcome, "drifted_columns") == 1
    assert value_of(outcome, "q_value", column="kind") < 1e-6 < value_of(outcome, "q_value", column="age")
    assert outcome.charts[1].id == "drift_income"


def test_tables_drawn_alike_have_not_drifted():
    """The index is that of noise, of which there is more in a small table."""
    for rows in (200, 3000):
        outcome = outcome_of(TEST, subject(drawn(rows, 3), drawn(3000, 4)))
        assert value_of(outcome, "drifted_columns") == 0
        psi = {m.group["column"]: m for m in outcome.measures if m.metric == "psi"}
        assert all(measure.ci[0] == 0 for measure in psi.values())
        noise = value_of(outcome, "psi_noise", column="income")
        assert noise == pytest.approx(scipy_stats.chi2.ppf(0.95, 9) * (1 / rows + 1 / 3000), rel=1e-9)


def test_new_values_and_missing_ones_are_counted():
    before, now = drawn(500, 5), drawn(400, 6)
    now.loc[:39, "kind"] = "plane"
    now.loc[:19, "age"] = 200
    now.loc[:99, "income"] = np.nan
    outcome = outcome_of(TEST, _of(now, before))
    assert value_of(outcome, "new_value_share", column="kind") == pytest.approx(0.1)
    assert value_of(outcome, "new_value_share", column="age") == pytest.approx(0.05)
    assert value_of(outcome, "psi", column="income") > 1  # a bin of missing values that was empty


def _of(now, before):
    return subject_of(now, Rule(lambda f: f["income"].fillna(0) > 20_000, ["age", "income", "kind"]), reference=before)


def test_the_models_own_answers_are_compared(moved):
    before, now, outcome = moved
    score = [t["income"] / (t["income"] + 22_000.0) for t in (before, now)]
    assert value_of(outcome, "score_psi") == pytest.approx(by_hand(*score), abs=1e-12)
    share = [np.mean(s > 0.5) for s in score]
    p, q = (np.array([1 - s, s]) for s in share)
    assert value_of(outcome, "decision_psi") == pytest.approx(((q - p) * np.log(q / p)).sum(), abs=1e-12)


def test_a_value_that_fills_bins_leaves_the_others_theirs():
    column = pd.Series(np.concatenate([np.zeros(900), np.arange(1, 101)]))
    bins = Bins.of(column, 10, numbers=True)
    assert len(bins.names) == 11  # and missing
    assert bins.count(column)[:10].tolist() == [900, 12, 11, 11, 11, 11, 11, 11, 11, 11]
    assert bins.names[:3] == ("up to 0", "1 to 12", "13 to 23")


def test_bins_hold_what_their_names_say():
    column = pd.Series([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    bins = Bins.of(column, 4, numbers=True)
    assert bins.names == ("up to 3", "4 to 6", "7 to 9", "10 and more", "missing")
    assert bins.count(pd.Series([0, 3, 4, 9, 10, 99, np.nan, np.inf])).tolist() == [2, 1, 1, 2, 2]
    few = Bins.of(pd.Series(["a", "b", "a", None]), 10, numbers=False)
    assert few.count(pd.Series(["a", "z", None])).tolist() == [1, 0, 1, 1]


def test_without_training_data_it_says_how_to_give_it():
    with pytest.raises(NotApplicable, match="--reference FILE"):
        outcome_of(TEST, subject(drawn(100, 1)))


@pytest.mark.parametrize(
    ("tilt", "sizes"), [pytest.param(0.5, (300, 300)), *(pytest.param(tilt, sizes, marks=pytest.mark.long)
        for tilt in (0.0, 0.2, 1.0) for sizes in ((300, 300), (100, 2000), (16_000, 4000)))]
)  # fmt: skip
def test_the_interval_holds_the_true_index(tilt, sizes):
    rng = np.random.default_rng(8)
    p = np.full(10, 0.1)
    q = p * np.exp(tilt * np.linspace(-1, 1, 10))
    q /= q.sum()
    truth, held, times = ((q - p) * np.log(q / p)).sum(), 0, 500 if tilt != 0.5 else 150
    for _ in range(times):
        first, second = rng.multinomial(sizes[0], p), rng.multinomial(sizes[1], q)
        used = first + second > 0
        low, high = stability(first[used], second[used]).ci
        held += low - 1e-12 <= truth <= high + 1e-12
    assert 0.925 * times <= held <= 0.99 * times + 1  # where nothing changed one end is 0, and 97.5 % hold
