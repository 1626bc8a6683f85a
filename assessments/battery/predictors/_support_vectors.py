"""Support vector classifiers: all kernels of a lot of rows by one matrix product.

libsvm adds up in another order, so a sum differs from its sum in the last digits. A decision is taken from ours only
where its margin is beyond all that rounding could have done on either side; the few rows that are closer to the border
are asked of the estimator. Scores are the estimator's own.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.predictors._core import Array, Core
from assessments.battery.predictors._unsupported import Unsupported

LOT = 512  # rows whose kernels are held at a time
EPSILON = float(np.finfo(np.float64).eps)


def support_vectors(estimator: Any, scores_from: str) -> Core:
    """SVC and NuSVC with a linear or radial kernel, trained on a dense matrix."""
    if estimator.kernel not in ("rbf", "linear") or estimator._sparse or estimator.break_ties:
        raise Unsupported(
            f"its kernel is {estimator.kernel}" if not estimator._sparse else "it was trained on sparse rows"
        )
    margins = _Margins(estimator)

    def decide(X: Array) -> NDArray[np.int64]:
        lots = [margins.decide(X[start : start + LOT]) for start in range(0, len(X), LOT)]
        decided, sure = (np.concatenate(each) for each in zip(*lots, strict=True))
        if not sure.all():
            decided[~sure] = np.searchsorted(estimator.classes_, estimator.predict(X[~sure]))
        return decided

    def scores(X: Array) -> Array:
        return np.asarray(getattr(estimator, scores_from)(X))

    return Core(
        lambda X: np.ascontiguousarray(X, dtype=float),
        scores=scores if scores_from else None,
        decide=decide,
        as_trained=True,
    )


class _Margins:
    def __init__(self, estimator: Any) -> None:
        self.vectors = np.ascontiguousarray(estimator.support_vectors_.T)
        self.squares = (self.vectors**2).sum(axis=0)
        self.gamma = float(estimator._gamma) if estimator.kernel == "rbf" else 0.0
        self.classes = len(estimator.classes_)
        self.weights, self.pairs = _weights(estimator)
        self.constant = np.asarray(estimator.intercept_, dtype=float)
        self.total = np.abs(self.weights).sum(axis=0)

    def decide(self, X: Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Positions of the classes, and of which rounding cannot have decided."""
        products = X @ self.vectors
        square = (X**2).sum(axis=1)
        reach = (np.sqrt(square) + np.sqrt(self.squares.max())) ** 2  # bounds every term of a distance or product
        if self.gamma:
            products *= 2
            products -= self.squares
            products -= square[:, None]
            products *= self.gamma
            np.minimum(products, 0, out=products)
            kernels = np.exp(products, out=products)
            error, largest = self.gamma * reach * (len(self.vectors) + 8), np.ones(len(X))
        else:
            kernels = products
            error, largest = reach * (len(self.vectors) + 8), reach
        margin = kernels @ self.weights + self.constant
        error = 4 * EPSILON * (error + largest * (len(self.squares) + 8))
        bound = error[:, None] * self.total + 8 * EPSILON * np.abs(self.constant)
        sure = (np.abs(margin) > bound).all(axis=1)
        if self.classes == 2:
            return (margin[:, 0] > 0).astype(np.int64), sure
        votes = np.zeros((len(X), self.classes), dtype=np.int64)
        for k, (first, second) in enumerate(self.pairs):
            won = margin[:, k] > 0
            votes[:, first] += won
            votes[:, second] += ~won
        return np.argmax(votes, axis=1), sure


def _weights(estimator: Any) -> tuple[Array, list[tuple[int, int]]]:
    """(vectors, pairs of classes): what each support vector counts for in each decision between two classes."""
    k, dual = len(estimator.classes_), np.asarray(estimator.dual_coef_)
    if k == 2:
        return dual.T.copy(), [(0, 1)]
    ends = np.cumsum(estimator.n_support_)
    of = [slice(int(end - size), int(end)) for end, size in zip(ends, estimator.n_support_, strict=True)]
    pairs = [(i, j) for i in range(k) for j in range(i + 1, k)]
    weights = np.zeros((dual.shape[1], len(pairs)))
    for column, (i, j) in enumerate(pairs):
        weights[of[i], column] = dual[j - 1, of[i]]
        weights[of[j], column] = dual[i, of[j]]
    return weights, pairs
