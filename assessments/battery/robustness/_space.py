"""The legal moves of a row: which numbers of it a person could change, how far, and in what steps.

Coordinates are shares of a column's range, so that one unit is the whole way from its smallest to its largest value.
A point is turned into a row of the original table before the model is asked, with its integers rounded and its bounds
kept: the model never sees a row that could not exist.

Categories and columns a person cannot change keep the row's own value. Swapping a category has no length in any norm,
it has a price of its own, so an attack that swaps them answers another question. A missing number stays missing.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.plan import Column
from assessments.battery.robustness._lockstep import Floats, Rows


@dataclass(frozen=True)
class Space:
    """The rows under attack and, for each of d changeable columns, the values they may take.

    own, floor, ceiling (n, d) are in original units: the row's value and its least and greatest legal one.
    """

    frame: pd.DataFrame
    names: list[str]
    minimum: Floats
    width: Floats
    integer: NDArray[np.bool_]
    own: Floats
    floor: Floats
    ceiling: Floats
    missing: NDArray[np.bool_]

    @classmethod
    def of(cls, frame: pd.DataFrame, columns: dict[str, Column]) -> "Space":
        """The space around the rows of `frame`, whose columns are those the model is given."""
        names = changeable(frame, columns)
        chosen = [columns[name] for name in names]
        own = frame[names].to_numpy(dtype=float, na_value=np.nan).reshape(len(frame), len(names))
        missing = ~np.isfinite(own)
        minimum = np.array([float(column.min or 0) for column in chosen])
        maximum = np.array([float(column.max or 0) for column in chosen])
        integer = np.array([bool(column.integer) for column in chosen], dtype=bool)
        may_fall = np.array([column.mutable != "up" for column in chosen], dtype=bool)
        may_rise = np.array([column.mutable != "down" for column in chosen], dtype=bool)
        least = np.where(integer, np.ceil(minimum), minimum)
        most = np.where(integer, np.floor(maximum), maximum)
        floor = np.where(may_fall, np.fmin(least, own), own)
        ceiling = np.where(may_rise, np.fmax(most, own), own)
        return cls(
            frame=frame,
            names=names,
            minimum=minimum,
            width=maximum - minimum,
            integer=integer,
            own=own,
            floor=np.where(missing, minimum, floor),
            ceiling=np.where(missing, minimum, ceiling),
            missing=missing,
        )

    @classmethod
    def unrestricted(cls, frame: pd.DataFrame, columns: dict[str, Column]) -> "Space":
        """The same columns as other tools take them: any number of the range, also where only whole ones exist, and
        no direction. For comparisons with such tools."""
        free = {name: replace(column, mutable="free", integer=False) for name, column in columns.items()}
        return cls.of(frame, free)

    @cached_property
    def origin(self) -> Floats:
        """(n, d) the rows themselves; a missing number is put at 0, where its box keeps it."""
        return self.unit(np.where(self.missing, self.minimum, self.own))

    @cached_property
    def low(self) -> Floats:
        return self.unit(self.floor)

    @cached_property
    def high(self) -> Floats:
        return self.unit(self.ceiling)

    @cached_property
    def step(self) -> Floats:
        """(d,) the smallest legal move."""
        return np.where(self.integer, 1.0 / self.width, 0.0)

    def only(self, rows: Rows) -> "Space":
        """The space around some of the rows."""
        return replace(
            self,
            frame=self.frame.take(rows),
            own=self.own[rows],
            floor=self.floor[rows],
            ceiling=self.ceiling[rows],
            missing=self.missing[rows],
        )

    def unit(self, values: Floats) -> Floats:
        return np.asarray((values - self.minimum) / self.width)

    def values(self, points: Floats, rows: Rows) -> Floats:
        """(m, d) the legal values nearest to points, in original units; missing numbers stay at the minimum."""
        found = self.minimum + points * self.width
        found = np.where(self.integer, np.rint(found), found)
        found = np.clip(found, self.floor[rows], self.ceiling[rows])
        unmoved = points == self.origin[rows]  # back to the row's own digits, not to what scaling left of them
        return np.where(unmoved & ~self.missing[rows], self.own[rows], found)

    def snap(self, points: Floats, rows: Rows) -> Floats:
        return self.unit(self.values(points, rows))

    def decode(self, points: Floats, rows: Rows) -> pd.DataFrame:
        """The rows of the original table that points stand for, with its columns, order and types."""
        values = np.where(self.missing[rows], self.own[rows], self.values(points, rows))
        decoded = self.frame.take(rows).reset_index(drop=True)
        for index, name in enumerate(self.names):
            decoded[name] = pd.Series(values[:, index]).astype(self.frame[name].dtype)
        return decoded


def changeable(frame: pd.DataFrame, columns: dict[str, Column]) -> list[str]:
    """The numeric columns of `frame` with a range, that a person could change."""
    return [
        name
        for name in frame.columns
        if name in columns
        and columns[name].kind == "number"
        and columns[name].mutable != "fixed"
        and pd.api.types.is_numeric_dtype(frame[name].dtype)
        and not pd.api.types.is_bool_dtype(frame[name].dtype)
        and _has_range(columns[name])
    ]


def _has_range(column: Column) -> bool:
    return column.min is not None and column.max is not None and column.max > column.min
