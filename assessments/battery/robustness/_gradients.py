"""Models with a gradient, in the coordinates of an attack.

ART knows the gradients of three scikit-learn estimators: those of logistic regression go wrong behind a scaler, those
of support vectors are Python loops of seconds, and the linear support vector machine's answers are steps without a
slope. Here a model is a formula for its logits, numbers whose largest is the decision, with its derivative: linear
models, support vectors, multi-layer perceptrons and Gaussian naive Bayes, behind any preparation that is affine. Each
is checked against the model itself before it is attacked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.answers import ClassAnswers
from assessments.battery.robustness._affine import Affine, NotAffine
from assessments.battery.robustness._encoding import Encoding
from assessments.battery.robustness._lockstep import Floats, Rows
from assessments.battery.subject import Subject

ACTIVATIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {  # with the slope by the result
    "identity": (lambda z: z, np.ones_like),
    "relu": (lambda z: np.maximum(z, 0), lambda a: (a > 0).astype(float)),
    "tanh": (np.tanh, lambda a: 1 - a**2),
    "logistic": (lambda z: 1 / (1 + np.exp(-np.clip(z, -500, 500))), lambda a: a * (1 - a)),
}
AGREEMENT = 0.95  # with the model's decisions; what an attack finds is asked of the model itself in any case
STEEPNESS = 4.0
Formula = Callable[[Floats], tuple[Floats, Floats]]  # inputs (m, p) -> logits (m, k), slopes (m, k, p)


class NoGradient(ValueError):
    """The model has none here; the message says why, as the end of a sentence."""


@dataclass(frozen=True)
class Differentiable:
    """logits and slopes of points (m, d), columns in the order of the subject's labels."""

    affine: Affine
    formula: Formula
    order: NDArray[np.intp]

    @classmethod
    def of(cls, subject: Subject, encoding: Encoding, rng: np.random.Generator) -> "Differentiable":
        """Raises NoGradient."""
        answers = subject.answers
        if not isinstance(answers, ClassAnswers):
            raise NoGradient("it predicts a number")
        try:
            affine = Affine.of(subject, encoding, rng)
            formula = formula_of(affine.final)
        except NotAffine as error:
            raise NoGradient(str(error)) from error
        found = cls(affine, formula, answers.class_of_label)
        points = encoding.origin
        decided = subject.predict_codes(encoding.decode(points, np.arange(len(encoding))))
        if (found.logits(points, np.arange(len(encoding))).argmax(axis=1) == decided).mean() < AGREEMENT:
            raise NoGradient("the formula of its kind does not give its decisions")
        return found

    def logits(self, points: Floats, rows: Rows) -> Floats:
        return np.asarray(self.formula(self.affine.inputs(points, rows))[0][:, self.order])

    def slopes(self, points: Floats, rows: Rows) -> Floats:
        """(m, k, d) the derivative of each logit by each coordinate."""
        _, slopes = self.formula(self.affine.inputs(points, rows))
        return np.stack([self.affine.back(slopes[:, k], rows) for k in self.order], axis=1)


def formula_of(model: Any) -> Formula:
    """Raises NoGradient."""
    name = type(model).__name__
    if not type(model).__module__.startswith("sklearn."):
        raise NoGradient(f"{name} has none that is known here")
    if name in ("SVC", "NuSVC"):
        return _support_vectors(model)
    if name == "MLPClassifier":
        return _perceptron(model)
    if name == "GaussianNB":
        return _naive_bayes(model)
    if hasattr(model, "coef_") and hasattr(model, "decision_function"):
        return _linear(np.atleast_2d(np.asarray(model.coef_, dtype=float)), np.ravel(model.intercept_).astype(float))
    raise NoGradient(f"{name} has none: its decisions are steps, or it does not tell")


def _linear(weights: Floats, bias: Floats) -> Formula:
    if len(weights) == 1:
        weights, bias = np.vstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2

    def formula(x: Floats) -> tuple[Floats, Floats]:
        slopes = np.broadcast_to(weights, (len(x), *weights.shape))
        return np.einsum("mp,kp->mk", x, weights) + bias, slopes

    return formula


def _support_vectors(model: Any) -> Formula:
    """One decision value a pair of classes, which votes; a class's logit is the sum of its votes, made smooth. With two
    classes it is the decision value itself, halved as for linear models."""
    if callable(model.kernel) or model.kernel == "precomputed" or hasattr(model.support_vectors_, "toarray"):
        raise NoGradient("its kernel is not one of the built-in ones")
    vectors, k = np.asarray(model.support_vectors_, dtype=float), len(model.classes_)
    dual, bias = np.asarray(model._dual_coef_, dtype=float), np.asarray(model._intercept_, dtype=float)
    starts = np.concatenate([[0], np.cumsum(model.n_support_)])
    pairs = [(i, j) for i in range(k) for j in range(i + 1, k)]
    weights = np.zeros((len(pairs), len(vectors)))
    for row, (i, j) in enumerate(pairs):
        of_i, of_j = slice(starts[i], starts[i + 1]), slice(starts[j], starts[j + 1])
        weights[row, of_i], weights[row, of_j] = dual[j - 1, of_i], dual[i, of_j]
    kernel = _kernel(model, vectors)

    def formula(x: Floats) -> tuple[Floats, Floats]:
        values, outer, inner = kernel(x)
        f = np.einsum("ms,qs->mq", values, weights) + bias
        slopes = np.stack([np.einsum("ms,sp->mp", outer * w, vectors) for w in weights], axis=1)
        if inner is not None:
            slopes -= np.stack([(outer * w).sum(1)[:, None] * x for w in weights], axis=1)
        if k == 2:
            return np.column_stack([f, -f]) / 2, np.concatenate([slopes, -slopes], axis=1) / 2
        bounded = np.tanh(STEEPNESS * f)
        rate = STEEPNESS * (1 - bounded**2)
        logits, slope = np.zeros((len(x), k)), np.zeros((len(x), k, x.shape[1]))
        for q, (i, j) in enumerate(pairs):
            for c, sign in ((i, 1), (j, -1)):
                logits[:, c] += sign * bounded[:, q]
                slope[:, c] += sign * rate[:, [q]] * slopes[:, q]
        return logits, slope

    return formula


def _kernel(model: Any, vectors: Floats) -> Callable[[Floats], tuple[Floats, Floats, Any]]:
    """values (m, s), and outer (m, s) so that the derivative is outer * (vector - x), or outer * vector."""
    gamma, shift, degree = float(model._gamma), float(model.coef0), int(model.degree)
    squares = (vectors**2).sum(1)

    def values(x: Floats) -> tuple[Floats, Floats, Any]:
        dots = np.einsum("mp,sp->ms", x, vectors)
        if model.kernel == "rbf":
            found = np.exp(-gamma * np.maximum((x**2).sum(1)[:, None] + squares - 2 * dots, 0.0))
            return found, 2 * gamma * found, True
        if model.kernel == "linear":
            return dots, np.ones_like(dots), None
        inside = gamma * dots + shift
        if model.kernel == "poly":
            return inside**degree, degree * gamma * inside ** (degree - 1), None
        found = np.tanh(inside)
        return found, gamma * (1 - found**2), None

    return values


def _perceptron(model: Any) -> Formula:
    weights = [np.asarray(layer, dtype=float) for layer in model.coefs_]
    biases = [np.asarray(layer, dtype=float) for layer in model.intercepts_]
    if model.out_activation_ != "softmax" and model.n_outputs_ > 1:
        raise NoGradient("it gives several answers a row")
    act, rate = ACTIVATIONS[model.activation]

    def formula(x: Floats) -> tuple[Floats, Floats]:
        layers, out = [], x
        for at, (w, b) in enumerate(zip(weights, biases, strict=True)):
            out = np.einsum("mp,pq->mq", out, w) + b
            if at < len(weights) - 1:
                out = act(out)
                layers.append(rate(out))
        slopes = np.broadcast_to(weights[-1].T, (len(x), *weights[-1].T.shape))
        for w, rates in zip(reversed(weights[:-1]), reversed(layers), strict=True):
            slopes = np.einsum("mkq,pq->mkp", slopes * rates[:, None, :], w)
        if out.shape[1] == 1:
            return np.column_stack([-out, out]) / 2, np.concatenate([-slopes, slopes], axis=1) / 2
        return out, slopes

    return formula


def _naive_bayes(model: Any) -> Formula:
    means, variances = np.asarray(model.theta_, dtype=float), np.asarray(model.var_, dtype=float)
    constant = np.log(model.class_prior_) - 0.5 * np.log(2 * np.pi * variances).sum(1)

    def formula(x: Floats) -> tuple[Floats, Floats]:
        away = x[:, None, :] - means
        return constant - 0.5 * (away**2 / variances).sum(2), -away / variances

    return formula
