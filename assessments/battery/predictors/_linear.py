"""Linear models and perceptrons: the estimator's own products on the same matrix, without its checks.

How BLAS rounds a sum depends on the layout of the matrix and on the rows beside it, so scores are made of the matrix as
the estimator has it. Decisions need that only where rounding could change them (see `_certain`).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from assessments.battery.predictors._certain import Certain
from assessments.battery.predictors._core import Array, Core, above, most_likely, softmax
from assessments.battery.predictors._unsupported import Unsupported


def linear_classifier(estimator: Any, scores_from: str) -> Core:
    """Everything that follows sklearn's LinearClassifierMixin."""
    coef, intercept = np.asarray(estimator.coef_), estimator.intercept_
    coef = coef.T if coef.ndim == 2 else coef

    def raw(X: Any) -> Array:
        found = np.asarray(X @ coef) + intercept
        return np.asarray(found.reshape(-1) if found.ndim > 1 and found.shape[1] == 1 else found)

    binary = len(estimator.classes_) == 2
    scores: Callable[[Array], Array] | None = None
    if scores_from == "decision_function":
        scores = _same
    elif type(estimator).__name__ in ("LogisticRegression", "LogisticRegressionCV"):
        scores = _pair if binary else softmax
    decide = above(0) if binary else most_likely
    weights = coef.reshape(len(coef), -1)
    certain = Certain([(weights, np.atleast_1d(intercept))], None)
    return Core(raw, scores=scores, decide=decide, as_trained=True, certain=certain, linear=weights)


def _same(raw: Array) -> Array:
    return raw


def _pair(decision: Array) -> Array:
    from scipy.special import expit

    second = expit(decision)
    return np.stack([1 - second, second], axis=1)


def linear_regressor(estimator: Any, scores_from: str) -> Core:
    """Everything that follows sklearn's LinearModel."""
    coef, intercept = np.asarray(estimator.coef_), estimator.intercept_
    if coef.ndim > 1 and coef.shape[0] > 1:
        raise Unsupported("it has several outputs")
    coef = coef if coef.ndim == 1 else coef.T
    linear = coef.reshape(len(coef), -1)
    return Core(lambda X: np.asarray(X @ coef) + intercept, values=np.ravel, as_trained=True, linear=linear)


def perceptron(estimator: Any, scores_from: str) -> Core:
    """MLPClassifier and MLPRegressor."""
    from sklearn.neural_network._base import ACTIVATIONS

    hidden, last = ACTIVATIONS[estimator.activation], ACTIVATIONS[estimator.out_activation_]
    layers = list(zip(estimator.coefs_, estimator.intercepts_, strict=True))

    def raw(X: Any) -> Array:
        found = X
        for number, (weights, intercepts) in enumerate(layers):
            found = np.asarray(found @ weights)
            found += intercepts
            (last if number == len(layers) - 1 else hidden)(found)
        return np.asarray(found)

    if not hasattr(estimator, "classes_"):
        if estimator.n_outputs_ > 1:
            raise Unsupported("it has several outputs")
        return Core(raw, values=np.ravel, as_trained=True)
    certain = Certain(layers, hidden) if estimator.out_activation_ in ("logistic", "softmax") else None
    if estimator.n_outputs_ == 1:
        return Core(
            raw,
            scores=lambda found: np.vstack([1 - found.ravel(), found.ravel()]).T,
            decide=above(0.5),
            as_trained=True,
            certain=certain,
        )
    return Core(raw, scores=np.asarray, decide=most_likely, as_trained=True, certain=certain)
