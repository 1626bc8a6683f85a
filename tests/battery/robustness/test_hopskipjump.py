"""The robustness test on models whose answer is known beforehand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_curve

from assessments.battery.plan import Column
from assessments.battery.robustness._sample import median_with_interval, random_moves, stratified_sample
from assessments.battery.spec import NotApplicable
from tests.battery.subjects import HardRule, Rule, adult_subject, measure_of, outcome_of, subject_of, value_of

TEST = "robustness.hopskipjump"


def applicants(rows=100, seed=0):
    """Incomes 0…100 in whole steps, a debt in fractions, an age; those above 50 are the good ones."""
    rng = np.random.default_rng(seed)
    income = np.r_[0, 100, rng.integers(0, 101, rows - 2)]
    debt, age = rng.uniform(0, 1, rows), rng.integers(18, 80, rows)
    return pd.DataFrame({"income": income, "debt": debt, "age": age, "y": (income > 50).astype(int)})


def score_by_income(frame):
    """Above one half from an income of 51; rises with it."""
    return np.clip(0.5 + (frame["income"] - 50.5) / 200, 0, 1)


def by_income(kind=Rule):
    return kind(score_by_income, ["income", "debt", "age"])


AGE_IS_FIXED = Column("age", "sensitive", mutable="fixed")


def whole_sample(frame, model, *columns, **params):
    return outcome_of(TEST, subject_of(frame, model, *columns), rows=len(frame), **params)


def test_the_cost_of_a_flip_is_the_way_to_the_threshold():
    frame = applicants()
    outcome = whole_sample(frame, by_income())
    steps = np.where(frame["income"] > 50, frame["income"] - 50, 51 - frame["income"])
    assert value_of(outcome, "median_cost") == pytest.approx(np.median(steps) / 100, abs=1e-12)


@pytest.mark.parametrize("budget", [0.05, 0.1, 0.25])
def test_robust_accuracy_counts_those_further_from_the_threshold_than_the_budget(budget):
    frame = applicants()
    outcome = whole_sample(frame, by_income(), budget=budget)
    steps = np.where(frame["income"] > 50, frame["income"] - 50, 51 - frame["income"])
    expected = np.mean(steps > round(100 * budget))
    assert value_of(outcome, "robust_accuracy") == pytest.approx(expected)
    assert value_of(outcome, "evasion_success_rate") == pytest.approx(1 - expected)


def test_wrong_decisions_count_as_lost_before_the_attack():
    frame = applicants()
    frame.loc[:19, "y"] = 1 - frame.loc[:19, "y"]
    outcome = whole_sample(frame, by_income())
    assert value_of(outcome, "accuracy_clean_sample") == 0.8
    assert measure_of(outcome, "evasion_success_rate").n == 80
    assert value_of(outcome, "robust_accuracy") <= 0.8


def test_a_fragile_model_loses_nearly_every_decision():
    model = Rule(lambda frame: 0.5 + 0.4 * np.sign(np.sin(frame["debt"] * 300)), ["income", "debt", "age"])
    frame = applicants()
    frame["y"] = model.predict(frame)
    outcome = whole_sample(frame, model)
    assert value_of(outcome, "accuracy_clean_sample") == 1
    assert value_of(outcome, "robust_accuracy") <= 0.02


def test_a_model_that_looks_at_fixed_columns_only_cannot_be_flipped():
    model = Rule(lambda frame: frame["age"] / 100, ["income", "debt", "age"])
    frame = applicants()
    frame["y"] = model.predict(frame)
    outcome = whole_sample(frame, model, AGE_IS_FIXED)
    assert value_of(outcome, "evasion_success_rate") == 0
    assert value_of(outcome, "median_cost") is None
    assert value_of(outcome, "robust_accuracy") == 1


def test_a_constant_model_has_no_flip():
    outcome = whole_sample(applicants(), Rule(lambda frame: np.full(len(frame), 0.2), ["income", "debt", "age"]))
    assert value_of(outcome, "evasion_success_rate") == 0
    assert outcome.tables[0].rows == []


class Watched(Rule):
    """Remembers every row it is asked about."""

    def predict(self, frame):
        self.__dict__.setdefault("asked", []).append(frame.copy())
        return super().predict(frame)


def test_the_model_is_never_asked_about_a_row_that_could_not_exist():
    frame, model = applicants(), by_income(Watched)
    upwards = Column("income", mutable="up")
    whole_sample(frame, model, AGE_IS_FIXED, upwards)
    asked = pd.concat(model.asked)
    assert asked["income"].dtype == np.int64
    assert asked["income"].between(0, 100).all()
    assert asked["debt"].between(frame["debt"].min(), frame["debt"].max()).all()
    assert set(asked["age"]) <= set(frame["age"])


def test_where_a_column_may_only_rise_the_good_ones_are_safe():
    frame = applicants()
    outcome = whole_sample(frame, by_income(), Column("income", mutable="up"), budget=1.0)
    assert value_of(outcome, "robust_accuracy") == pytest.approx(frame["y"].mean())


def test_missing_numbers_are_left_missing():
    frame = applicants(200)
    frame.loc[::5, "debt"] = np.nan
    features = ["income", "debt", "age"]
    model = HistGradientBoostingClassifier(max_iter=5).fit(frame[features], frame["y"])
    outcome = outcome_of(TEST, subject_of(frame, model, AGE_IS_FIXED), rows=20)
    assert value_of(outcome, "evasion_success_rate") > 0.2
    assert all("nan" not in row[3] for row in outcome.tables[0].rows)


def test_decisions_alone_are_enough():
    frame = applicants()
    with_scores, without = (whole_sample(frame, by_income(kind)) for kind in (Rule, HardRule))
    assert value_of(without, "robust_accuracy") == value_of(with_scores, "robust_accuracy")
    assert not [m for m in without.measures if m.metric.startswith("ks")]
    assert "No KS: the model gives decisions only." in without.notes


def test_with_three_classes_any_other_label_is_a_flip():
    frame = applicants(200)
    frame["y"] = np.digitize(frame["income"], [33, 66]).astype(str)
    model = LogisticRegression(max_iter=2000).fit(frame[["income", "debt"]], frame["y"])
    outcome = outcome_of(TEST, subject_of(frame, model, favourable="2"), rows=60)
    assert value_of(outcome, "evasion_success_rate") > 0.3
    assert 0 <= value_of(outcome, "ks_adversarial") <= value_of(outcome, "ks_clean_sample")
    assert {row[2] for row in outcome.tables[0].rows} <= {"0", "1", "2"}


def test_without_a_column_to_move_the_test_does_not_apply():
    frame = applicants()[["age", "y"]]
    subject = subject_of(frame, Rule(lambda rows: rows["age"] / 100, ["age"]), AGE_IS_FIXED)
    with pytest.raises(NotApplicable, match="No numeric column"):
        outcome_of(TEST, subject)


def test_ks_on_the_sample_is_that_of_the_roc_curve():
    frame = applicants()
    frame["y"] = (frame["income"] + np.random.default_rng(1).normal(0, 20, len(frame)) > 50).astype(int)
    fpr, tpr, _ = roc_curve(frame["y"], score_by_income(frame))
    outcome = whole_sample(frame, by_income())
    assert value_of(outcome, "ks_clean_sample") == pytest.approx((tpr - fpr).max(), abs=1e-12)


def test_ks_under_attack_is_zero_where_every_decision_can_be_turned_round():
    frame = applicants()
    outcome = whole_sample(frame, by_income(), budget=1.0)
    assert value_of(outcome, "ks_clean_sample") == 1
    assert value_of(outcome, "ks_adversarial") == 0


def test_random_noise_flips_as_often_as_chance_says():
    frame = applicants(150)
    frame["y"] = (frame["debt"] > 0.5).astype(int)
    model = Rule(lambda rows: rows["debt"], ["income", "debt", "age"])
    (chart,) = [c for c in whole_sample(frame, model, noise_draws=200).charts if c.id == "accuracy_under_attack"]
    noise = chart.data["series"][1]
    budget = noise["budget"][noise["budget"].index(0.1)]
    scaled = (frame["debt"] - 0.5).abs() / (frame["debt"].max() - frame["debt"].min())
    expected = 1 - np.mean(np.maximum(budget - scaled, 0) / (2 * budget))
    assert noise["accuracy"][noise["budget"].index(0.1)] == pytest.approx(expected, abs=0.01)


def test_the_attack_is_at_least_as_strong_as_noise_at_every_budget(adult_csv):
    (chart, *_) = outcome_of(TEST, adult_subject(adult_csv)).charts
    attack, noise = (np.array(series["accuracy"]) for series in chart.data["series"])
    assert (attack <= noise).all()
    assert (np.diff(attack) <= 0).all()
    assert attack[0] == noise[0]


def test_the_cheapest_flips_of_adult_flip_on_the_model(adult_csv):
    """Each printed change, made by hand in the table, gives the printed decision."""
    subject = adult_subject(adult_csv)
    (table,) = outcome_of(TEST, subject).tables
    assert len(table.rows) == 5
    for row, before, after, changes, cost in table.rows:
        edited = subject.frame[subject.features].iloc[[row]].copy()
        assert subject.labels[subject.predict(edited)[0]] == before
        for change in changes.split("; "):
            name, values = change.split(": ")
            old, new = (int(value) for value in values.split(" → "))
            column = subject.columns[name]
            assert edited[name].item() == old
            assert abs(new - old) / (column.max - column.min) <= cost + 1e-12
            edited[name] = new
        assert subject.labels[subject.predict(edited)[0]] == after != before


def test_the_same_seed_gives_the_same_outcome(adult_csv):
    subject = adult_subject(adult_csv)
    assert outcome_of(TEST, subject, rows=20, seed=1) == outcome_of(TEST, subject, rows=20, seed=1)


def test_the_sample_has_the_proportions_of_the_classes():
    y = np.repeat([0, 1, 2], [900, 99, 1])
    rows = stratified_sample(y, 100, np.random.default_rng(0))
    assert np.bincount(y[rows]).tolist() == [90, 9, 1]
    assert len(set(rows)) == 100


def test_the_median_of_costs_has_the_interval_of_order_statistics():
    """Ranks 40 and 61 of 100, as tables of the binomial give them."""
    costs = np.arange(1, 101, dtype=float)
    assert median_with_interval(costs) == (50.5, (40.0, 61.0))
    assert median_with_interval(np.r_[costs[:60], np.full(40, np.inf)]) == (50.5, None)
    assert median_with_interval(np.full(10, np.inf)) == (None, None)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_random_moves_fill_the_ball(norm):
    moves = random_moves(np.random.default_rng(0), 20_000, 3, norm)
    sizes = np.abs(moves).max(1) if norm == "linf" else np.linalg.norm(moves, axis=1)
    assert sizes.max() <= 1
    assert np.mean(sizes < 0.5) == pytest.approx(0.125, abs=0.01)
