"""What a person could change about each row: which columns, how far, in what steps, and what each change costs.

Points are rows of the model's columns as codes (see `assessments.battery.coder`): a number is itself, a category its
position. A number moves within its bounds and its direction, in whole steps where it is an integer; a category is
swapped for another that the data holds; a missing value stays missing. A number costs its move as a share of the
column's range (or of its robust spread), a swap the column's swap price.

A column that a relation derives from others (education_num from education) is never moved by itself: it follows, it is
no edit of its own and has no price, and where it must not follow the whole change is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.coder import Coder
from assessments.battery.plan import Column

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]

FINENESS = 1e-4  # a number that is no integer moves in steps of about this share of its range, so that it reads well
SAME = 1e-12


@dataclass(frozen=True)
class Moves:
    """n rows of d columns. own, floor, ceiling (n, d): a value and its least and greatest legal one.

    number, swapped (d,): columns that move, columns that are swapped; all others keep their values. decimals (d,): what
    numbers are rounded to. scale (d,): the length that costs 1. price (d,): of a swap. seen: for each swapped column
    its possible codes. derived (d,): columns that follow others.
    """

    names: list[str]
    own: Floats
    floor: Floats
    ceiling: Floats
    number: Flags
    swapped: Flags
    integer: Flags
    decimals: NDArray[np.int64]
    scale: Floats
    price: Floats
    seen: dict[int, Floats]
    derived: Flags

    @property
    def movable(self) -> Flags:
        """(d,) columns that an attack may change."""
        return np.asarray(self.number | self.swapped)

    @cached_property
    def columns(self) -> Rows:
        """Positions of the movable columns."""
        return np.flatnonzero(self.movable)

    def changed(self, points: Floats, of: Rows) -> Flags:
        """(m, d) what differs from the row that each point was made from, followers included."""
        own = self.own[of]
        return np.asarray((points != own) & ~(np.isnan(points) & np.isnan(own)))

    def edits(self, points: Floats, of: Rows) -> NDArray[np.int64]:
        """(m,) how many columns a person has to change."""
        return np.asarray((self.changed(points, of) & ~self.derived).sum(axis=1))

    def swaps(self, points: Floats, of: Rows) -> NDArray[np.int64]:
        """(m,) how many of them are categories."""
        return np.asarray((self.changed(points, of) & self.swapped).sum(axis=1))

    def costs(self, points: Floats, of: Rows) -> Floats:
        """(m, d) the price of each change."""
        moved = np.abs(points - self.own[of]) / self.scale
        found = np.where(self.number, moved, np.where(self.changed(points, of), self.price, 0.0))
        return np.asarray(np.where(self.derived | np.isnan(found), 0.0, found))

    def cost(self, points: Floats, of: Rows) -> Floats:
        """(m,) the price of all changes."""
        return np.asarray(self.costs(points, of).sum(axis=1))

    def reachable(self, points: Floats, of: Rows) -> Floats:
        """(m, d) the legal rows nearest to points: what cannot change is as it was."""
        own = self.own[of]
        found = self.rounded(np.clip(points, self.floor[of], self.ceiling[of]), of)
        keep = np.isnan(own) | np.isnan(points)
        return np.asarray(np.where(self.movable & ~keep, np.where(self.number, found, points), own))

    def rounded(self, points: Floats, of: Rows) -> Floats:
        """Numbers with as many decimals as the column is moved by; the row's own value and the bounds as they are."""
        found = points.copy()
        for at in np.flatnonzero(self.number):
            found[:, at] = np.round(points[:, at], self.decimals[at])
        found = np.where(points == self.own[of], points, found)
        return np.clip(found, self.floor[of], self.ceiling[of])

    def allows(self, points: Floats, of: Rows) -> Flags:
        """(m,) whether followers, too, kept their bounds, direction and steps."""
        changed = self.changed(points, of) & self.derived
        low, high = points < self.floor[of] - SAME, points > self.ceiling[of] + SAME
        fraction = self.integer & (points != np.rint(points))
        return np.asarray(~(changed & (low | high | fraction | np.isnan(points))).any(axis=1))

    def only(self, rows: Rows) -> "Moves":
        """The moves of some of the rows."""
        return self._with(own=self.own[rows], floor=self.floor[rows], ceiling=self.ceiling[rows])

    def numbers_only(self) -> "Moves":
        """The same rows where no category can be swapped."""
        return self._with(swapped=np.zeros_like(self.swapped))

    def _with(self, **changes: Any) -> "Moves":
        parts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Moves(**{**parts, **changes})


def moves_of(
    own: Floats,
    coder: Coder,
    columns: Mapping[str, Column],
    pool: Floats,
    *,
    scale: str = "range",
    derived: Sequence[str] = (),
) -> Moves:
    """The moves of the rows `own` (n, d). pool (p, d): real rows, which say what categories there are and how numbers
    spread. derived: columns that a relation computes from others.

    scale: "range", or "mad", 1.4826 times the median absolute deviation (the standard deviation where that is 0).
    """
    described = [columns[name] for name in coder.names]
    follows = np.array([name in derived for name in coder.names], dtype=bool)
    as_number = np.array([column.kind == "number" and column.name not in coder.categories for column in described])
    low = np.array([-np.inf if column.min is None else column.min for column in described], dtype=float)
    high = np.array([np.inf if column.max is None else column.max for column in described], dtype=float)
    integer = np.array([bool(column.integer) for column in described]) & as_number
    mutable: list[str] = [column.mutable for column in described]
    width = np.where(np.isfinite(high - low), high - low, 0.0)
    may_change = np.array([each != "fixed" for each in mutable]) & ~follows
    number = as_number & may_change & (width > 0)
    seen = {
        int(at): np.unique(pool[np.isfinite(pool[:, at]), at])
        for at in np.flatnonzero(~as_number & np.array([each == "free" for each in mutable]) & ~follows)
    }
    swapped = np.array([at in seen and len(seen[at]) > 1 for at in range(len(described))])
    floor, ceiling = _limits(own, low, high, integer, mutable)
    fixed = np.array([each == "fixed" for each in mutable])
    return Moves(
        names=list(coder.names),
        own=own,
        floor=np.where(fixed, own, floor),
        ceiling=np.where(fixed, own, ceiling),
        number=number,
        swapped=swapped,
        integer=integer,
        decimals=np.where(integer, 0, _decimals(width)),
        scale=_scales(pool, np.where(number, width, 0.0), scale),
        price=np.array([column.swap_price for column in described], dtype=float),
        seen=seen,
        derived=follows,
    )


def _limits(own: Floats, low: Floats, high: Floats, integer: Flags, mutable: list[str]) -> tuple[Floats, Floats]:
    """As in legality: the bounds, widened to the row's own value where it lies outside; its own where it is one-way."""
    least, most = np.where(integer, np.ceil(low), low), np.where(integer, np.floor(high), high)
    up, down = (np.array([each == way for each in mutable]) for way in ("up", "down"))
    floor = np.where(up, own, np.fmin(least, own))
    ceiling = np.where(down, own, np.fmax(most, own))
    return floor, ceiling


def _decimals(width: Floats) -> NDArray[np.int64]:
    """So many that a step is about FINENESS of the width; may be negative for wide columns."""
    positive = np.where(width > 0, width, 1.0)
    return np.asarray(-np.floor(np.log10(positive * FINENESS) + SAME), dtype=np.int64)


def _scales(pool: Floats, width: Floats, scale: str) -> Floats:
    """(d,) the length that costs 1; 1 for columns without a width."""
    if scale not in ("range", "mad"):
        raise ValueError(f"scale must be range or mad, not {scale!r}.")
    found = np.where(width > 0, width, 1.0)
    for at in np.flatnonzero(width > 0) if scale == "mad" else ():
        values = pool[np.isfinite(pool[:, at]), at]
        if len(values):
            spread = 1.4826 * float(np.median(np.abs(values - np.median(values)))) or float(values.std())
            found[at] = spread or found[at]
    return found
