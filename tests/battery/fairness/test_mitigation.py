"""Thresholds that close a planted gap, lots that differ by seed, weights by hand, and a model that stays as it is."""

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import demographic_parity_difference
from sklearn.linear_model import LogisticRegression

from assessments import charts
from assessments.battery.fairness._remedies import Rows, by_group_thresholds, reweighing
from assessments.battery.plan import Column
from tests.battery.subjects import measure_of, outcome_of, subject_of, value_of

TEST = "fairness.mitigation"


def people(rows=3000):
    """Group b has lower scores for the same truth."""
    rng = np.random.default_rng(0)
    group = rng.choice(["a", "b"], rows)
    truth = rng.random(rows) < 0.45
    x = rng.normal(truth * 2.0 - 1.0 * (group == "b"))
    return pd.DataFrame({"g": group, "x": x, "z": rng.normal(size=rows), "y": truth.astype(int)})


@pytest.fixture(scope="module")
def found():
    frame = people()
    model = LogisticRegression().fit(frame[["x", "z"]], frame["y"])
    subject = subject_of(frame, model, Column("g", "sensitive"), reference=people(2000))
    before = model.predict_proba(frame[["x", "z"]])
    outcome = outcome_of(TEST, subject, plan="standard", resamples=200)
    assert (model.predict_proba(frame[["x", "z"]]) == before).all()
    return outcome


def ways(outcome, start):
    return sorted({m.group["way"] for m in outcome.measures if m.group["way"].startswith(start)})


def test_thresholds_by_group_close_the_gap_step_by_step(found):
    steps = ways(found, "a threshold for each group")
    steps.sort(key=lambda name: int(name.split("%")[0].split()[-1]))
    gaps = [value_of(found, "demographic_parity_difference", g="*", way=way) for way in ("the model as it is", *steps)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] > 0.15
    assert gaps[-1] < 0.05


def test_the_gap_is_fairlearns_on_the_rows_held_out():
    score, group = np.linspace(0, 1, 400), np.tile([0, 1], 200)
    rows = Rows(score, score > 0.4, score > np.where(group == 1, 0.7, 0.5), group, np.ones(400, dtype=bool))
    last = by_group_thresholds(rows, rows)[-1]
    assert demographic_parity_difference(rows.truth, rows.selected, sensitive_features=group) > 0.15
    assert demographic_parity_difference(rows.truth, last.selected, sensitive_features=group) < 0.011


def test_the_optimizer_does_what_it_is_for_and_draws_lots(found):
    parity, odds = "thresholds drawn by lot, for demographic parity", "thresholds drawn by lot, for equalized odds"
    assert value_of(found, "demographic_parity_difference", g="*", way=parity) < 0.08
    now = value_of(found, "equalized_odds_difference", g="*", way="the model as it is")
    assert value_of(found, "equalized_odds_difference", g="*", way=odds) < now / 2
    differs = measure_of(found, "differs_between_seeds", g="*", way=odds)
    assert 0 < differs.ci[0] < differs.value
    assert any("the same person, asked twice" in note for note in found.notes)
    assert any("42 USC 2000e-2(l)" in note for note in found.notes)


def test_a_model_trained_anew_with_weights_is_among_them(found):
    assert value_of(found, "accuracy", g="*", way="trained anew with reweighed rows") > 0.7


def test_weights_make_group_and_outcome_independent():
    """6 of 10 and 2 of 10 favourable: P(g) P(y) / P(g, y) = 0.5 x 0.4 / 0.3 for the favourable of a."""
    groups, favourable = (
        pd.Series(["a"] * 10 + ["b"] * 10),
        np.array([True] * 6 + [False] * 4 + [True] * 2 + [False] * 8),
    )
    weights = reweighing(groups, favourable)
    assert weights[0] == pytest.approx(0.5 * 0.4 / 0.3)
    rates = [np.average(favourable[part], weights=weights[part]) for part in (slice(0, 10), slice(10, 20))]
    assert rates == pytest.approx([0.4, 0.4])


def test_without_training_data_none_is_trained_and_the_reason_is_said():
    frame = people(600)
    model = LogisticRegression().fit(frame[["x", "z"]], frame["y"])
    outcome = outcome_of(TEST, subject_of(frame, model, Column("g", "sensitive")), plan="standard", resamples=100)
    assert not ways(outcome, "trained anew")
    assert any("Needs the training data" in note for note in outcome.notes)


def test_groups_too_small_for_a_threshold_are_told():
    frame = people(400)
    frame["g"] = np.where(np.arange(400) < 390, "a", "b")
    model = LogisticRegression().fit(frame[["x", "z"]], frame["y"])
    outcome = outcome_of(TEST, subject_of(frame, model, Column("g", "sensitive")), plan="standard", resamples=100)
    assert outcome.measures == []
    assert any("fewer than two groups are large enough" in note for note in outcome.notes)


def test_the_same_seed_gives_the_same_lots():
    frame = people(600)
    model = LogisticRegression().fit(frame[["x", "z"]], frame["y"])
    subject = subject_of(frame, model, Column("g", "sensitive"))
    one, two = (outcome_of(TEST, subject, plan="standard", resamples=100) for _ in range(2))
    assert one == two


def test_the_ways_can_be_drawn(found):
    (chart,) = found.charts
    assert charts.draw(chart.__dict__, format="svg").startswith(b"<svg")
    assert len(chart.data["points"]) == 8
