"""Reconstruction: rows are recovered from real parameters, and where the attack cannot tell it does not say "pass"."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from assessments.battery.plan import Target
from assessments.battery.privacy import _sums
from assessments.battery.robustness._art import art
from assessments.battery.spec import NotApplicable
from assessments.battery.subject import Subject
from tests.battery.subjects import outcome_of, value_of

TEST = "privacy.reconstruction"


def halves(load):
    data = load(as_frame=True)
    frame = data.data.assign(y=data.target).sample(frac=1, random_state=0).reset_index(drop=True)
    cut = 2 * len(frame) // 3
    return list(data.data), frame[:cut].reset_index(drop=True), frame[cut:].reset_index(drop=True)


def attacked(load, model, reference="own"):
    columns, before, now = halves(load)
    fitted = make_pipeline(StandardScaler(), model).fit(before[columns], before["y"])
    other = now.sample(len(before), replace=True, random_state=0)
    given = {"own": before, "other": other, "none": None}[reference]
    return outcome_of(TEST, Subject(fitted, now, Target("y"), reference=given), plan="standard")


@pytest.mark.parametrize(
    ("load", "model"),
    [
        (load_iris, GaussianNB()),
        (load_iris, LogisticRegression(solver="newton-cholesky", tol=1e-8)),
        (load_iris, LogisticRegression(solver="newton-cg", tol=1e-8, class_weight="balanced", C=0.3)),
        (load_diabetes, LinearRegression()),
        (load_diabetes, Ridge(3.0)),
    ],
)
def test_parameters_that_are_sums_give_every_row_away(load, model):
    outcome = attacked(load, model)
    assert value_of(outcome, "reconstructed_share") == 1
    assert value_of(outcome, "reconstruction_error") < 1e-6


def test_two_classes_with_a_penalised_intercept():
    outcome = attacked(load_breast_cancer, LogisticRegression(solver="liblinear", tol=1e-9, max_iter=2000))
    assert value_of(outcome, "reconstructed_share") > 0.5


def test_training_that_stops_at_the_usual_tolerance_hides_them():
    assert value_of(attacked(load_breast_cancer, LogisticRegression(max_iter=1000)), "reconstructed_share") == 0


def test_a_missing_row_is_what_is_missing():
    """The row is taken out of the sums by hand, one at a time, as the attacker would."""
    columns, before, _ = halves(load_iris)
    x, y = before[columns].to_numpy(), before["y"].to_numpy()
    model = GaussianNB().fit(x, y)
    found = _sums.from_class_means(model, x, y)
    for row in (0, 17, 99):
        others = np.delete(x, row, axis=0)[np.delete(y, row) == y[row]]
        byhand = model.class_count_[y[row]] * model.theta_[y[row]] - others.sum(axis=0)
        assert found[row] == pytest.approx(byhand, abs=1e-9)
        assert found[row] == pytest.approx(x[row], abs=1e-9)


def test_the_weights_of_a_row_are_taken_out_by_hand_too():
    columns, before, _ = halves(load_breast_cancer)
    x, y = StandardScaler().fit_transform(before[columns]), before["y"].to_numpy()
    model = LogisticRegression(solver="newton-cholesky", tol=1e-10, C=0.1).fit(x, y)
    found = _sums.optimum_of(model, x, y).rows()
    for row in (3, 200):
        others, labels = np.delete(x, row, axis=0), np.delete(y, row)
        wrong = model.predict_proba(others)[:, 1] - labels
        byhand = (model.coef_[0] / 0.1 + wrong @ others) / wrong.sum()
        assert found[row] == pytest.approx(byhand, rel=1e-6)


@pytest.mark.parametrize("model", [GaussianNB(), LogisticRegression(max_iter=1000), LinearRegression()])
def test_other_rows_than_those_trained_on_are_no_pass(model):
    load = load_diabetes if isinstance(model, LinearRegression) else load_breast_cancer
    with pytest.raises(NotApplicable, match="not the rows it was trained on|no optimum for the training rows"):
        attacked(load, model, "other")


def test_rows_inside_the_model_are_counted():
    neighbours = attacked(load_iris, KNeighborsClassifier())
    assert (value_of(neighbours, "rows_held"), value_of(neighbours, "held_share")) == (100, 1)
    columns, before, _ = halves(load_breast_cancer)
    model = SVC().fit(StandardScaler().fit_transform(before[columns]), before["y"])
    vectors = attacked(load_breast_cancer, SVC())
    assert value_of(vectors, "rows_held") == len(model.support_)
    assert value_of(vectors, "held_share") == pytest.approx(len(model.support_) / len(before))
    alone = attacked(load_breast_cancer, SVC(), "none")
    assert value_of(alone, "rows_held") == len(model.support_)
    assert "--reference FILE" in alone.notes[1]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (RandomForestClassifier(5, random_state=0), "this one is a RandomForestClassifier"),
        (LogisticRegression(fit_intercept=False), "no intercept"),
        (LogisticRegression(l1_ratio=1.0, solver="saga", max_iter=5000), "only l2 is attacked"),
    ],
)
def test_it_says_why_it_does_not_apply(model, reason):
    with pytest.raises(NotApplicable, match=reason):
        attacked(load_iris, model)
    with pytest.raises(NotApplicable, match="--reference FILE"):
        attacked(load_iris, GaussianNB(), "none")


@pytest.mark.long
def test_arts_search_finds_the_same_row():
    """The Adversarial Robustness Toolbox refits the model until its parameters agree; ours is the same row at once."""
    columns, before, _ = halves(load_iris)
    x, y = before[columns].to_numpy()[:40], before["y"].to_numpy()[:40]
    model = GaussianNB().fit(x, y)
    wrapped = art("estimators.classification.scikitlearn").ScikitlearnGaussianNB(model)
    theirs, _ = art("attacks.inference.reconstruction").DatabaseReconstruction(wrapped).reconstruct(x[1:], y[1:])
    assert _sums.from_class_means(model, x, y)[0] == pytest.approx(theirs[0], abs=1e-4)
