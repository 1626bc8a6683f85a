"""Poisoned training data: models whose harm is known by their formula, and each poison as it says."""

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from assessments.battery.plan import Column, Target
from assessments.battery.robustness import _poisons as poisons
from assessments.battery.robustness import _quality as q
from assessments.battery.robustness._retraining import Training, blank_copy
from assessments.battery.spec import NotApplicable
from assessments.battery.subject import Subject
from tests.battery.subjects import HardRule, measure_of, outcome_of, subject_of, value_of
from tests.battery.test_regression import house_subject

TEST = "robustness.poisoning"
FEATURES = ["a", "b", "sex"]


def table(rows=1000, seed=1):
    """Two numbers that decide with noise, a group of a quarter of the rows."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows), "sex": (rng.random(rows) < 0.25) * 1})
    chance = 1 / (1 + np.exp(-3 * frame["a"]))
    return frame.assign(y=np.where(rng.random(rows) < chance, "yes", "no"))


def poisonable(model, *columns, frame=None, **options):
    train = table(seed=2)
    fitted = model.fit(train[FEATURES], train["y"])
    frame = table() if frame is None else frame
    return Subject(fitted, frame, Target("y", "yes"), columns, **{"reference": train, **options})


def prepared(subject):
    training = Training.of(subject, 1000, np.random.default_rng(0))
    clean = training.fit(training.codes, training.y)
    group = poisons.target_group(training)
    return training, clean, poisons.Poisoner(training, poisons.least_sure(training, clean), group, 10)


def test_a_model_of_nearest_neighbours_repeats_each_flipped_label():
    """Asked about its own training rows it is right on all but those flipped: accuracy falls by their share."""
    train = table(seed=2)
    subject = poisonable(KNeighborsClassifier(1), frame=train)
    outcome = outcome_of(TEST, subject, rows=1000, train_rows=1000, share=0.05)
    row = next(row for row in outcome.tables[0].rows if row[:2] == ["flipped at random", "5 %"])
    training, _, poisoner = prepared(subject)
    codes, y = poisoner.poisoned(poisons.RANDOM, 0.05, np.random.default_rng(0))
    assert (y != training.y).mean() == 0.05
    told = training.fit(codes, y).ask(subject.frame)
    assert np.mean(told.predicted == subject.y) == 0.95
    assert row[2] > 0.04


def test_the_loss_is_what_scikit_learn_finds_for_the_same_rows():
    subject = poisonable(LogisticRegression())
    training, clean, poisoner = prepared(subject)
    codes, y = poisoner.poisoned(poisons.NEAREST, 0.1, np.random.default_rng(3))
    sample = q.Sample.draw(subject, 1000, np.random.default_rng(0))
    found = [sample.grade(model.ask(subject.frame)).value for model in (clean, training.fit(codes, y))]
    labels = np.array(["no", "yes"])
    truth, expected = subject.frame["y"] == "yes", []
    for rows, outcome in ((training.codes, training.y), (codes, y)):
        again = clone(subject.estimator).fit(pd.DataFrame(rows, columns=FEATURES), labels[outcome])
        expected.append(roc_auc_score(truth, again.predict_proba(subject.frame[FEATURES])[:, 1]))
    assert found == pytest.approx(expected, abs=1e-9)


def test_each_poison_does_what_it_says():
    subject = poisonable(LogisticRegression(), Column("sex", "sensitive"))
    training, clean, poisoner = prepared(subject)
    rng = np.random.default_rng(4)
    codes, y = poisoner.poisoned(poisons.DUPLICATED, 0.02, rng)
    assert (len(codes), len(np.unique(codes, axis=0))) == (1200, 1000)
    near = poisoner.poisoned(poisons.NEAREST, 0.02, rng)[1] != training.y
    margin = np.abs(clean.ask(training.frame).scores[:, 1] - 0.5)
    assert margin[near].max() <= margin[~near].min()
    aimed = poisoner.poisoned(poisons.GROUP, 0.05, rng)[1] != training.y
    assert set(training.frame["sex"][aimed]) == {1}
    assert set(training.y[aimed]) == {subject.favourable_index}


def test_a_tree_takes_a_backdoor_and_a_constant_does_not():
    tree = outcome_of(TEST, poisonable(DecisionTreeClassifier(max_depth=6, random_state=0)), rows=1000, share=0.02)
    assert value_of(tree, "backdoor_success") > 0.5
    assert value_of(tree, "roc_auc_drop", poison="backdoor") < 0.1
    assert tree.notes[1].startswith("The trigger is b = ")
    constant = outcome_of(TEST, poisonable(DummyClassifier(strategy="prior")), rows=1000)
    assert value_of(constant, "backdoor_success") in (0.0, None)
    assert value_of(constant, "roc_auc_drop") == 0.0


def test_labels_taken_from_a_group_widen_the_gap():
    subject = poisonable(DecisionTreeClassifier(max_depth=6, random_state=0), Column("sex", "sensitive"))
    outcome = outcome_of(TEST, subject, rows=1000, share=0.1)
    kind = "flipped for sex 1"
    aimed = measure_of(outcome, "selection_rate_gap_change", poison=kind, sex="*")
    assert aimed.value > 0.1
    assert aimed.ci[0] > 0


def test_more_labels_hard_decisions_and_numbers_are_poisoned_too():
    data = load_wine(as_frame=True)
    frame = data.data.assign(y=data.target)
    model = DecisionTreeClassifier(random_state=0).fit(data.data, data.target)
    wine = outcome_of(TEST, Subject(model, frame, Target("y"), reference=frame))
    assert value_of(wine, "roc_auc_drop") is not None
    hard = outcome_of(
        TEST, poisonable(VotingClassifier([("tree", DecisionTreeClassifier(max_depth=3))], voting="hard"))
    )
    assert value_of(hard, "accuracy_drop") is not None
    house = outcome_of(TEST, house_subject(DecisionTreeRegressor(random_state=0)))
    assert value_of(house, "r2_drop", poison="mirrored where it hurts") > value_of(house, "r2_drop")
    assert value_of(house, "backdoor_success") is not None


def test_what_it_cannot_do_it_says():
    with pytest.raises(NotApplicable, match="Needs the training data"):
        outcome_of(TEST, poisonable(LogisticRegression(), reference=None))
    with pytest.raises(NotApplicable, match="lacks 'y'"):
        outcome_of(TEST, poisonable(LogisticRegression(), reference=table().drop(columns="y")))
    with pytest.raises(NotApplicable, match="at least 100"):
        outcome_of(TEST, poisonable(LogisticRegression(), reference=table(80)))
    frame = table().assign(y=lambda f: (f["y"] == "yes").astype(int))
    with pytest.raises(NotApplicable, match="cannot be trained again"):
        outcome_of(TEST, subject_of(frame, HardRule(lambda f: f["a"] > 0, ["a"]), reference=frame))


def test_randomness_is_fixed_and_a_search_is_not_repeated():
    search = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2).fit([[0], [1]] * 10, [0, 1] * 10)
    blank = blank_copy(search, np.random.default_rng(0))
    assert isinstance(blank, DecisionTreeClassifier)
    assert isinstance(blank.random_state, int)
    assert blank_copy(Ridge(), np.random.default_rng(0)).random_state is not None


def test_the_same_seed_gives_the_same():
    subject = poisonable(DecisionTreeClassifier(), Column("sex", "sensitive"))
    assert outcome_of(TEST, subject) == outcome_of(TEST, subject)


def test_a_time_limit_keeps_the_share_of_the_verdict(monkeypatch):
    monkeypatch.setattr("assessments.battery.robustness._quality.monotonic", itertools.count().__next__)
    outcome = outcome_of(TEST, poisonable(LogisticRegression()), seconds=3)
    assert value_of(outcome, "roc_auc_drop") is not None
    assert outcome.notes[-1].startswith("Incomplete: the limit of 3 s was reached.")
