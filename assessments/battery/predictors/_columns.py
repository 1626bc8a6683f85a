"""How one column of the table becomes columns of the matrix: numbers through formulas, categories through a table.

A table holds what the model's own transformers make of each category, asked of them once: so an infrequent, a dropped,
an unknown or a missing category comes out as they have it, and where they refuse one, the rows that hold it are left to
the estimator.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.predictors._unsupported import AskTheEstimator, Unsupported

Array = NDArray[Any]
APART = {  # each column by itself
    "StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "QuantileTransformer", "PowerTransformer",
    "KBinsDiscretizer", "Binarizer",
}  # fmt: skip
MOST_NUMBERS = 1 << 24  # in a table: 128 MB
Probe = Callable[[NDArray[np.float64]], tuple[Array, NDArray[np.bool_]]]


@dataclass
class Numbers:
    """sources: columns of the codes. steps: what is done to them, one after the other; width: columns that come out.

    by_column: a step is given the numbers column by column in memory, as a table holds them.
    origin: the one source that each column that comes out is made of; None where some are made of several.
    """

    sources: Sequence[int]
    steps: Sequence[Callable[[Array], Array]]
    width: int
    by_column: bool = True
    origin: list[int] | None = None

    def __post_init__(self) -> None:
        first, count = (self.sources[0] if self.sources else 0), len(self.sources)
        neighbours = list(self.sources) == list(range(first, first + count))
        self.where: Any = slice(first, first + count) if neighbours else list(self.sources)

    def are_all(self, columns: int) -> bool:
        """Whether they are all of so many columns of the codes, as they are and in their order."""
        return not self.steps and self.where == slice(0, columns) and self.width == columns

    def fill(self, codes: Array, into: Array) -> None:
        block = codes[:, self.where]
        if self.steps:
            block = np.array(block, order="F" if self.by_column or into.strides[0] == into.itemsize else "C")
            for step in self.steps:
                block = step(block)
        into[:] = block


@dataclass
class Table:
    """source: a column of the codes. probe: codes (m,) of that column to what the transformers make of them,
    (m, width), and which of them they refuse, (m,).

    known: for a column of numbers, those that the transformers know, sorted; every other one comes out as `strange`.
    """

    source: int
    width: int
    probe: Probe
    size: int
    known: NDArray[np.float64] | None = None
    strange: float = 0.0
    values: Array = field(init=False)
    refused: NDArray[np.bool_] = field(init=False)
    _rows: Array | None = field(init=False, default=None)
    _singles: tuple[Array, Array] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.width * (self.size + 1) > MOST_NUMBERS:
            raise Unsupported("a column has too many categories")
        given = np.arange(self.size, dtype=float) if self.known is None else np.append(self.known, self.strange)
        self.values, self.refused = self.probe(given)
        self.missing, self.missing_refused = self.probe(np.array([np.nan]))

    def positions(self, codes: Array) -> NDArray[np.intp]:
        """The row of `values` for each code; the one after the last stands for missing."""
        x = codes[:, self.source]
        missing = np.isnan(x)
        any_missing = bool(missing.any())
        if any_missing:
            if self.missing_refused[0]:
                raise AskTheEstimator
            x = np.where(missing, 0.0, x)
        if self.known is None:
            at = x.astype(np.intp)
            if len(at) and (at.min() < 0 or not np.array_equal(at, x)):
                raise AskTheEstimator
            if len(at) and at.max() >= len(self.values):
                self._grow(int(at.max()) + 1)
        else:
            at = np.minimum(np.searchsorted(self.known, x), len(self.known) - 1)
            at = np.where(self.known[at] == x, at, len(self.known))
        if self.refused.any() and self.refused[at[~missing]].any():
            raise AskTheEstimator
        return np.where(missing, len(self.values), at) if any_missing else at

    def rows(self) -> Array:
        """(codes + 1, width), the last for a missing value."""
        if self._rows is None or len(self._rows) != len(self.values) + 1:
            self._rows = np.concatenate([self.values, self.missing])
        return self._rows

    def singles(self) -> tuple[Array, Array] | None:
        """The column and the number of each row of `rows` that is not zero; None where a row has several."""
        rows = self.rows()
        if self._singles is None or len(self._singles[0]) != len(rows):
            if (np.count_nonzero(rows, axis=1) > 1).any():
                return None
            column = np.argmax(rows != 0, axis=1) if self.width else np.zeros(len(rows), dtype=np.intp)
            number = rows[np.arange(len(rows)), column] if self.width else np.zeros(len(rows))
            self._singles = column, number
        return self._singles

    def forget(self) -> None:
        """Know only the categories that were there at the start."""
        if self.known is None:
            self.values, self.refused = self.values[: self.size], self.refused[: self.size]

    def _grow(self, size: int) -> None:
        """Categories that were registered since."""
        values, refused = self.probe(np.arange(len(self.values), size, dtype=float))
        self.values, self.refused = np.concatenate([self.values, values]), np.append(self.refused, refused)


Part = Numbers | Table


def is_known(step: Any) -> bool:
    """Whether `formula` makes the step's sums itself, for which the order in memory is all one."""
    name = type(step).__name__
    return name in ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler") or (
        name == "SimpleImputer" and _fills_floats(step)
    )


def formula(step: Any) -> Callable[[Array], Array]:
    """What a fitted transformer does to a block of numbers (rows, columns) that it may change.

    The usual scalers by the sums that they make themselves; anything else is asked.
    """
    if type(step).__name__ == "SimpleImputer" and _fills_floats(step):
        return _filled(step.statistics_)
    known = {"StandardScaler": _standard, "MinMaxScaler": _min_max, "MaxAbsScaler": _max_abs, "RobustScaler": _robust}
    check_row_by_row(step)
    return known.get(type(step).__name__, _asked)(step)


def made_of(step: Any, count: int) -> list[int] | None:
    """The one column that each column a fitted transformer gives is made of; None where some are made of several."""
    name = type(step).__name__
    if not type(step).__module__.startswith("sklearn."):
        return None
    if hasattr(step, "get_support"):
        return [int(at) for at in step.get_support(indices=True)]
    if name == "KBinsDiscretizer" and step.encode != "ordinal":
        return [at for at, bins in enumerate(step.n_bins_) for _ in range(bins)]
    if name == "SimpleImputer":
        kept = [at for at, value in enumerate(step.statistics_) if value == value or step.keep_empty_features]
        return kept + ([int(at) for at in step.indicator_.features_] if step.add_indicator else [])
    return list(range(count)) if name in APART or isinstance(getattr(step, "func", None), np.ufunc) else None


def check_row_by_row(step: Any) -> None:
    """Raise Unsupported unless what becomes of a row is known not to depend on the rows beside it."""
    name = type(step).__name__
    if not type(step).__module__.startswith("sklearn."):
        raise Unsupported(f"its step {name} is not one of scikit-learn's")
    if name == "FunctionTransformer" and not isinstance(step.func, np.ufunc):
        raise Unsupported("it has a step with a function of its own")


def _fills_floats(step: Any) -> bool:
    """Whether it fills each column of floating numbers with one number, and does nothing else."""
    statistics = np.asarray(step.statistics_)
    plain = (
        step.strategy in ("mean", "median") and not step.add_indicator and step.missing_values != step.missing_values
    )
    return bool(plain and statistics.dtype.kind == "f" and not np.isnan(statistics).any())


def _filled(statistics: Array) -> Callable[[Array], Array]:
    def change(block: Array) -> Array:
        missing = np.isnan(block)
        if missing.any():
            block[missing] = np.broadcast_to(statistics, block.shape)[missing]
        return block

    return change


def _standard(step: Any) -> Callable[[Array], Array]:
    mean = step.mean_ if step.with_mean else None
    return _shifted(mean, step.scale_ if step.with_std else None)


def _robust(step: Any) -> Callable[[Array], Array]:
    return _shifted(step.center_ if step.with_centering else None, step.scale_ if step.with_scaling else None)


def _shifted(shift: Array | None, scale: Array | None) -> Callable[[Array], Array]:
    def change(block: Array) -> Array:
        if shift is not None:
            block -= shift
        if scale is not None:
            block /= scale
        return block

    return change


def _min_max(step: Any) -> Callable[[Array], Array]:
    def change(block: Array) -> Array:
        block *= step.scale_
        block += step.min_
        return np.clip(block, *step.feature_range, out=block) if step.clip else block

    return change


def _max_abs(step: Any) -> Callable[[Array], Array]:
    def change(block: Array) -> Array:
        block /= step.scale_
        return np.clip(block, -1.0, 1.0, out=block) if getattr(step, "clip", False) else block

    return change


def _asked(step: Any) -> Callable[[Array], Array]:
    def change(block: Array) -> Array:
        found = step.transform(block)
        return np.asarray(found.toarray() if hasattr(found, "toarray") else found)

    return change
