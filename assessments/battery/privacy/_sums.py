"""Parameters that are sums over the training rows: who knows all rows but one can subtract them and is left with it.

GaussianNB keeps each class's mean. A linear model is trained until Σ s (p - y) x + penalty = 0: the part of the row
that is missing is minus the sum of the others', and its direction is the row. No search is needed: every row is tried.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.spec import NotApplicable

Floats = NDArray[np.float64]
LINEAR = ("LogisticRegression", "LogisticRegressionCV", "LinearRegression", "Ridge", "RidgeCV")
OPTIMUM = 2.0  # times the solver's tolerance: what is further off is no optimum for these rows


def from_class_means(model: Any, x: Floats, y: NDArray[np.int64]) -> Floats:
    """(n, d) each row as it follows from GaussianNB's means and the other rows. y: positions in model.classes_."""
    counts = np.bincount(y, minlength=len(model.classes_))
    if not np.array_equal(counts, np.asarray(model.class_count_)):
        raise NotApplicable(
            f"The model counts {int(np.sum(model.class_count_)):,} training rows in other classes than the "
            f"{len(y):,} given: these are not the rows it was trained on."
        )
    sums = np.zeros_like(np.asarray(model.theta_, dtype=float))
    np.add.at(sums, y, x)
    return np.asarray((counts[:, None] * model.theta_)[y] - (sums[y] - x))


@dataclass(frozen=True)
class Optimum:
    """The conditions of a linear model's training. residuals (n, k): p - y by output; weights (n,).

    slope (k, d) and offset (k,): what the penalty adds to the sums of residual times row, and of residuals.
    """

    x: Floats
    residuals: Floats
    weights: Floats
    slope: Floats
    offset: Floats
    tolerance: float

    def rows(self) -> Floats:
        """(n, d) each row as it follows from the others."""
        weighted = self.residuals * self.weights[:, None]
        self._check(weighted)
        left = -(self.offset + weighted.sum(axis=0) - weighted)  # (n, k) residual of the missing row
        sums = self.slope + weighted.T @ self.x
        along = np.einsum("nk,kd->nd", left, sums)  # of all rows; the row's own part is taken out
        own = (left * weighted).sum(axis=1)[:, None] * self.x
        size = (left**2).sum(axis=1)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(-(along - own) / size)

    def _check(self, weighted: Floats) -> None:
        """Where the parameters are no optimum for these rows, that the attack fails says nothing."""
        off = np.column_stack([self.offset + weighted.sum(axis=0), self.slope + weighted.T @ self.x]) / len(self.x)
        size = max(1.0, float(np.abs(weighted).mean())) * np.maximum(1.0, np.append(1.0, np.abs(self.x).mean(axis=0)))
        if (np.abs(off) > OPTIMUM * self.tolerance * size).any():
            raise NotApplicable(
                "The parameters are no optimum for the training rows given: either these are not the rows it was "
                "trained on, or training was stopped early. That the attack fails then says nothing."
            )


def optimum_of(model: Any, x: Floats, y: NDArray[Any]) -> Optimum:
    """The conditions for these training rows. y: positions in model.classes_, or numbers. Raises NotApplicable."""
    name = type(model).__name__
    if not model.fit_intercept:
        raise NotApplicable("The model has no intercept: without one only the direction of a row can be recovered.")
    coef = np.atleast_2d(np.asarray(model.coef_, dtype=float))
    if name in ("LinearRegression", "Ridge", "RidgeCV"):
        if getattr(model, "positive", False) or coef.shape[0] != 1:
            raise NotApplicable("Linear models held positive, or of several outputs, are not attacked.")
        residuals = (x @ coef[0] + float(np.ravel(model.intercept_)[0]) - y)[:, None]
        alpha = float(getattr(model, "alpha_", getattr(model, "alpha", 0.0)))
        return Optimum(x, residuals, np.ones(len(x)), alpha * coef, np.zeros(1), _solved(model))
    _check_penalty(model)
    strength = _strength(model)
    slope = coef * (0.0 if np.isinf(strength) else 1 / strength)
    offset = np.zeros(len(coef))
    if model.solver == "liblinear":  # it penalises the intercept too
        offset = np.ravel(model.intercept_) / (strength * float(model.intercept_scaling) ** 2)
    weights = _class_weights(model, y)
    return Optimum(x, _residuals(model, x, y, coef), weights, slope, offset, float(model.tol))


def _solved(model: Any) -> float:
    """How exactly the normal equations hold: as an iterative solver leaves them, or to the last digits."""
    return float(model.tol) if getattr(model, "solver", "") in ("sag", "saga", "lsqr", "sparse_cg", "lbfgs") else 1e-6


def _check_penalty(model: Any) -> None:
    penalty, ratio = getattr(model, "penalty", "l2"), getattr(model, "l1_ratio", 0) or 0
    if penalty in ("l1", "elasticnet") or (penalty == "deprecated" and ratio):
        raise NotApplicable("The penalty sets parameters to 0, which hides what they were: only l2 is attacked.")


def _strength(model: Any) -> float:
    if getattr(model, "penalty", "l2") in (None, "none"):
        return float("inf")
    chosen = np.unique(np.ravel(model.C_)) if hasattr(model, "C_") else np.array([model.C])
    if len(chosen) > 1:
        raise NotApplicable("Each class was trained with a strength of its own.")
    return float(chosen[0])


def _residuals(model: Any, x: Floats, y: NDArray[np.int64], coef: Floats) -> Floats:
    """(n, k) probability minus outcome, as the model's own loss has them."""
    scores = x @ coef.T + np.ravel(model.intercept_)
    if len(coef) == 1:
        return np.asarray(1 / (1 + np.exp(-scores)) - (y == 1)[:, None])
    truth = np.eye(len(coef))[y]
    if model.solver == "liblinear":
        return np.asarray(1 / (1 + np.exp(-scores)) - truth)
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(scores / scores.sum(axis=1, keepdims=True) - truth)


def _class_weights(model: Any, y: NDArray[np.int64]) -> Floats:
    if model.class_weight is None:
        return np.ones(len(y))
    from sklearn.utils.class_weight import compute_class_weight

    at = np.arange(len(model.classes_))
    given = model.class_weight
    if isinstance(given, dict):
        given = {position: given.get(label, 1.0) for position, label in enumerate(model.classes_)}
    return np.asarray(compute_class_weight(given, classes=at, y=y)[y])
