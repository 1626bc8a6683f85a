"""Importance of original columns, on models whose answer is known and on Adult."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

from assessments.battery.explainability._shap_views import contrast
from assessments.battery.plan import Column
from tests.battery.subjects import HardRule, Rule, adult_subject, measure_of, outcome_of, subject_of, value_of

TEST = "explainability.shap_importance"
FEATURES = ["x", "unused", "letter"]


def table(rows=120, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"x": rng.uniform(size=rows), "unused": rng.uniform(size=rows), "letter": rng.choice(list("ab"), rows)}
    )
    return frame.assign(y=(frame["x"] > 0.5).astype(int))


def linear(frame):
    return 0.1 + 0.6 * frame["x"] + 0.2 * (frame["letter"] == "b")


def test_importance_is_the_mean_absolute_value_that_a_linear_score_has():
    frame = table()
    outcome = outcome_of(TEST, subject_of(frame, Rule(linear, FEATURES)), rows=120, background=120)
    expected = 0.6 * (frame["x"] - frame["x"].mean()).abs().mean()
    assert value_of(outcome, "shap_importance", column="x") == pytest.approx(expected, abs=1e-12)
    assert value_of(outcome, "shap_importance", column="unused") == pytest.approx(0, abs=1e-12)


def test_the_interval_of_the_importance_holds_what_all_rows_have():
    frame = table(2000)
    outcome = outcome_of(TEST, subject_of(frame, Rule(linear, FEATURES)), rows=200, background=500)
    low, high = measure_of(outcome, "shap_importance", column="x").ci
    assert low < 0.6 * (frame["x"] - frame["x"].mean()).abs().mean() < high
    assert high - low < 0.04


def test_the_background_is_the_training_data():
    frame, training = table(), table(50, seed=1).assign(x=0.25)
    subject = subject_of(frame, Rule(linear, FEATURES), reference=training)
    outcome = outcome_of(TEST, subject, rows=120, background=50)
    expected = 0.6 * (frame["x"] - 0.25).abs().mean()
    assert value_of(outcome, "shap_importance", column="x") == pytest.approx(expected, abs=1e-12)


def test_without_training_data_the_outcome_says_so():
    outcome = outcome_of(TEST, subject_of(table(), Rule(linear, FEATURES)))
    assert "The background is drawn from the data under test: no training data was given." in outcome.notes


def test_decisions_alone_are_explained_as_decisions():
    outcome = outcome_of(TEST, subject_of(table(), HardRule(lambda rows: rows["x"], FEATURES)))
    assert value_of(outcome, "shap_importance", column="x") > 0.2
    assert value_of(outcome, "shap_importance", column="letter") == 0
    assert any("decisions only" in note for note in outcome.notes)


class Fickle(Rule):
    """Its scores creep up with every question."""

    def predict_proba(self, frame):
        self.asked = getattr(self, "asked", 0) + 1
        return super().predict_proba(frame) + self.asked * np.array([-0.02, 0.02])


def test_a_model_that_does_not_repeat_its_answers_shows_in_the_additivity_error():
    steady, fickle = (outcome_of(TEST, subject_of(table(), kind(linear, FEATURES))) for kind in (Rule, Fickle))
    assert value_of(steady, "shap_additivity_max_error") < 1e-12
    assert value_of(fickle, "shap_additivity_max_error") > 0.01


def test_adult_is_explained_in_its_own_columns(adult_csv):
    subject = adult_subject(adult_csv)
    outcome = outcome_of(TEST, subject)
    columns = [m.group["column"] for m in outcome.measures if m.metric == "shap_importance"]
    values = [m.value for m in outcome.measures if m.metric == "shap_importance"]
    assert sorted(columns) == sorted(subject.features)
    assert values == sorted(values, reverse=True)
    assert value_of(outcome, "shap_additivity_max_error") < 1e-9


def test_the_chart_flags_sensitive_columns(adult_csv):
    chart = outcome_of(TEST, adult_subject(adult_csv)).charts[0]
    flagged = {feature["name"] for feature in chart.data["features"] if feature["sensitive"]}
    assert flagged == {"age", "race", "sex"}
    assert f"{chart.data['features'][0]['name']} {chart.data['features'][0]['value']:.3f}" in chart.caption
    assert "sex (place " in chart.alt


def test_a_wide_table_is_explained_on_fewer_cases_and_says_so():
    rng = np.random.default_rng(0)
    names = [f"c{k}" for k in range(60)]
    frame = pd.DataFrame(rng.uniform(size=(300, 60)), columns=names).assign(y=[0, 1] * 150)
    subject = subject_of(frame, Rule(lambda rows: rows["c3"], names))
    outcome = outcome_of(TEST, subject, questions=60_000)
    assert subject.queries < 61_000
    assert measure_of(outcome, "shap_importance", column="c3").n == 50
    assert any(note.startswith("For its 60 columns, 50 cases and 10 background") for note in outcome.notes)


def test_the_chart_shows_twenty_columns_of_many():
    rng = np.random.default_rng(0)
    names = [f"c{k}" for k in range(25)]
    frame = pd.DataFrame(rng.uniform(size=(60, 25)), columns=names).assign(y=[0, 1] * 30)
    model = Rule(lambda rows: rows[names].to_numpy() @ np.arange(25) / 300, names)
    outcome = outcome_of(TEST, subject_of(frame, model, Column("c0", "sensitive")))
    assert len(outcome.charts[0].data["features"]) == 20
    assert len(outcome.tables[0].rows) == 25
    assert outcome.charts[0].data["features"][0]["value"] == max(m.value for m in outcome.measures)


def test_the_same_seed_gives_the_same_outcome(adult_csv):
    subject = adult_subject(adult_csv)
    assert outcome_of(TEST, subject, seed=1) == outcome_of(TEST, subject, seed=1)


def test_the_dots_are_the_values_and_the_levels_the_ranks():
    frame = table()
    outcome = outcome_of(TEST, subject_of(frame, Rule(linear, FEATURES)), rows=120, background=120)
    swarm = next(chart for chart in outcome.charts if chart.id == "shap_beeswarm")
    x = next(feature for feature in swarm.data["features"] if feature["name"] == "x")
    assert np.abs(x["values"]).mean() == pytest.approx(value_of(outcome, "shap_importance", column="x"), abs=1e-12)
    assert x["levels"] == pytest.approx((frame["x"].rank() / 120).tolist())
    assert swarm.caption == "Each dot is one of 120 cases. Higher x raises the answer."
    letter = next(chart for chart in outcome.charts if chart.id == "shap_dependence_letter")
    assert letter.data["categories"] == ["a", "b"]
    share = (frame["letter"] == "b").mean()
    assert letter.data["series"][0]["y"] == pytest.approx([-0.2 * share, 0.2 * (1 - share)], abs=1e-12)


def test_the_difference_of_groups_adds_up_and_has_welch_s_interval():
    frame = table(400)
    subject = subject_of(frame, Rule(linear, FEATURES), Column("letter", "sensitive"))
    outcome = outcome_of(TEST, subject, rows=400, background=400)
    gaps = {m.group["explained by"]: m for m in outcome.measures if m.metric == "shap_group_difference"}
    a, b = (frame[frame["letter"] == letter] for letter in "ab")
    assert sum(m.value for m in gaps.values()) == pytest.approx(linear(a).mean() - linear(b).mean(), abs=1e-12)
    assert all(m.group["letter"] == "a" for m in gaps.values())
    welch = ttest_ind(0.6 * a["x"], 0.6 * b["x"], equal_var=False)
    assert gaps["x"].value == pytest.approx(0.6 * (a["x"].mean() - b["x"].mean()), abs=1e-12)
    assert gaps["x"].ci == pytest.approx(tuple(welch.confidence_interval(0.95)), abs=1e-9)
    assert gaps["letter"].ci == pytest.approx((-0.2, -0.2))


def test_a_group_of_few_cases_is_not_set_against_the_others():
    frame = table(100)
    frame["letter"] = ["b"] * 90 + ["a"] * 10
    subject = subject_of(frame, Rule(linear, FEATURES), Column("letter", "sensitive"))
    assert not [m for m in outcome_of(TEST, subject, rows=100).measures if m.metric == "shap_group_difference"]


@pytest.mark.parametrize("runs", [200, pytest.param(4000, marks=pytest.mark.long)])
def test_the_interval_of_a_difference_holds_the_truth_as_often_as_it_says(runs):
    """Groups of 30 and of 200, of unequal spread, and skewed: 93 to 97 times in 100."""
    rng = np.random.default_rng(0)
    subject = subject_of(table(), Rule(linear, FEATURES))
    mine = np.arange(230) < 30
    inside = 0
    for _ in range(runs):
        values = np.where(mine[:, None], 0.5 + 2 * rng.normal(size=(230, 3)), rng.gamma(4, 0.25, (230, 3)) - 1)
        found = contrast(subject, values, mine, {}, "probability")
        inside += sum(m.ci[0] <= 0.5 <= m.ci[1] for m in found)
    assert 0.93 <= inside / (3 * runs) <= 0.97
