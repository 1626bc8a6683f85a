"""What damage is measured with: the metrics are scikit-learn's, the intervals those of a bootstrap."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from assessments.battery.plan import Target
from assessments.battery.robustness import _quality as q
from assessments.battery.subject import Subject
from tests.battery.subjects import Rule, subject_of


def scored_subject(rows=600, seed=1):
    rng = np.random.default_rng(seed)
    score = np.round(rng.uniform(size=rows), 2)  # with ties
    frame = pd.DataFrame({"x": score, "y": (rng.uniform(size=rows) < score).astype(int)})
    return subject_of(frame, Rule(lambda f: f["x"], ["x"]))


def told(subject, scores):
    return q.Told((scores > 0.5).astype(int), np.column_stack([1 - scores, scores]))


def test_the_grades_are_those_of_scikit_learn():
    subject = scored_subject()
    answers = told(subject, subject.frame["x"].to_numpy())
    found = q.graded("roc_auc", subject, subject.y, answers)
    assert found.value == pytest.approx(metrics.roc_auc_score(subject.y, subject.frame["x"]), abs=1e-12)
    assert found.parts.mean() == pytest.approx(found.value, abs=1e-12)
    right = q.graded("accuracy", subject, subject.y, answers)
    assert right.value == metrics.accuracy_score(subject.y, answers.predicted)


def test_more_than_two_labels_are_averaged():
    data = load_iris(as_frame=True)
    frame = data.data[["sepal width (cm)"]].assign(y=data.target)
    model = LogisticRegression().fit(frame[["sepal width (cm)"]], frame["y"])
    subject = Subject(model, frame, Target("y"))
    found = q.graded("roc_auc", subject, subject.y, q.Told(subject.predicted, subject.scores))
    expected = metrics.roc_auc_score(frame["y"], model.predict_proba(frame[["sepal width (cm)"]]), multi_class="ovr")
    assert found.value == pytest.approx(expected, abs=1e-12)


def test_r2_is_that_of_scikit_learn():
    rng = np.random.default_rng(2)
    y, error = rng.exponential(1, 300), rng.normal(0, 0.5, 300)
    found = q.graded("r2", None, y, q.Told(y + error, None))
    assert found.value == pytest.approx(metrics.r2_score(y, y + error), abs=1e-12)
    assert found.parts.mean() == pytest.approx(found.value, abs=1e-12)


@pytest.mark.parametrize("metric", ["roc_auc", "accuracy"])
def test_the_interval_of_a_loss_is_that_of_a_paired_bootstrap(metric):
    subject = scored_subject()
    rng = np.random.default_rng(3)
    clean = subject.frame["x"].to_numpy()
    noisy = np.clip(clean + rng.normal(0, 0.2, len(clean)), 0, 1)
    value, (low, high) = q.drop(
        q.graded(metric, subject, subject.y, told(subject, clean)),
        [q.graded(metric, subject, subject.y, told(subject, noisy))],
    )
    draws = []
    for _ in range(400):
        i = rng.integers(0, len(clean), len(clean))
        if metric == "roc_auc":
            draws.append(metrics.roc_auc_score(subject.y[i], clean[i]) - metrics.roc_auc_score(subject.y[i], noisy[i]))
        else:
            draws.append(np.mean((clean[i] > 0.5) == subject.y[i]) - np.mean((noisy[i] > 0.5) == subject.y[i]))
    assert (low, high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.2 * (high - low))
    assert low < value < high


def test_a_rate_that_all_rows_share_gets_wilsons_interval():
    assert q.rate(np.zeros(100)) == (0.0, (0.0, pytest.approx(0.0370, abs=1e-3)))
    assert q.rate(np.ones(100))[1][1] == 1.0


def test_a_clock_says_what_it_left_out(monkeypatch):
    monkeypatch.setattr(q, "monotonic", iter([0, 1, 4]).__next__)
    clock = q.Clock(3)
    assert not clock.over("the first")
    assert clock.over("the second")
    assert clock.notes(3) == ["Incomplete: the limit of 3 s was reached. Not measured: the second."]
