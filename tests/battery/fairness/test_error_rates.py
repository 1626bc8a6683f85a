"""Every rate and difference is Fairlearn's or worked by hand; the intervals hold the truth."""

import fairlearn.metrics as oracle
import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from scipy.stats import fisher_exact

from assessments.battery.fairness._counts import RATES, Cells, generalized_entropy
from assessments.battery.fairness._disparities import Disparity
from assessments.battery.fairness._groups import mean_of_two
from assessments.battery.fairness.error_rates import inequality
from assessments.battery.plan import Column
from assessments.battery.stats import percentile_interval
from tests.battery.subjects import Rule, adult_subject, measure_of, outcome_of, subject_of, value_of

TEST = "fairness.error_rates"


def negatives(metric):
    return lambda y, d: metric(1 - np.asarray(y), 1 - np.asarray(d), zero_division=0)


ORACLES = {
    "prevalence": lambda y, d: np.mean(y),
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": lambda y, d: (oracle.true_positive_rate(y, d) + oracle.true_negative_rate(y, d)) / 2,
    "tnr": oracle.true_negative_rate,
    "fnr": oracle.false_negative_rate,
    "npv": negatives(sk.precision_score),
    "fdr": lambda y, d: 1 - sk.precision_score(y, d, zero_division=1),
    "for": lambda y, d: 1 - negatives(sk.precision_score)(y, d),
}
BETWEEN = {
    "equal_opportunity_difference": lambda y, d, g: oracle.equal_opportunity_difference(y, d, sensitive_features=g),
    "predictive_equality_difference": lambda y, d, g: oracle.false_positive_rate_difference(y, d, sensitive_features=g),
    "average_odds_difference": lambda y, d, g: oracle.equalized_odds_difference(y, d, sensitive_features=g, agg="mean"),
    "equalized_odds_ratio": lambda y, d, g: oracle.equalized_odds_ratio(y, d, sensitive_features=g),
    "accuracy_difference": lambda y, d, g: oracle.accuracy_score_difference(y, d, sensitive_features=g),
    "predictive_parity_difference": lambda y, d, g: oracle.MetricFrame(
        metrics=lambda t, p: sk.precision_score(t, p, zero_division=0), y_true=y, y_pred=d, sensitive_features=g
    ).difference(),
}


@pytest.fixture(scope="module")
def adult(adult_csv):
    """The subject, its true and decided labels as 1 for favourable, and what the test found."""
    subject = adult_subject(adult_csv)
    truth, decision = ((np.asarray(a) == subject.favourable_index).astype(int) for a in (subject.y, subject.predicted))
    return subject, truth, decision, outcome_of(TEST, subject)


@pytest.mark.parametrize("column", ["sex", "race", "age"])
def test_every_rate_of_every_group_is_fairlearns(adult, column):
    subject, truth, decision, outcome = adult
    names, codes = subject.groups(column)
    expected = oracle.MetricFrame(
        metrics=ORACLES, y_true=truth, y_pred=decision, sensitive_features=np.array(names)[codes]
    ).by_group
    for metric in ORACLES:
        for name in names:
            found = value_of(outcome, metric, **{column: name})
            if found is not None:
                assert found == pytest.approx(expected.loc[name, metric], abs=1e-9), (metric, name)
    assert value_of(outcome, "balanced_accuracy", sex="Female") is not None


@pytest.mark.parametrize("column", ["sex", "race", "age"])
@pytest.mark.parametrize("metric", BETWEEN)
def test_every_difference_is_fairlearns(adult, column, metric):
    subject, truth, decision, outcome = adult
    found = value_of(outcome, metric, **{column: "*"})
    expected = BETWEEN[metric](truth, decision, subject.groups(column)[1])
    assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_theil_is_the_entropy_of_each_persons_benefit(adult):
    _, truth, decision, outcome = adult
    benefit = decision - truth + 1
    relative = benefit / benefit.mean()
    logs = np.log(np.where(relative > 0, relative, 1))
    assert value_of(outcome, "theil_index") == pytest.approx((relative * logs).mean(), abs=1e-12)
    assert value_of(outcome, "generalized_entropy") == pytest.approx(((relative**2 - 1) / 2).mean(), abs=1e-12)


def decided(truth, decision, group):
    frame = pd.DataFrame({"g": group, "d": decision, "y": truth})
    return outcome_of(
        TEST, subject_of(frame, Rule(lambda rows: rows["d"] * 0.8 + 0.1, ["d"]), Column("g", "sensitive"))
    )


def test_false_negatives_are_told_for_each_false_positive():
    """Group a: six missed, three wrongly selected. Group b: none wrongly selected, so there is no such number."""
    truth = [1] * 6 + [0] * 3 + [1] * 41 + [1] * 5 + [0] * 45
    decision = [0] * 6 + [1] * 3 + [1] * 41 + [0] * 50
    outcome = decided(truth, decision, ["a"] * 50 + ["b"] * 50)
    found = measure_of(outcome, "missed_per_false_selection", g="a")
    assert (found.value, found.n) == (2.0, 9)
    assert found.ci[0] < 1 < 2 < found.ci[1]
    assert value_of(outcome, "missed_per_false_selection", g="b") is None


def test_a_model_that_is_never_wrong_has_no_inequality():
    outcome = decided([0, 1] * 50, [0, 1] * 50, ["a", "b"] * 50)
    assert value_of(outcome, "theil_index") == 0
    assert value_of(outcome, "accuracy_difference", g="*") == 0


def test_where_all_who_merit_it_are_missed_there_is_no_benefit_to_share():
    assert inequality(Cells(np.array([[[0, 0], [9, 0]]])), 100, np.random.default_rng(0))[0].value is None


def test_the_rates_of_opposite_outcomes_add_up_to_one():
    cells = Cells(np.random.default_rng(0).integers(1, 50, size=(5, 2, 2)))
    opposites = {"tpr": "fnr", "fpr": "tnr", "ppv": "fdr", "npv": "for", "selection_rate": "rejection_rate"}
    for one, other in opposites.items():
        assert cells.rate(one) + cells.rate(other) == pytest.approx(1)
    assert all(cells.fraction(rate)[0].shape == (5,) for rate in RATES)


def test_the_difference_between_prevalences_is_nobodys_merit():
    outcome = decided([1, 0] * 60, [1, 1, 0, 0] * 30, ["a", "b"] * 60)
    assert measure_of(outcome, "prevalence_difference", g="*").better == "none"


SHARES = np.array([[[0.30, 0.10], [0.05, 0.15]], [[0.12, 0.06], [0.08, 0.14]]])
MEAN = Disparity("average_odds_difference", ("tpr", "fpr"), "mean")
LEAST = Disparity("equalized_odds_ratio", ("tpr", "fpr"), "ratio")


def coverage(rows, samples, resamples, shares=SHARES):
    """How often the intervals hold what is true of `shares` (groups, 2, 2)."""
    exact = Cells(np.rint(shares * 1e9).astype(np.int64))
    rng = np.random.default_rng(11)
    held = dict.fromkeys(("mean", "ratio", "theil", "balanced"), 0)
    balanced = float(exact.rate("tpr")[0] + exact.rate("tnr")[0]) / 2
    truth = {"mean": float(MEAN.value(exact, 0.0)), "ratio": float(LEAST.value(exact, 0.0))}
    theil = float(generalized_entropy(exact.counts, 1))
    for _ in range(samples):
        cells = Cells(rng.multinomial(rows, shares.ravel() / shares.sum()).reshape(shares.shape))
        drawn = cells.resampled(resamples, rng)
        for name, one in (("mean", MEAN), ("ratio", LEAST)):
            resampled = percentile_interval(one.value(drawn, 0.0))
            low, high = one.interval(cells, float(one.value(cells, 0.0)), resampled)
            held[name] += low <= truth[name] <= high
        low, high = percentile_interval(generalized_entropy(drawn.counts, 1))
        held["theil"] += low <= theil <= high
        pairs = [tuple(int(part[0]) for part in cells.fraction(rate)) for rate in ("tpr", "tnr")]
        low, high = mean_of_two(*pairs)[1]
        held["balanced"] += low <= balanced <= high
    return {name: count / samples for name, count in held.items()}


def test_the_intervals_hold_the_truth():
    assert min(coverage(200, 120, 200).values()) >= 0.9


@pytest.mark.long
@pytest.mark.parametrize("rows", [120, 2000])
def test_the_intervals_hold_the_truth_in_many_samples(rows):
    """Two groups; the mean of two gaps and the least of two ratios hold it more often, since neither end may fail."""
    found = coverage(rows, 2000, 400)
    assert 0.93 <= found["balanced"] <= 0.97, found
    assert 0.925 <= found["theil"] <= 0.97, found
    assert found["mean"] >= 0.94, found
    assert found["ratio"] >= 0.94, found


def test_a_comparison_tells_how_surprising_it_is():
    """30 of 100 against 60 of 100 are found; nobody is wrongly selected in either group."""
    truth = ([1] * 100 + [0] * 20) * 2
    decision = [1] * 30 + [0] * 90 + [1] * 60 + [0] * 60
    outcome = decided(truth, decision, ["a"] * 120 + ["b"] * 120)
    p_value = fisher_exact([[30, 70], [60, 40]]).pvalue
    assert measure_of(outcome, "equal_opportunity_difference", g="*").p_value == pytest.approx(p_value, rel=1e-9)
    assert measure_of(outcome, "predictive_equality_difference", g="*").p_value == 1
    assert measure_of(outcome, "average_odds_difference", g="*").p_value == pytest.approx(2 * p_value, rel=1e-9)
