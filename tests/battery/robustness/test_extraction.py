"""Extraction: a linear model is copied exactly, a coin cannot be copied, and the numbers are plain agreement."""

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from assessments.battery.plan import Column, Target
from assessments.battery.robustness import _thieves as thieves
from assessments.battery.robustness.extraction import Heist
from assessments.battery.subject import Subject
from tests.battery.subjects import HardRule, adult_subject, outcome_of, subject_of, value_of
from tests.battery.test_regression import house_subject

TEST = "robustness.extraction"


def table(rows=1500, seed=1):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"a": rng.normal(size=rows), "b": rng.uniform(0, 5, rows), "kind": rng.choice(["x", "z"], rows)}
    )
    lean = frame["a"] + 0.5 * (frame["b"] - 2.5) + (frame["kind"] == "x") + rng.normal(0, 1, rows)
    return frame.assign(y=(lean > 0.5).astype(int))


def copies(outcome):
    """Agreement by (questions, answers, how many, copy)."""
    return {tuple(row[:4]): row[4] for row in outcome.tables[0].rows}


@pytest.mark.parametrize("model", [LogisticRegression(), LinearSVC()])
def test_the_scores_of_a_linear_model_give_it_away_exactly(model):
    frame = table()
    subject = Subject(model.fit(frame[["a", "b"]], frame["y"]), frame, Target("y", "1"))
    found = copies(outcome_of(TEST, subject, plan="standard", seconds=600.0))
    assert found["random", "scores", 100, "linear"] == 1.0
    assert found["shuffled", "scores", 1000, "linear"] == 1.0


def test_a_line_through_numbers_is_copied_exactly():
    frame = table()
    line = LinearRegression().fit(frame[["a", "b"]], frame["a"] + 2 * frame["b"])
    outcome = outcome_of(
        TEST, Subject(line, frame.assign(y=frame["a"] + frame["b"]), Target("y")), plan="standard", seconds=600.0
    )
    assert value_of(outcome, "extraction_r2") == pytest.approx(1.0, abs=1e-9)
    assert value_of(outcome, "extraction_lift") > 0


def test_a_tree_is_copied_by_a_tree_and_digits_are_not():
    frame = table()
    tree = DecisionTreeClassifier(max_depth=2, random_state=0).fit(frame[["a", "b"]], frame["y"])
    easy = outcome_of(TEST, Subject(tree, frame, Target("y", "1")), plan="standard", seconds=600.0)
    assert value_of(easy, "extraction_fidelity") > 0.95
    hidden = subject_of(frame, HardRule(lambda f: (1000 * f["b"]).astype(int) % 2, ["a", "b"]))
    hard = outcome_of(TEST, hidden, plan="standard", seconds=600.0)
    assert value_of(hard, "extraction_fidelity") < 0.6


def test_agreement_is_counted_as_anybody_would():
    """The thief's own tree, trained by hand on the same questions, agrees as often."""
    frame = table()
    subject = Subject(LogisticRegression().fit(frame[["a", "b"]], frame["y"]), frame, Target("y", "1"))
    heist = Heist.plan(subject, 400, np.random.default_rng(5))
    x, told, _ = heist.ask(thieves.SHUFFLED, 300, np.random.default_rng(6))
    found = heist.steal("tree", thieves.LABELS, (x, told, None), np.random.default_rng(7))
    seed = int(np.random.default_rng(7).integers(2**31))
    tree = DecisionTreeClassifier(min_samples_leaf=3, random_state=seed).fit(x, told.predicted)
    assert found.mean() == np.mean(tree.predict(heist.compared) == heist.told)
    assert len(heist.own) + len(heist.told) == 750 + 400


def test_questions_keep_to_what_the_thief_knows():
    frame = table().assign(n=lambda f: np.arange(len(f)) % 7)
    rule = HardRule(lambda f: f["a"] > 0, ["a", "kind", "n"])
    subject = subject_of(frame, rule, Column("a", min=-1, max=1), Column("n", min=0, max=6))
    own = subject.coder.encode(frame[["a", "kind", "n"]])[:100]
    drawn = thieves.questions(subject, own, thieves.RANDOM, 500, np.random.default_rng(0))
    assert (np.abs(drawn[:, 0]).max() <= 1, set(drawn[:, 1]), set(drawn[:, 2])) == (True, {0, 1}, set(range(7)))
    shuffled = thieves.questions(subject, own, thieves.SHUFFLED, 500, np.random.default_rng(0))
    assert all(set(shuffled[:, at]) <= set(own[:, at]) for at in range(3))
    real = thieves.questions(subject, own, thieves.REAL, 50, np.random.default_rng(0))
    assert {tuple(row) for row in real} <= {tuple(row) for row in own}


def test_missing_values_and_categories_are_seen_by_the_thief():
    frame = table()
    frame.loc[::3, "a"] = np.nan
    subject = subject_of(frame, HardRule(lambda f: f["a"].isna() | (f["kind"] == "x"), ["a", "kind"]))
    found = copies(outcome_of(TEST, subject, plan="standard", seconds=600.0))
    assert found["real rows", "decisions", 750, "tree"] == 1.0
    assert found["real rows", "decisions", 750, "linear"] == 1.0


def test_three_labels_and_numbers_are_stolen_too():
    data = load_iris(as_frame=True)
    model = RandomForestClassifier(10, random_state=0).fit(data.data, data.target)
    iris = outcome_of(
        TEST, Subject(model, data.data.assign(y=data.target), Target("y")), plan="standard", seconds=600.0
    )
    assert copies(iris)["shuffled", "scores", 1000, "boosting"] > 0.8
    house = outcome_of(TEST, house_subject(), plan="standard", seconds=600.0)
    assert value_of(house, "extraction_r2") > 0.99


def test_on_real_data_copying_beats_the_true_outcomes(adult_csv):
    subject = adult_subject(adult_csv)
    subject.count_afresh()
    outcome = outcome_of(TEST, subject, plan="standard", seconds=600.0)
    (lift,) = [m for m in outcome.measures if m.metric == "extraction_lift"]
    assert lift.ci[0] > 0
    asked = 100 + 1000 + 100 + 750 + 100 + 1000
    assert subject.queries == 750 + 2 * asked  # the rows compared, then decisions and scores of each question


def test_the_same_seed_gives_the_same_and_a_time_limit_keeps_the_verdict(monkeypatch):
    subject = house_subject()
    assert outcome_of(TEST, subject, seconds=600.0) == outcome_of(TEST, subject, seconds=600.0)
    monkeypatch.setattr("assessments.battery.robustness._quality.monotonic", itertools.count().__next__)
    cut = outcome_of(TEST, subject, seconds=4)
    assert value_of(cut, "extraction_r2") is not None
    assert cut.notes[-1].startswith("Incomplete: the limit of 4 s was reached.")
