"""Decisions of linear models and perceptrons that no rounding can change, on the rows as they lie in memory.

Where a score is further from its limit than any order of adding up could move it, the decision is the estimator's,
whatever the layout of its matrix and the rows beside it. The few rows that are nearer are left to the caller.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from assessments.battery.predictors._core import Array

Layer = tuple[Array, Array]
ROUNDING = 2.0**-53
ROWS_AT_ONCE = 512  # of a perceptron: what its layers give stays in the processor's second cache


class Certain:
    """Decides by the last layer's sums: above 0 where it has one, by the largest where it has several.

    layers: weights (from, to) and what is added to their sums. hidden changes the sums of all but the last, in place.
    """

    def __init__(self, layers: Sequence[Layer], hidden: Callable[[Array], None] | None) -> None:
        self.layers = [(np.ascontiguousarray(each, dtype=float), np.asarray(added, float)) for each, added in layers]
        self.absolute = [(np.abs(weights), np.abs(added)) for weights, added in self.layers]
        self.hidden = hidden
        self.doubts: dict[int, float] = {}
        if getattr(hidden, "__name__", "") == "inplace_relu":
            from assessments.battery.predictors import _layers

            self.rectify = _layers.add_and_rectify
        else:
            self.rectify = None

    def __call__(self, X: Array, largest: float | None = None) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """For X (rows, features) of float64, rows together: positions of the classes, and which are certain.

        largest: the size of its largest number where that is known, NaN where one is missing.
        """
        if largest is None:
            largest = float(max(X.max(initial=0.0), -X.min(initial=0.0)))
        sums, doubt = self._sums(X), self._doubt(largest)
        if sums.shape[1] == 1:
            score = sums[:, 0]
            return (score > 0).astype(np.int64), np.abs(score) > doubt
        each, best = np.arange(len(sums)), np.argmax(sums, axis=1)
        lead = sums[each, best]
        sums[each, best] = -np.inf
        return best.astype(np.int64), lead - sums.max(axis=1) > 2 * doubt

    def _sums(self, X: Array) -> Array:
        """(rows, outputs)"""
        (*before, (weights, added)) = self.layers
        sums = np.empty((len(X), weights.shape[1]))
        at_once = ROWS_AT_ONCE if before else max(1, len(X))
        kept = [np.empty((min(at_once, len(X)), len(shift))) for _, shift in before]
        for start in range(0, len(X), at_once):
            found = X[start : start + at_once]
            for layer, into in zip(before, kept, strict=True):
                found = np.matmul(found, layer[0], out=into[: len(found)])
                self._activate(found, layer[1])
            np.matmul(found, weights, out=sums[start : start + at_once])
        sums += added
        return sums

    def _activate(self, sums: Array, added: Array) -> None:
        if self.rectify is not None:
            self.rectify(sums, added)
        else:
            sums += added
            if self.hidden is not None:
                self.hidden(sums)

    def _doubt(self, largest: float) -> float:
        """How near to its limit a score is in doubt, of rows with numbers of at most this size."""
        if not math.isfinite(largest):
            return math.inf
        power = math.frexp(largest)[1]
        if power not in self.doubts:
            self.doubts[power] = apart(self.absolute, math.ldexp(1.0, power))
        return self.doubts[power]


def apart(absolute: Sequence[Layer], largest: float) -> float:
    """How far apart two ways of adding up may come out, for inputs of at most `largest`.

    absolute: the sizes of weights and of what is added. A sum of n products differs from the true one by at most
    n u / (1 - n u) of the sum of their sizes, whatever the order (Higham, Accuracy and Stability of Numerical
    Algorithms, section 3.1; u = 2^-53). No activation stretches differences; each is taken to be rounded to within 16 u
    of its own size or of 1. Doubled, since both ways err, and never below 1e-12, where a logistic cannot tell from 1/2.
    """
    size = np.full(len(absolute[0][0]), largest)
    found = np.zeros_like(size)
    for number, (weights, added) in enumerate(absolute):
        share = (len(weights) + 4) * ROUNDING
        sizes = size @ weights + added
        found = 2 * share / (1 - share) * sizes + 1.01 * (found @ weights)
        size = 1.01 * sizes
        if number < len(absolute) - 1:
            size = np.maximum(size, 1.0)
            found = found + 32 * ROUNDING * size
    return float(2 * found.max() + 1e-12)
