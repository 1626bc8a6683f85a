"""What is left of a model once its input is a matrix of numbers: one costly sum, and what is read from it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Core:
    """raw: a matrix (rows, features) to the numbers that all answers are read from.

    scores: raw to what the estimator's predict_proba or decision_function gives; None where only it can tell.
    decide: raw to positions in the estimator's classes_; values: raw to a regressor's predictions.
    as_trained: the layout of the matrix, or its being sparse, decides how sums are rounded. single: values are rounded
    to float32. absent_is_missing: what a sparse matrix leaves out is missing, not zero. ensemble: trees that raw runs
    on the matrix itself; it then makes the same of their sums by `after`. behind: trees that see something else, and
    what makes that of the matrix, in which order of features. linear: the coefficients (features, outputs) where raw
    is a linear sum. certain: of a matrix in any layout, the decisions, and which of them no order of adding up can
    change.
    """

    raw: Callable[[Any], Array]
    scores: Callable[[Array], Array] | None = None
    decide: Callable[[Array], NDArray[np.int64]] | None = None
    values: Callable[[Array], Array] | None = None
    as_trained: bool = False
    single: bool = False
    absent_is_missing: bool = False
    ensemble: Any = None
    certain: Callable[[Array, float | None], tuple[NDArray[np.int64], NDArray[np.bool_]]] | None = None
    after: Callable[[Array], Array] | None = None
    behind: tuple[Any, Callable[[Array], Array], NDArray[np.int64]] | None = None
    linear: Array | None = None

    @classmethod
    def of_trees(cls, ensemble: Any, after: Callable[[Array], Array] = lambda sums: sums, **read: Any) -> "Core":
        """after: from sums of leaves to what is read."""
        return cls(lambda X: after(ensemble.sums(X)), ensemble=ensemble, after=after, **read)


def most_likely(scores: Array) -> NDArray[np.int64]:
    return np.asarray(np.argmax(scores, axis=1), dtype=np.int64)


def above(limit: float) -> Callable[[Array], NDArray[np.int64]]:
    """Class 1 where the one number of a row is above the limit."""
    return lambda raw: (raw.ravel() > limit).astype(np.int64)


def softmax(raw: Array) -> Array:
    """As sklearn.utils.extmath.softmax, sums in the order in memory."""
    found = raw - raw.max(axis=1).reshape(-1, 1)
    np.exp(found, out=found)
    found /= found.sum(axis=1).reshape(-1, 1)
    return np.asarray(found)


def expit_pair(raw: Array) -> Array:
    """(rows, 2) from the log odds of class 1."""
    from scipy.special import expit

    second = expit(raw.ravel())
    return np.column_stack([1 - second, second])
