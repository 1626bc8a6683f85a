"""Formulas for models: their decisions are the model's, their slopes are what differences say."""

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import KBinsDiscretizer, OrdinalEncoder
from sklearn.svm import SVC, LinearSVC

from assessments.battery.robustness._art import softmax, softmax_slopes
from assessments.battery.robustness._gradients import Differentiable, NoGradient
from assessments.battery.robustness._target import Target
from tests.battery.robustness.mixed import CATEGORIES, NUMBERS, subject_with

MODELS = {
    "logistic": LogisticRegression(),
    "linear svc": LinearSVC(random_state=0),
    "ridge": RidgeClassifier(),
    "sgd": SGDClassifier(random_state=0),
    "lda": LinearDiscriminantAnalysis(),
    "svc rbf": SVC(),
    "svc poly": SVC(kernel="poly", degree=2, coef0=1.0),
    "svc sigmoid": SVC(kernel="sigmoid", gamma=0.02, C=10),
    "svc linear": SVC(kernel="linear"),
    "mlp relu": MLPClassifier((6, 4), solver="lbfgs", max_iter=2000, random_state=0),
    "mlp tanh": MLPClassifier((6,), activation="tanh", solver="lbfgs", max_iter=2000, random_state=0),
    "mlp logistic": MLPClassifier((6,), activation="logistic", solver="lbfgs", max_iter=2000, random_state=0),
    "naive bayes": GaussianNB(var_smoothing=1e-2),
}


def differentiable(model, classes=2, **options):
    subject = subject_with(model, 200, classes, **options)
    target = Target.of_rows(subject, np.arange(40), {})
    return target, Differentiable.of(subject, target.encoding, np.random.default_rng(0))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", MODELS)
def test_slopes_are_what_differences_say(name, classes):
    target, model = differentiable(MODELS[name], classes)
    rows = np.arange(min(8, len(target.encoding)))
    points = 0.8 * target.encoding.origin[rows] + 0.1
    slopes, step = model.slopes(points, rows), 1e-6
    for j in range(target.encoding.d):
        ahead, behind = points.copy(), points.copy()
        ahead[:, j] += step
        behind[:, j] -= step
        difference = (model.logits(ahead, rows) - model.logits(behind, rows)) / (2 * step)
        assert slopes[:, :, j] == pytest.approx(difference, abs=2e-6 * (1 + np.abs(slopes).max()))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", MODELS)
def test_the_largest_logit_is_the_decision_on_rows_never_seen(name, classes):
    target, model = differentiable(MODELS[name], classes)
    rng = np.random.default_rng(1)
    rows, points = rng.integers(len(target.encoding), size=300), rng.uniform(size=(300, target.encoding.d))
    for block in target.encoding.blocks:
        points[:, block.at] = np.eye(len(block.values))[rng.integers(len(block.values), size=300)]
    decided = target.subject.predict_codes(target.encoding.decode(points, rows))
    assert (model.logits(points, rows).argmax(1) == decided).mean() >= (0.95 if "svc" in name and classes > 2 else 1)


def test_the_softmax_of_a_logistic_regression_is_its_probability():
    target, model = differentiable(LogisticRegression(), classes=3)
    shares = softmax(model.logits(target.encoding.origin, np.arange(len(target.encoding))))
    assert shares == pytest.approx(target.subject.predict_scores(target.before), abs=1e-12)


def test_the_slope_of_the_softmax_is_what_differences_say():
    rng = np.random.default_rng(0)
    logits, slopes, step = rng.normal(size=(5, 3)), rng.normal(size=(5, 3, 2)), 1e-6
    for j in range(2):
        ahead, behind = (softmax(logits + sign * step * slopes[:, :, j]) for sign in (1, -1))
        assert softmax_slopes(logits, slopes)[:, :, j] == pytest.approx((ahead - behind) / (2 * step), abs=1e-8)


def test_a_point_is_answered_alike_alone_and_among_others():
    for name in ("logistic", "svc rbf", "mlp relu"):
        target, model = differentiable(MODELS[name])
        points, rows = target.encoding.origin, np.arange(len(target.encoding))
        alone = np.concatenate([model.logits(points[[k]], rows[[k]]) for k in rows])
        assert (alone.astype(np.float32) == model.logits(points, rows).astype(np.float32)).all()


@pytest.mark.parametrize(
    ("model", "prepare", "reason"),
    [
        (RandomForestClassifier(5), None, "RandomForestClassifier has none"),
        (LogisticRegression(), make_column_transformer((KBinsDiscretizer(4), NUMBERS)), "not linear"),
        (
            LogisticRegression(max_iter=1000),
            make_column_transformer((OrdinalEncoder(), CATEGORIES), ("passthrough", NUMBERS)),
            "",
        ),
    ],
)
def test_a_model_without_a_gradient_says_why(model, prepare, reason):
    if not reason:
        differentiable(model, prepare=prepare)
        return
    with pytest.raises(NoGradient, match=reason):
        differentiable(model, prepare=prepare)
