"""A column cut into bins that are fixed on one table and counted on any other."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.banding import MISSING
from assessments.battery.labels import as_text, encode
from assessments.battery.tables import is_number

OTHER = "other values"
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Bins:
    """names: the bins in order. edges: inner edges of bins that hold their right end, for cut numbers; else None.

    values: the texts of the bins of single values; whatever is none of them goes to OTHER, missing to MISSING.
    """

    names: tuple[str, ...]
    edges: NDArray[np.float64] | None = None
    values: tuple[str, ...] = ()

    @classmethod
    def of(cls, column: pd.Series, most: int, *, numbers: bool) -> "Bins":
        """Quantile bins of about equal size, at most `most`; values of their own where there are no more than that.

        numbers: whether the column is to be read as numbers. Infinite counts as missing.
        """
        if numbers and is_number(column):
            finite = column.to_numpy(dtype=float, na_value=np.nan)
            finite = finite[np.isfinite(finite)]
            if len(np.unique(finite)) > most:
                return cls._cut(finite, most)
            column = pd.Series(finite)
        codes, texts = encode(column)
        counts = np.bincount(codes[codes >= 0], minlength=len(texts))
        common = np.sort(np.argsort(-counts, kind="stable")[:most])  # in the order of the values
        values = tuple(texts[at] for at in common)
        return cls((*values, OTHER, MISSING), values=values)

    @classmethod
    def _cut(cls, finite: NDArray[np.float64], most: int) -> "Bins":
        edges = _edges(finite, most)
        whole = bool((finite == np.round(finite)).all())
        ends = [_shown(edge) for edge in edges]
        starts = [_shown(edge + 1) if whole else f"over {end}" for edge, end in zip(edges, ends, strict=True)]
        inner = [end if start == end else f"{start} to {end}" for start, end in zip(starts, ends[1:], strict=False)]
        last = f"{starts[-1]} and more" if whole else starts[-1]
        return cls((f"up to {ends[0]}", *inner, last, MISSING), edges=edges)

    def place(self, column: pd.Series) -> NDArray[np.int64]:
        """(rows,) each row's bin."""
        if self.edges is not None:
            numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
            return np.where(
                np.isfinite(numbers), np.searchsorted(self.edges, numbers, side="left"), len(self.names) - 1
            )
        if is_number(column):
            column = column.where(np.isfinite(column.to_numpy(dtype=float, na_value=np.nan)))
        codes, texts = encode(column)
        where = {value: at for at, value in enumerate(self.values)}
        other, missing = len(self.values), len(self.values) + 1
        table = np.array([where.get(text, other) for text in texts] + [missing], dtype=np.int64)
        return np.asarray(table[codes])

    def count(self, column: pd.Series) -> Counts:
        """(bins,) how many rows fall into each."""
        return np.bincount(self.place(column), minlength=len(self.names))


def _edges(finite: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Inner edges. A value that fills bins by itself, such as a 0, leaves its bins to the values beside it."""
    top = finite.max()
    edges = _quantiles(finite, most)
    values, counts = np.unique(finite, return_counts=True)
    frequent = values[counts * most >= len(finite)]
    rest = finite[~np.isin(finite, frequent)]
    if (free := most - 1 - len(edges[edges < top])) > 0 and len(rest) > free:
        edges = np.union1d(edges, _quantiles(rest, free + 1))
    return np.asarray(edges[edges < top])


def _quantiles(finite: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    return np.unique(np.quantile(finite, np.arange(1, bins) / bins, method="inverted_cdf"))


def _shown(edge: float) -> str:
    return as_text(float(f"{edge:.6g}"))


def both(bins: Bins, first: Counts, second: Counts) -> tuple[list[str], Counts, Counts]:
    """The bins that hold a row of either table."""
    used = (first + second) > 0
    return [name for name, keep in zip(bins.names, used, strict=True) if keep], first[used], second[used]
