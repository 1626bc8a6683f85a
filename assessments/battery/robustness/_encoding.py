"""Rows as the attacks of other tools take them: one float in [0, 1] a number, one a category, and back to the table.

Such an attack knows neither whole numbers nor categories, so most of what it returns could not exist: fractions of a
child, a person who is 0.4 of one job and 0.3 of another. `decode` gives the model that point's nearest meaning, a
number as it is and the category with the largest share; `as_returned` says whether the point was a row in the first
place; `project` gives the nearest rows that could exist.

What a person cannot change and what is missing is no coordinate or stays as it is, so no attack can ignore a mask.
Categories with more than MOST_VALUES values keep the row's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.coder import Coder, Codes
from assessments.battery.plan import Column
from assessments.battery.robustness._lockstep import Flags, Floats, Rows
from assessments.battery.robustness._space import Space

MOST_VALUES = 60
WHOLE = 1e-6  # how far float32 may be from what it stands for, as a share of the range


@dataclass(frozen=True)
class Block:
    """One category column: its place in the codes, the codes of its values, and its coordinates."""

    name: str
    column: int
    values: Floats
    at: slice


@dataclass(frozen=True)
class Encoding:
    """n rows of the table as points of d coordinates: the numbers of `space`, then a coordinate for each category.

    base (n, columns) are the rows' own codes.
    """

    space: Space
    coder: Coder
    base: Codes
    columns: NDArray[np.intp]
    blocks: tuple[Block, ...]

    @classmethod
    def of(
        cls, frame: pd.DataFrame, columns: dict[str, Column], coder: Coder, categories: Mapping[str, Any]
    ) -> "Encoding":
        """frame: the rows under attack, the model's columns. categories: the values each category column may take."""
        space = Space.of(frame, columns)
        blocks, start = [], len(space.names)
        for name in frame.columns:
            values = categories.get(name, ())
            if name in columns and columns[name].mutable != "fixed" and 2 <= len(values) <= MOST_VALUES:
                codes = np.sort([coder.register(name, value) for value in values]).astype(float)
                blocks.append(Block(name, coder.position(name), codes, slice(start, start + len(codes))))
                start += len(codes)
        at = np.array([coder.position(name) for name in space.names], dtype=np.intp)
        return cls(space, coder, np.ascontiguousarray(coder.encode(frame)), at, tuple(blocks))

    def __len__(self) -> int:
        return len(self.base)

    @property
    def d(self) -> int:
        return len(self.columns) + sum(len(block.values) for block in self.blocks)

    @property
    def names(self) -> list[str]:
        """The columns that may change."""
        return [*self.space.names, *(block.name for block in self.blocks)]

    @cached_property
    def origin(self) -> Floats:
        """(n, d) the rows themselves. A row outside a column's range is outside [0, 1] too."""
        points = np.zeros((len(self), self.d))
        points[:, : len(self.columns)] = self.space.origin
        for block in self.blocks:
            points[:, block.at] = self.base[:, [block.column]] == block.values
        return points

    @cached_property
    def free(self) -> Flags:
        """(n, d) the coordinates that move the row: not those of a missing value, nor of one that was never seen."""
        free = np.ones((len(self), self.d), dtype=bool)
        free[:, : len(self.columns)] = ~self.space.missing
        for block in self.blocks:
            free[:, block.at] = (self.base[:, [block.column]] == block.values).any(axis=1)[:, None]
        return free

    def only(self, rows: Rows) -> "Encoding":
        return Encoding(self.space.only(rows), self.coder, self.base[rows], self.columns, self.blocks)

    def decode(self, points: Floats, rows: Rows) -> Codes:
        """(m, columns) codes of what the model is asked about: numbers as they are, the category with the most."""
        codes, origin = self.base[rows], self.origin[rows]
        numbers = slice(0, len(self.columns))
        moved = np.abs(points[:, numbers] - origin[:, numbers]) > WHOLE / 10
        values = self.space.minimum + np.clip(points[:, numbers], 0.0, 1.0) * self.space.width
        codes[:, self.columns] = np.where(moved & self.free[rows, numbers], values, codes[:, self.columns])
        for block in self.blocks:
            chosen = block.values[np.argmax(points[:, block.at], axis=1)]
            codes[:, block.column] = np.where(self.free[rows, block.at.start], chosen, codes[:, block.column])
        return codes

    def as_returned(self, points: Floats, rows: Rows) -> Flags:
        """(m,) whether points are rows at all: one category each, whole numbers whole, inside their bounds."""
        inside = (points >= -WHOLE) & (points <= 1 + WHOLE) | (np.abs(points - self.origin[rows]) <= WHOLE)
        good = inside.all(axis=1)
        for block in self.blocks:
            shares = np.sort(points[:, block.at], axis=1)
            one = (shares[:, -1] >= 1 - WHOLE) & (shares[:, :-1] <= WHOLE).all(axis=1)
            good &= one | ~self.free[rows, block.at.start]
        numbers = points[:, : len(self.columns)]
        legal = self.space.snap(numbers, rows)
        near = np.abs(legal - numbers) <= WHOLE
        return np.asarray(good & (near | ~self.free[rows, : len(self.columns)]).all(axis=1))

    def project(self, points: Floats, rows: Rows) -> list[Codes]:
        """Legal rows near to points, as codes: rounded to the nearest, towards the row itself, which keeps a budget,
        and away from it, which keeps a flip; and the latter with one more swap."""
        found = []
        numbers, origin = points[:, : len(self.columns)], self.origin[rows][:, : len(self.columns)]
        steps = (numbers - origin) / np.where(self.space.step > 0, self.space.step, 1.0)
        for rounded in (np.round(np.abs(steps)), np.floor(np.abs(steps) + 1e-4), np.ceil(np.abs(steps) - 1e-4)):
            codes = self.decode(points, rows)
            wanted = np.where(self.space.step > 0, origin + np.sign(steps) * rounded * self.space.step, numbers)
            wanted = np.where(np.abs(wanted - origin) <= WHOLE / 10, origin, wanted)
            values = self.space.values(wanted, rows)
            keep = ~self.free[rows, : len(self.columns)]
            codes[:, self.columns] = np.where(keep, self.base[rows][:, self.columns], values)
            found.append(codes)
        return [*found, *self._leaning(points, rows, found[-1])]

    def _leaning(self, points: Floats, rows: Rows, codes: Codes) -> list[Codes]:
        """The same with one more category swapped: the one that leans most to another value, as a point may do that
        divides a category into shares."""
        if not self.blocks:
            return []
        lean, swapped = np.full((len(self.blocks), len(points)), 0.0), codes.copy()
        best = np.empty((len(self.blocks), len(points)))
        for at, block in enumerate(self.blocks):
            other = np.where(block.values == self.base[rows][:, [block.column]], -np.inf, points[:, block.at])
            unmoved = codes[:, block.column] == self.base[rows, block.column]
            best[at] = block.values[other.argmax(axis=1)]
            lean[at] = np.where(unmoved & self.free[rows, block.at.start], other.max(axis=1), 0.0)
        most = lean.argmax(axis=0)
        for at, block in enumerate(self.blocks):
            here = (most == at) & (lean[at] > WHOLE)
            swapped[here, block.column] = best[at][here]
        return [swapped]

    def distances(self, codes: Codes, rows: Rows) -> tuple[Floats, NDArray[np.int64]]:
        """(m, numbers) how far each number moved as a share of its range, and (m,) how many categories were swapped."""
        own = self.base[rows]
        moves = np.abs(codes[:, self.columns] - own[:, self.columns]) / self.space.width
        swaps = np.zeros(len(codes), dtype=np.int64)
        for block in self.blocks:
            before, after = own[:, block.column], codes[:, block.column]
            swaps += (before != after) & ~(np.isnan(before) & np.isnan(after))
        return np.nan_to_num(moves), swaps


def left_out(frame: pd.DataFrame, encoding: Encoding, columns: Mapping[str, Column]) -> Sequence[str]:
    """Columns that a person could change and the encoding cannot: too many values, or none other."""
    known = set(encoding.names)
    return [
        name for name in frame.columns if name in columns and columns[name].mutable != "fixed" and name not in known
    ]
