"""What stands between the coordinates of an attack and the numbers that the last estimator sees, where it is affine.

Scaling, one-hot and ordinal coding and selecting columns are: the estimator's input is offset + point @ slopes, so its
gradients, its planes and its trees are known in the attack's own coordinates. That is found by asking the preparation
about rows that differ in one coordinate, whatever it is made of, and then checked on others.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.coder import Codes
from assessments.battery.robustness._encoding import Encoding
from assessments.battery.robustness._lockstep import Floats, Rows
from assessments.battery.subject import Subject

CHECKED = 200
NEARLY = 1e-9


class NotAffine(ValueError):
    """The preparation is none of that; the message says why."""


@dataclass(frozen=True)
class Affine:
    """input of row k at point u (d,) is offset[k] + (u * free[k]) @ slopes; slopes (d, p), offset (n, p).

    final: the last estimator, which sees that input.
    """

    final: Any
    slopes: Floats
    offset: Floats
    free: Floats

    @classmethod
    def of(cls, subject: Subject, encoding: Encoding, rng: np.random.Generator) -> "Affine":
        """Raises NotAffine."""
        steps, final = _steps(subject.estimator)
        origin, rows = encoding.origin, np.arange(len(encoding))
        whole = np.flatnonzero(encoding.free.all(axis=1))
        if not len(whole):
            raise NotAffine("every row has a missing value")
        first = whole[0]
        corners = np.zeros((encoding.d + 1, encoding.d))
        for block in encoding.blocks:
            corners[:, block.at.start] = 1.0
        for j in range(encoding.d):
            for block in encoding.blocks:
                if block.at.start <= j < block.at.stop:
                    corners[j + 1, block.at] = 0.0
            corners[j + 1, j] = 1.0
        inputs = _prepared(subject, steps, encoding.decode(corners, np.full(len(corners), first)))
        slopes = inputs[1:] - inputs[0]
        free = encoding.free.astype(float)
        offset = _prepared(subject, steps, encoding.base) - (origin * free) @ slopes
        found = cls(final, slopes, offset, free)
        found._check(subject, steps, encoding, rows, rng)
        return found

    def inputs(self, points: Floats, rows: Rows) -> Floats:
        """(m, p) what the last estimator sees; summed in one order, whatever comes with a point."""
        moved = points * self.free[rows]
        return np.asarray(self.offset[rows] + np.einsum("md,dp->mp", moved, self.slopes))

    def back(self, gradient: Floats, rows: Rows) -> Floats:
        """(m, d) a gradient by the input (m, p), as one by the point."""
        return np.asarray(np.einsum("mp,dp->md", gradient, self.slopes) * self.free[rows])

    def _check(
        self, subject: Subject, steps: list[Any], encoding: Encoding, rows: Rows, rng: np.random.Generator
    ) -> None:
        some = rng.choice(rows, CHECKED)
        points = rng.uniform(size=(CHECKED, encoding.d))
        for block in encoding.blocks:
            points[:, block.at] = np.eye(len(block.values))[rng.integers(len(block.values), size=CHECKED)]
        actual = _prepared(subject, steps, encoding.decode(points, some))
        scale = 1.0 + np.abs(actual).max(axis=0, initial=0.0)
        if not (np.abs(self.inputs(points, some) - actual) <= NEARLY * scale).all():
            raise NotAffine("its preparation of the columns is not linear")


def _steps(estimator: Any) -> tuple[list[Any], Any]:
    """The transformers on the way, and the last estimator: through pipelines and searches."""
    steps: list[Any] = []
    for _ in range(20):
        if getattr(estimator, "steps", None):
            steps += [step for _, step in estimator.steps[:-1] if step not in (None, "passthrough")]
            estimator = estimator.steps[-1][1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            break
    return steps, estimator


def _prepared(subject: Subject, steps: list[Any], codes: Codes) -> Floats:
    """(m, p) float64 what the last estimator is given for codes."""
    given = subject.model.prepared(subject.coder.decode(codes))
    try:
        for step in steps:
            given = step.transform(given)
        given = given.toarray() if hasattr(given, "toarray") else given
        numbers: NDArray[Any] = np.asarray(given, dtype=float)
    except Exception as error:
        raise NotAffine("its preparation of the columns gives no table of numbers") from error
    if numbers.ndim != 2 or not np.isfinite(numbers).all():
        raise NotAffine("the estimator is given missing values")
    return numbers
