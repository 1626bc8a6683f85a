"""The groups of one sensitive column, or of several crossed, and what is said of each of them."""

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.banding import MISSING
from assessments.battery.fairness._counts import Cells
from assessments.battery.spec import Measure, Param
from assessments.battery.stats import Interval, wilson
from assessments.battery.subject import Subject

SHOWN = 60  # characters of a column name in titles and chart ids
SIZE_PARAMS = [
    Param("minimum_rows", 30, "Rows below which a group is small", minimum=0),
    Param("minimum_share", 0.02, "Share of the rows below which a group is small", minimum=0.0, maximum=0.5),
]
RESAMPLES = Param("resamples", 1000, "Bootstrap resamples", minimum=100, maximum=100_000)


@dataclass(frozen=True)
class Grouping:
    """Groups of rows by one column or more. parts: of each group, its value of each column."""

    columns: tuple[str, ...]
    parts: list[tuple[str, ...]]
    cells: Cells
    small: NDArray[np.bool_]  # (groups,)

    @classmethod
    def of(
        cls, subject: Subject, column: str, params: dict[str, Any], selected: NDArray[np.bool_] | None = None
    ) -> "Grouping":
        """By one sensitive column. selected (rows,): who is decided favourably, where that is known already."""
        names, codes = subject.groups(column)
        chosen = decided_favourably(subject) if selected is None else selected
        cells = Cells.of(codes, subject.y_favourable, chosen, len(names))
        return cls((column,), [(name,) for name in names], cells, small_groups(cells.rows, params))

    @property
    def title(self) -> str:
        return " × ".join(self.columns)

    @property
    def names(self) -> list[str]:
        return [" · ".join(values) for values in self.parts]

    @property
    def known(self) -> NDArray[np.bool_]:
        """(groups,) true but for groups of rows that lack a value."""
        return np.array([MISSING not in values for values in self.parts], dtype=bool)

    def group(self, index: int) -> dict[str, str]:
        """The group as a measure names it: {column: value}."""
        return dict(zip(self.columns, self.parts[index], strict=True))

    def between(self, name: str) -> dict[str, str]:
        """What a measure between all groups is said to be about."""
        return dict.fromkeys(self.columns, name)


def decided_favourably(subject: Subject) -> NDArray[np.bool_]:
    """(rows,) whether the model gives the label that an applicant would want."""
    return np.asarray(subject.predicted == subject.favourable_index)


def small_groups(rows: NDArray[np.int64], params: dict[str, Any]) -> NDArray[np.bool_]:
    """(groups,) true where a group has too few rows for a verdict to rest on."""
    return np.asarray((rows < params["minimum_rows"]) | (rows < params["minimum_share"] * rows.sum()))


def group_measures(grouping: Grouping, rates: Iterable[str]) -> list[Measure]:
    """Count and rates of each group; a rate that divides by no row is null."""
    found = []
    fractions = {rate: grouping.cells.fraction(rate) for rate in rates}
    for index in range(len(grouping.parts)):
        group, small = grouping.group(index), bool(grouping.small[index])
        rows = int(grouping.cells.rows[index])
        found.append(Measure("count", float(rows), n=rows, group=group, unit="rows", small=small))
        for rate, (tops, bottoms) in fractions.items():
            top, bottom = int(tops[index]), int(bottoms[index])
            value, ci = (top / bottom, wilson(top, bottom)) if bottom else (None, None)
            found.append(Measure(rate, value, ci, n=bottom, group=group, small=small))
    return found


def mean_of_two(first: tuple[int, int], second: tuple[int, int]) -> tuple[float, Interval] | None:
    """The mean of two independent rates (successes, rows) and its interval from Wilson's of each (Zou, Donner 2008).

    None where one of them divides by no row.
    """
    one, other = wilson(*first), wilson(*second)
    if one is None or other is None:
        return None
    rates = np.array([first[0] / first[1], second[0] / second[1]])
    limits = np.array([one, other])
    value = float(rates.mean())
    below, above = (float(np.sqrt((part**2).sum()) / 2) for part in (rates - limits[:, 0], limits[:, 1] - rates))
    return value, (max(0.0, value - below), min(1.0, value + above))


def chart_id(kind: str, column: str) -> str:
    """`<kind>_<column>`; what a file name or an address cannot hold becomes _, with a mark that keeps two apart."""
    safe = re.sub(r"[^\w. -]", "_", column)[:SHOWN]
    return f"{kind}_{safe}" if safe == column else f"{kind}_{safe}-{zlib.crc32(column.encode()):08x}"


def listed(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
