"""Against simple models, and training against assessed rows: by scikit-learn, and models with planted faults."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, r2_score, roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from assessments.battery.spec import NotApplicable
from tests.battery.subjects import HardRule, measure_of, outcome_of, subject_of, value_of

DUMMIES, FIT = "performance.against_dummies", "performance.over_and_underfit"


def table(n, seed):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n), "c": rng.choice(["u", "v"], n)})
    odds = 1.5 * frame["a"] + 1.0 * frame["b"] - 0.7
    return frame.assign(y=(rng.random(n) < 1 / (1 + np.exp(-odds))).astype(int))


@pytest.fixture(scope="module")
def train():
    return table(800, 1)


@pytest.fixture(scope="module")
def rows():
    return table(900, 2)


@pytest.fixture(scope="module")
def linear(train):
    return LogisticRegression().fit(train[["a", "b"]], train["y"])


def test_the_gains_are_those_of_scikit_learns_dummies(train, rows, linear):
    subject = subject_of(rows, linear, reference=train)
    outcome = outcome_of(DUMMIES, subject)
    x, y = rows[["a", "b"]], rows["y"]
    accuracy = accuracy_score(y, linear.predict(x))
    majority = DummyClassifier(strategy="most_frequent").fit(train[["a"]], train["y"])
    assert value_of(outcome, "accuracy_gain_over_majority") == pytest.approx(
        accuracy - accuracy_score(y, majority.predict(x)), abs=1e-9
    )
    share = train["y"].mean()
    by_chance = (y * share + (1 - y) * (1 - share)).mean()
    assert value_of(outcome, "accuracy_gain_over_stratified") == pytest.approx(accuracy - by_chance, abs=1e-9)
    p = linear.predict_proba(x)[:, 1]
    skill = 1 - ((p - y) ** 2).mean() / ((share - y) ** 2).mean()
    assert value_of(outcome, "brier_skill") == pytest.approx(skill, abs=1e-9)
    one = roc_auc_score(y, x["a"])
    assert value_of(outcome, "roc_auc_gain_over_one_column") == pytest.approx(roc_auc_score(y, p) - one, abs=1e-9)
    assert value_of(outcome, "gain_over_simple") == pytest.approx((roc_auc_score(y, p) - one) / (1 - one), abs=1e-9)
    low, high = measure_of(outcome, "gain_over_simple").ci
    assert 0.1 < low < high < 1


def test_a_model_of_one_column_gains_nothing_over_it(train, rows):
    model = LogisticRegression().fit(train[["a"]], train["y"])
    outcome = outcome_of(DUMMIES, subject_of(rows, model, reference=train))
    assert value_of(outcome, "gain_over_simple") == pytest.approx(0, abs=1e-9)
    assert measure_of(outcome, "roc_auc_gain_over_one_column").ci == pytest.approx((0, 0), abs=1e-9)


def test_without_training_data_the_simple_models_are_cross_validated(rows, linear):
    outcome = outcome_of(DUMMIES, subject_of(rows, linear))
    assert "No usable training data" in outcome.notes[0]
    assert 0.1 < value_of(outcome, "gain_over_simple") < 0.9


def test_a_model_without_scores_is_compared_in_accuracy(train, rows):
    rule = HardRule(lambda frame: frame["a"] + frame["b"] > 0.5, ["a", "b"])
    outcome = outcome_of(DUMMIES, subject_of(rows, rule, reference=train))
    assert value_of(outcome, "accuracy_gain_over_one_column") > 0
    assert measure_of(outcome, "gain_over_simple").ci is not None
    assert not [m for m in outcome.measures if m.metric in {"brier_skill", "roc_auc_gain_over_one_column"}]


def test_numbers_are_compared_in_r2(train, rows):
    x = ["a", "b"]
    later, before = (
        frame.assign(y=2 * frame["a"] + frame["b"] + np.sin(np.arange(len(frame)))) for frame in (rows, train)
    )
    model = LinearRegression().fit(before[x], before["y"])
    outcome = outcome_of(DUMMIES, subject_of(later, model, favourable="", reference=before))
    one = LinearRegression().fit(before[["a"]], before["y"])
    mine, theirs = r2_score(later["y"], model.predict(later[x])), r2_score(later["y"], one.predict(later[["a"]]))
    assert value_of(outcome, "r2_gain_over_one_column") == pytest.approx(mine - theirs, abs=1e-6)
    assert value_of(outcome, "gain_over_simple") == pytest.approx((mine - theirs) / (1 - theirs), abs=1e-6)
    fit = outcome_of(FIT, subject_of(later, model, favourable="", reference=before))
    assert value_of(fit, "r2_gap") == pytest.approx(r2_score(before["y"], model.predict(before[x])) - mine, abs=1e-9)


def test_the_gaps_are_differences_of_scikit_learns_scores(train, rows, linear):
    outcome = outcome_of(FIT, subject_of(rows, linear, reference=train))
    x = ["a", "b"]
    parts = [(frame["y"], linear.predict_proba(frame[x])) for frame in (train, rows)]
    areas = [roc_auc_score(y, p[:, 1]) for y, p in parts]
    assert value_of(outcome, "roc_auc_gap") == pytest.approx(areas[0] - areas[1], abs=1e-9)
    assert value_of(outcome, "relative_drop") == pytest.approx(1 - areas[1] / areas[0], abs=1e-9)
    losses = [log_loss(y, p) for y, p in parts]
    assert value_of(outcome, "log_loss_gap") == pytest.approx(losses[1] - losses[0], abs=1e-9)
    right = [accuracy_score(y, p[:, 1] > 0.5) for y, p in parts]
    assert value_of(outcome, "accuracy_gap") == pytest.approx(right[0] - right[1], abs=1e-9)
    low, high = measure_of(outcome, "roc_auc_gap").ci
    assert low < 0.03
    assert high > -0.03


def test_a_tree_that_learned_its_rows_by_heart_is_found(train, rows):
    model = DecisionTreeClassifier(random_state=0).fit(train[["a", "b"]], train["y"])
    outcome = outcome_of(FIT, subject_of(rows, model, reference=train))
    assert value_of(outcome, "accuracy_training") == 1
    assert measure_of(outcome, "relative_drop").ci[0] > 0.2


def test_without_training_data_there_is_no_gap(rows, linear, train):
    with pytest.raises(NotApplicable, match="not given"):
        outcome_of(FIT, subject_of(rows, linear))
    with pytest.raises(NotApplicable, match="not given"):
        outcome_of(FIT, subject_of(rows, linear, reference=train.drop(columns="y")))
