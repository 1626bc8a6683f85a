"""Groups of rows by the value of one column, with numbers such as age cut into bands."""

import math
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.labels import as_text, encode
from assessments.battery.tables import is_number

MISSING = "missing"
MOST_VALUES = 10  # a number column with more distinct values is banded
MOST_BANDS = 10


def groups(values: pd.Series, banded: bool = True) -> tuple[list[str], NDArray[np.int64]]:
    """The names of the groups, in order, and each row's position in them. Missing is a group of its own, the last."""
    if banded and is_number(values) and values.nunique() > MOST_VALUES:
        names, codes = _banded(values.to_numpy(dtype=float))
    else:
        codes, names = encode(values)
    present = np.unique(codes[codes >= 0])
    position = np.full(len(names) + 1, -1, dtype=np.int64)
    position[present] = np.arange(len(present))
    names, codes = [names[at] for at in present], position[codes]
    if (codes < 0).any():
        codes = np.where(codes < 0, len(names), codes)
        names = [*names, MISSING]
    return names, codes


def _banded(numbers: NDArray[np.float64]) -> tuple[list[str], NDArray[np.int64]]:
    known = np.isfinite(numbers)
    low, high = float(numbers[known].min()), float(numbers[known].max())
    whole = bool((numbers[known] == np.round(numbers[known])).all())
    edges, years = _edges(low, high, whole)
    # Years end a band at ...5 (17–25, 26–35); other numbers start one at a round value.
    side: Literal["left", "right"] = "left" if years else "right"
    codes = np.where(known, np.searchsorted(edges, np.where(known, numbers, low), side=side), -1)
    return [_name(low, high, edges, at, whole, years) for at in range(len(edges) + 1)], codes.astype(np.int64)


def years_of_age(low: float, high: float, whole: bool) -> bool:
    """Whether numbers from `low` to `high` look like people's ages."""
    return whole and low >= 0 and 30 <= high <= 120 and high - low > 20


def _edges(low: float, high: float, whole: bool) -> tuple[NDArray[Any], bool]:
    """The inner edges. Whole numbers that look like years of age get bands of ten years."""
    if years_of_age(low, high, whole):
        start = math.ceil((low - 5 + 1) / 10) * 10 + 5
        return np.arange(start, high, 10, dtype=float), True
    step = 10.0 ** math.floor(math.log10((high - low) / MOST_BANDS))
    step = next(step * by for by in (1, 2, 5, 10, 20) if (high - low) / (step * by) <= MOST_BANDS - 1)
    if whole:
        step = max(step, 1.0)
    edges = np.arange(math.floor(low / step) + 1, math.floor(high / step) + 1) * step
    return edges[(edges > low) & (edges <= high)], False


def _name(low: float, high: float, edges: NDArray[Any], at: int, whole: bool, years: bool) -> str:
    start = low if at == 0 else float(edges[at - 1]) + (1 if years else 0)
    end = high if at == len(edges) else float(edges[at]) - (1 if whole and not years else 0)
    if start == end:
        return _shown(start)
    if whole or at == len(edges):
        return f"{_shown(start)}–{_shown(end)}"
    return f"{_shown(start)}–<{_shown(end)}"


def _shown(number: float) -> str:
    return as_text(float(f"{number:.6g}")) if abs(number) < 1e6 else as_text(number)
