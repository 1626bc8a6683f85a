"""AUCs as scikit-learn has them, areas between curves as integrals, intervals that hold the truth."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from assessments import charts
from assessments.battery.fairness import _roc
from assessments.battery.fairness._auc import area_under_roc, gap_limits, widest
from assessments.battery.fairness.ranking_by_group import Group, abroca
from assessments.battery.plan import Column
from tests.battery.subjects import Rule, adult_subject, measure_of, outcome_of, subject_of, value_of

TEST = "fairness.ranking_by_group"


@pytest.fixture(scope="module")
def adult(adult_csv):
    subject = adult_subject(adult_csv)
    return subject, outcome_of(TEST, subject, resamples=100)


@pytest.mark.parametrize("column", ["sex", "race", "age"])
def test_the_auc_of_every_group_is_scikit_learns(adult, column):
    subject, outcome = adult
    names, codes = subject.groups(column)
    for at, name in enumerate(names):
        rows = codes == at
        found = value_of(outcome, "roc_auc", **{column: name})
        if found is not None:
            expected = roc_auc_score(subject.y_favourable[rows], subject.favourable_score[rows])
            assert found == pytest.approx(expected, abs=1e-9)
    assert value_of(outcome, "roc_auc", sex="Female") is not None


def by_integration(subject, one, other):
    """The mean distance of two of scikit-learn's curves over a fine grid."""
    grid = np.linspace(0, 1, 400_001)
    curves = [
        np.interp(grid, *roc_curve(subject.y_favourable[r], subject.favourable_score[r])[:2]) for r in (one, other)
    ]
    return np.abs(curves[0] - curves[1]).mean()


@pytest.mark.parametrize(("column", "name", "reference"), [("sex", "Female", "Male"), ("race", "Black", "White")])
def test_abroca_is_the_area_between_scikit_learns_curves(adult, column, name, reference):
    subject, outcome = adult
    names, codes = subject.groups(column)
    expected = by_integration(subject, codes == names.index(name), codes == names.index(reference))
    assert value_of(outcome, "abroca", **{column: name}) == pytest.approx(expected, abs=1e-5)


def test_the_area_between_curves_that_cross_counts_both_sides():
    """A diagonal and a curve with a step of one half at 0 and none at the end: two triangles of 1/8."""
    diagonal = (np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    stepped = (np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 0.5, 0.5, 1.0]))
    assert _roc.area_between(diagonal, stepped) == pytest.approx(0.25, abs=1e-12)
    assert _roc.area_between(stepped, stepped) == 0


def test_delongs_error_is_that_of_all_pairs():
    rng = np.random.default_rng(0)
    truth = rng.random(80) < 0.4
    score = np.round(rng.normal(truth * 1.0), 1)
    above = (score[truth][:, None] > score[~truth]) + 0.5 * (score[truth][:, None] == score[~truth])
    variance = above.mean(1).var(ddof=1) / truth.sum() + above.mean(0).var(ddof=1) / (~truth).sum()
    found = area_under_roc(score, truth)
    assert (found.value, found.error) == pytest.approx((above.mean(), np.sqrt(variance)), abs=1e-12)


def test_a_perfect_order_is_no_proof_of_perfection():
    found = area_under_roc(np.arange(30.0), np.arange(30) >= 20)
    low, high = found.limits()
    assert found.value == 1
    assert 0.8 < low < 0.99
    assert high == 1


def scored(frame):
    model = Rule(lambda rows: rows["s"], ["s"])
    return outcome_of(TEST, subject_of(frame, model, Column("g", "sensitive")), resamples=100)


def planted():
    """In group a the score is the outcome with some noise, in group b it is noise."""
    rng = np.random.default_rng(1)
    truth, group = rng.random(1200) < 0.4, np.tile(["a", "a", "b"], 400)
    signal = np.where(group == "a", truth * 0.5, 0.25) + rng.random(1200) * 0.5
    return pd.DataFrame({"g": group, "s": signal, "y": truth.astype(int)})


def test_a_group_that_cannot_be_ranked_is_found():
    outcome = scored(planted())
    gap = measure_of(outcome, "roc_auc_difference", g="*")
    assert gap.value > 0.4
    assert gap.ci[0] > 0.3
    assert measure_of(outcome, "abroca", g="b").ci[0] > 0.3
    assert "ABROCA is against a, the largest group." in outcome.notes[0]


def test_a_group_of_one_outcome_has_no_curve():
    frame = planted()
    frame.loc[frame["g"] == "b", "y"] = 0
    outcome = scored(frame)
    assert value_of(outcome, "roc_auc", g="b") is None
    assert any("fewer than two rows of one outcome" in note for note in outcome.notes)
    assert not [m for m in outcome.measures if m.metric == "abroca"]


def test_small_groups_are_left_out_of_what_is_judged():
    frame = planted()
    few = pd.DataFrame({"g": ["c"] * 10, "s": np.linspace(0, 1, 10), "y": [1, 0] * 5})
    outcome = scored(pd.concat([frame, few], ignore_index=True))
    assert measure_of(outcome, "abroca", g="*").small
    assert not measure_of(outcome, "abroca", g="* without small groups").small


def test_the_curves_can_be_drawn(adult):
    _, outcome = adult
    assert [chart.id for chart in outcome.charts] == ["roc_by_group_age", "roc_by_group_race", "roc_by_group_sex"]
    chart = outcome.charts[2]
    assert charts.draw(chart.__dict__, format="svg").startswith(b"<svg")


def sample(rng, rows, apart, rate=0.3):
    truth = rng.random(rows) < rate
    truth[:4] = [True, True, False, False]
    return rng.normal(truth * apart), truth


def true_area(one, other):
    fpr = np.linspace(0, 1, 20_001)[1:-1]
    return float(np.abs(norm.sf(norm.isf(fpr) - one) - norm.sf(norm.isf(fpr) - other)).mean())


def coverage(sizes, apart, samples, resamples):
    """How often the intervals of an AUC, of the gap of two, of the widest of two and of ABROCA hold the truth."""
    rng = np.random.default_rng(3)
    aucs = [float(norm.cdf(one / np.sqrt(2))) for one in apart]
    area, held = true_area(*apart), dict.fromkeys(("auc", "gap", "widest", "abroca"), 0)
    for _ in range(samples):
        drawn = [sample(rng, rows, one) for rows, one in zip(sizes, apart, strict=True)]
        found = [area_under_roc(*one) for one in drawn]
        groups = [Group("g", *one, False, auc) for one, auc in zip(drawn, found, strict=True)]
        ends = {
            "auc": (found[0].limits(), aucs[0]),
            "gap": (gap_limits(*found), aucs[0] - aucs[1]),
            "widest": (widest(found)[1], abs(aucs[0] - aucs[1])),
            "abroca": (abroca(*groups, *(group.drawn(resamples, rng) for group in groups))[1], area),
        }
        for name, ((low, high), truth) in ends.items():
            held[name] += low - 1e-12 <= truth <= high
    return {name: count / samples for name, count in held.items()}


def test_the_intervals_hold_the_truth():
    found = coverage((40, 200), (1.2, 0.9), 60, 100)
    assert min(found.values()) >= 0.88


@pytest.mark.long
@pytest.mark.parametrize("apart", [(1.0, 1.0), (1.5, 0.9)], ids=["alike", "unlike"])
@pytest.mark.parametrize("sizes", [(30, 150), (300, 1000)], ids=["small", "large"])
def test_the_intervals_hold_the_truth_in_many_samples(sizes, apart):
    """A value that cannot be negative is held more often: neither of its ends may fail more than once in forty."""
    found = coverage(sizes, apart, 800, 200)
    assert 0.93 <= found["auc"] <= 0.98, found
    assert 0.93 <= found["gap"] <= 0.98, found
    assert found["widest"] >= 0.94, found
    assert found["abroca"] >= 0.94, found
