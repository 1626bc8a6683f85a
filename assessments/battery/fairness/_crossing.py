"""Groups of people by several sensitive columns at once."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.fairness._counts import Cells
from assessments.battery.fairness._groups import Grouping, small_groups
from assessments.battery.subject import Subject

MOST_COLUMNS = 4  # a measure names the values of so many columns


@dataclass(frozen=True)
class Crossing:
    """The groups of the columns that occur, the largest of them, and how many smaller ones were left out."""

    grouping: Grouping
    left_out: int
    rows_left_out: int


def crossings(columns: list[str], depth: int, most: int) -> tuple[list[tuple[str, ...]], int]:
    """Which columns to cross, pairs first, at most `most` of them; and how many there would be."""
    found = [
        chosen
        for size in range(2, min(depth, len(columns), MOST_COLUMNS) + 1)
        for chosen in combinations(columns, size)
    ]
    return found[:most], len(found)


def crossed(
    subject: Subject, columns: tuple[str, ...], selected: NDArray[np.bool_], most: int, params: dict[str, Any]
) -> Crossing:
    """The `most` largest groups that occur, in the order of their values. params: as small_groups takes them."""
    each = [subject.groups(column) for column in columns]
    code = np.zeros(len(selected), dtype=np.int64)
    for names, codes in each:
        code = code * len(names) + codes
    shape = tuple(len(names) for names, _ in each)
    occurring, position, rows = _occurring(code, int(np.prod(shape)))
    kept = np.sort(np.argsort(-rows, kind="stable")[:most])
    places = np.full(len(occurring) + 1, len(kept), dtype=np.int64)  # the last place takes what is left out
    places[kept] = np.arange(len(kept))
    cells = Cells.of(places[position], subject.y_favourable, selected, len(kept) + 1)
    # Small by the share of all rows, not of those that are kept.
    small = small_groups(cells.rows, params)[:-1]
    values = zip(*(np.asarray(at).tolist() for at in np.unravel_index(occurring[kept], shape)), strict=True)
    parts = [tuple(names[at] for (names, _), at in zip(each, group, strict=True)) for group in values]
    grouping = Grouping(columns, parts, Cells(cells.counts[:-1]), small)
    return Crossing(grouping, len(occurring) - len(kept), int(cells.rows[-1]))


def _occurring(
    code: NDArray[np.int64], possible: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The codes that occur, each row's position among them, and the rows of each."""
    if possible > 4 * len(code) + 1024:
        occurring, position, rows = np.unique(code, return_inverse=True, return_counts=True)
        return occurring, position, rows
    rows = np.bincount(code, minlength=possible)
    occurring = np.flatnonzero(rows)
    places = np.zeros(possible, dtype=np.int64)
    places[occurring] = np.arange(len(occurring))
    return occurring, places[code], rows[occurring]
