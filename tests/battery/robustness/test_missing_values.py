"""Missing values: formulas that say what they do with one, and models that refuse them."""

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from assessments.battery.plan import Target
from assessments.battery.spec import NotApplicable
from assessments.battery.subject import Subject
from tests.battery.subjects import HardRule, measure_of, outcome_of, subject_of, value_of
from tests.battery.test_regression import house_subject

TEST = "robustness.missing_values"


def table(rows=3000):
    rng = np.random.default_rng(6)
    x = rng.normal(size=(rows, 2))
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": (x[:, 0] + 0.3 * x[:, 1] > 0).astype(int)})


def test_a_missing_value_that_decides_flips_as_often_as_it_is_missing():
    """Half of the rows are decided 1, and a missing value makes the decision 0."""
    subject = subject_of(table(), HardRule(lambda f: f["a"].fillna(-1) > 0, ["a", "b"]))
    outcome = outcome_of(TEST, subject, rows=3000, repeats=20, share=0.2)
    positive = (subject.frame["a"] > 0).mean()
    assert value_of(outcome, "flip_rate") == pytest.approx(0.2 * positive, abs=0.004)
    assert value_of(outcome, "worst_column_flip_rate", column="a") == pytest.approx(positive)


def test_the_loss_of_a_column_that_is_missing_is_what_the_model_loses_without_it():
    frame = table()
    model = HistGradientBoostingClassifier(random_state=0).fit(frame[["a", "b"]].iloc[:1500], frame["y"].iloc[:1500])
    subject = Subject(model, frame.iloc[1500:].reset_index(drop=True), Target("y", "1"))
    outcome = outcome_of(TEST, subject, rows=1500)
    row = next(row for row in outcome.tables[1].rows if row[0] == "a")
    from sklearn.metrics import roc_auc_score

    blind = subject.frame[["a", "b"]].assign(a=np.nan)
    before, after = (model.predict_proba(f)[:, 1] for f in (subject.frame[["a", "b"]], blind))
    expected = roc_auc_score(subject.frame["y"], before) - roc_auc_score(subject.frame["y"], after)
    assert row[1] == pytest.approx(expected, abs=1e-9)


def test_a_model_that_refuses_them_is_not_passed():
    frame = table(300)
    model = LogisticRegression().fit(frame[["a", "b"]], frame["y"])
    with pytest.raises(NotApplicable, match="refuses missing values in every column .*contains NaN"):
        outcome_of(TEST, Subject(model, frame, Target("y", "1")))


def test_columns_in_which_they_are_refused_are_named():
    subject = house_subject()  # the encoder of the text takes them, the ridge does not
    outcome = outcome_of(TEST, subject)
    assert value_of(outcome, "refused_share") == pytest.approx(2 / 3)
    assert [row[0] for row in outcome.tables[-1].rows] == ["area", "rooms"]
    assert measure_of(outcome, "worst_column_flip_rate", column="quarter").value > 0.2
    assert outcome == outcome_of(TEST, subject)


def test_a_time_limit_keeps_the_share_of_the_verdict(monkeypatch):
    monkeypatch.setattr("assessments.battery.robustness._quality.monotonic", itertools.count().__next__)
    subject = subject_of(table(), HardRule(lambda f: f["a"].fillna(-1) > 0, ["a", "b"]))
    outcome = outcome_of(TEST, subject, seconds=2)
    assert value_of(outcome, "flip_rate") is not None
    assert "Not measured: 1 % missing, 10 % missing, 20 % missing, a empty, b empty." in outcome.notes[0]
