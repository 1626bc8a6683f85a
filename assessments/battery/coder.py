"""Rows of a table as a matrix of numbers and back, so that an attack may work on arrays and need no DataFrame.

A number is itself, a category its position in `categories[name]`, a missing value NaN. Going back gives the column
types that the table had: whole numbers stay whole, text stays text. A category that was never seen gets the next
position, so rows that hold one can be coded too.
"""

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.tables import is_number

Codes = NDArray[np.float64]
EXACT = 2**53  # the whole numbers up to here are exact as float64


class NotCoded(ValueError):
    """Rows or codes that have no counterpart: text where the table has numbers, a position that names no category."""


class Coder:
    """names: the columns, in the order of the matrix. categories: the values of each column that holds no numbers;
    they may grow at the end, what is there keeps its place. dtypes: the column types of the table."""

    def __init__(self, frame: pd.DataFrame) -> None:
        """frame: the rows whose columns and types are the form that `decode` gives."""
        self.names = [str(name) for name in frame.columns]
        self.dtypes: dict[str, Any] = {name: frame[name].dtype for name in self.names}
        self.categories: dict[str, list[Any]] = {}
        self._positions: dict[str, dict[Any, int]] = {}
        self._growing = threading.Lock()
        for name in self.names:
            if not _as_number(frame[name]):
                self._start(name, frame[name])

    def copy(self) -> "Coder":
        """The same codes; categories registered in one are not in the other."""
        other = object.__new__(Coder)
        other.names, other.dtypes, other._growing = self.names, self.dtypes, threading.Lock()
        other.categories = {name: list(values) for name, values in self.categories.items()}
        other._positions = {name: dict(places) for name, places in self._positions.items()}
        return other

    def is_flag(self, name: str) -> bool:
        """Whether the column is of the type bool."""
        return getattr(self.dtypes[name], "kind", "") == "b"

    @property
    def numbers(self) -> list[str]:
        """The columns that are coded as they are."""
        return [name for name in self.names if name not in self.categories]

    def position(self, name: str) -> int:
        """The matrix's column for a column of the table."""
        return self.names.index(name)

    def register(self, name: str, value: Any) -> int:
        """The code of a category, a new one where it was never seen."""
        positions = self._positions[name]
        key = _key(value)
        with self._growing:
            if key not in positions:
                positions[key] = len(self.categories[name])
                self.categories[name].append(value)
            return positions[key]

    def encode(self, frame: pd.DataFrame, *, strict: bool = False) -> Codes:
        """(rows, columns) float64. Raises NotCoded where a column of numbers holds anything else.

        strict: also where a column is of another type than the table's: a model might take its values otherwise.
        """
        if strict:
            self._check_types(frame)
        codes = np.empty((len(frame), len(self.names)), order="F")
        plain = self._plain_numbers(frame)
        taken = set(plain)
        if plain:
            where = [at for at, name in enumerate(self.names) if name in taken]
            codes[:, where] = frame[plain].to_numpy(dtype=float)
        for at, name in enumerate(self.names):
            if name in self.categories:
                codes[:, at] = self._categories_of(name, frame[name])
            elif name not in taken:
                codes[:, at] = _numbers_of(name, frame[name])
        return codes

    def _plain_numbers(self, frame: pd.DataFrame) -> list[str]:
        """The columns of numbers that hold NumPy's numbers: they are taken all at once."""
        types = dict(zip(frame.columns, frame.dtypes, strict=True)) if frame.columns.is_unique else {}
        found = [name for name in self.numbers if name in types and isinstance(types[name], np.dtype)]
        return [name for name in found if types[name].kind in "iuf" and types[name].itemsize <= 8]

    def decode(self, codes: Codes) -> pd.DataFrame:
        """The rows that codes stand for, in the types of the table.

        A column of whole numbers that is given a fraction or a missing value is one of floating numbers, as pandas
        would have it. Raises NotCoded for a code that is no category.
        """
        codes = np.asarray(codes, dtype=float)
        if codes.ndim != 2 or codes.shape[1] != len(self.names):
            raise NotCoded(f"The codes have the shape {codes.shape}; they need {len(self.names)} columns.")
        columns = {name: self.decode_column(name, codes[:, at]) for at, name in enumerate(self.names)}
        return pd.DataFrame(columns, index=pd.RangeIndex(len(codes)))

    def decode_column(self, name: str, codes: Codes) -> Any:
        dtype = self.dtypes[name]
        if name in self.categories:
            return self._values_of(name, codes, dtype)
        if isinstance(dtype, np.dtype) and dtype.kind == "f":
            return codes.astype(dtype)
        whole = np.isfinite(codes).all() and (codes == np.rint(codes)).all()
        kept = dtype if isinstance(dtype, np.dtype) else np.dtype(np.int64)
        limits = np.iinfo(kept)
        whole = whole and (not len(codes) or (codes.min() >= limits.min and codes.max() <= min(limits.max, EXACT)))
        return codes.astype(kept) if whole else codes.copy()

    def _check_types(self, frame: pd.DataFrame) -> None:
        types = dict(zip(frame.columns, frame.dtypes, strict=True))
        for name in self.names:
            mine, given = self.dtypes[name], types[name]
            if name in self.categories:
                same = _is_text(mine) and _is_text(given) or mine == given
            else:
                same = isinstance(given, np.dtype) and given.kind in "iuf" and given.itemsize <= 8
            if not same:
                raise NotCoded(f"{name!r} holds {given} where the table has {mine}.")

    def _start(self, name: str, column: pd.Series) -> None:
        if column.dtype == bool:
            values: Iterable[Any] = [False, True]
        else:
            values = sorted(_distinct(column.dropna()), key=_in_order)
        self.categories[name] = []
        self._positions[name] = {}
        for value in values:
            self.register(name, value)

    def _categories_of(self, name: str, column: pd.Series) -> Codes:
        if column.dtype == bool and repr(self.categories[name][:2]) == "[False, True]":
            return np.asarray(column.to_numpy(dtype=float))  # False and True are the first two
        if isinstance(column.dtype, pd.CategoricalDtype) or not _of_one_type(column):
            values = column.astype(object).to_numpy()
            missing = pd.isna(values)
            found = np.full(len(values), np.nan)
            found[~missing] = [self.register(name, value) for value in values[~missing]]
            return found
        at, uniques = pd.factorize(column)
        table = np.array([*(self.register(name, value) for value in uniques), np.nan])
        return np.asarray(table[at])

    def _values_of(self, name: str, codes: Codes, dtype: Any) -> Any:
        missing = np.isnan(codes)
        known = self.categories[name]
        given = codes[~missing]
        if len(given) and (given.min() < 0 or given.max() >= len(known) or (given != np.rint(given)).any()):
            raise NotCoded(f"A code of {name!r} is not the position of one of its {len(known)} categories.")
        at = np.where(missing, -1, codes).astype(np.intp)
        table = np.empty(len(known) + 1, dtype=object)
        table[:-1] = known
        table[-1] = np.nan
        values = table[at]
        if dtype.kind == "b":
            plain = not missing.any() and (not len(at) or at.max() < 2)
            return values.astype(bool) if plain else pd.Series(values, dtype=object)
        if isinstance(dtype, pd.CategoricalDtype) and set(values[~missing]) <= set(dtype.categories):
            return pd.Categorical(values, dtype=dtype)
        return _in_dtype(values, dtype)


def _as_number(column: pd.Series) -> bool:
    """Whether every value of the column is exact as float64."""
    if not is_number(column) or getattr(column.dtype, "kind", "O") not in "iuf":
        return False
    if column.dtype.kind == "f":
        return bool(column.dtype.itemsize <= 8)
    return not len(column) or bool(column.dropna().abs().max() <= EXACT)


def _numbers_of(name: str, column: pd.Series) -> Codes:
    if not is_number(column):
        raise NotCoded(f"{name!r} holds {column.dtype} where the table has numbers.")
    return np.asarray(column.to_numpy(dtype=float, na_value=np.nan))


def _is_text(dtype: Any) -> bool:
    return isinstance(dtype, pd.StringDtype) or (isinstance(dtype, np.dtype) and dtype.kind == "O")


def _of_one_type(column: pd.Series) -> bool:
    """Whether equal values of the column are the same value, which is not so where 1 and True stand together."""
    kinds = ("string", "empty", "boolean", "integer", "floating")
    return isinstance(column.dtype, pd.StringDtype) or pd.api.types.infer_dtype(column, skipna=True) in kinds


def _distinct(column: pd.Series) -> list[Any]:
    return list({_key(value): value for value in column.astype(object)}.values())


def _key(value: Any) -> Any:
    """1, 1.0 and True are three categories."""
    if isinstance(value, np.generic):
        value = value.item()
    try:
        hash(value)
    except TypeError:
        return type(value), repr(value)
    return type(value), value


def _in_order(value: Any) -> tuple[str, Any]:
    if isinstance(value, bool | int | float | np.number):
        return "", float(value)
    return type(value).__name__, value if isinstance(value, str) else repr(value)


def _in_dtype(values: NDArray[Any], dtype: Any) -> pd.Series:
    try:
        return pd.Series(values, dtype=dtype)
    except (TypeError, ValueError):
        return pd.Series(values, dtype=object)
