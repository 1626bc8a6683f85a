"""HopSkipJump's problem where coordinates are numeric columns: points become codes without a detour over tables."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.coder import Coder, Codes
from assessments.battery.robustness._box_kernels import fill, settle, spread, weigh
from assessments.battery.robustness._lockstep import Flags, Floats, Norm, Problem, Rows
from assessments.battery.robustness._space import Space

PROBED_AT_ONCE = 200_000  # numbers: what stays near the processor between writing, asking and weighing


@dataclass(frozen=True)
class BoxProblem(Problem):
    """`decided` tells for codes (m, columns of the table) and rows (m,) whether the decision has flipped.

    The codes it is handed are reused for the next question.
    """

    space: Space = None  # type: ignore[assignment]
    base: Codes = None  # type: ignore[assignment]
    columns: NDArray[np.intp] = None  # type: ignore[assignment]
    own: Floats = None  # type: ignore[assignment]
    decided: Callable[[Codes, Rows], Flags] = None  # type: ignore[assignment]

    @classmethod
    def of(cls, space: Space, coder: Coder, decided: Callable[[Codes, Rows], Flags], norm: Norm) -> "BoxProblem":
        base = np.ascontiguousarray(coder.encode(space.frame))
        columns = np.array([coder.position(name) for name in space.names], dtype=np.intp)
        return cls(
            origin=np.ascontiguousarray(space.origin),
            low=np.ascontiguousarray(space.low),
            high=np.ascontiguousarray(space.high),
            step=space.step,
            snap=space.snap,
            flips=lambda points, rows: decided(coded(space, base, columns, points, rows), rows),
            norm=norm,
            space=space,
            base=base,
            columns=columns,
            own=np.where(space.missing, space.minimum, space.own),
            decided=decided,
        )

    def ask(self, points: Floats, rows: Rows) -> tuple[Floats, Flags]:
        """As Problem.ask."""
        legal, flipped = np.empty((len(rows), len(self.columns))), np.empty(len(rows), dtype=bool)
        points = np.ascontiguousarray(points)
        for k in range(0, len(rows), self.at_once):
            part = slice(k, k + self.at_once)
            codes = np.empty((len(rows[part]), self.base.shape[1]))
            settle(
                points[part], rows[part], codes, legal[part], self.base, self.columns, self.low, self.high, self._box
            )
            for j in self._sparse:
                codes[self.space.missing[rows[part], j], self.columns[j]] = np.nan
            flipped[part] = self.decided(codes, rows[part])
        return legal, flipped

    def probe(self, points: Floats, rows: Rows, noise: Floats, width: Floats) -> tuple[Floats, Floats, Flags]:
        """As Problem.probe, of points that are legal already, in two passes over the copies."""
        m, (e, d) = len(rows), noise.shape
        total, found = np.empty((m, d)), np.zeros(m, dtype=bool)
        nearest = points.copy()
        at_once = max(1, PROBED_AT_ONCE // (e * self.base.shape[1]))
        lot = min(at_once, m) * e
        moved = np.empty((lot, d))
        codes = moved if self._is_the_table else np.empty((lot, self.base.shape[1]))
        for k in range(0, m, at_once):
            part, some = slice(k, k + at_once), min(at_once, m - k) * e
            asked = points[part], rows[part], noise, width[part]
            best = self._probe(*asked, moved[:some], codes[:some], total[part])
            hit = np.flatnonzero(best >= 0)
            found[k + hit] = True
            nearest[k + hit] = moved[best[hit] + e * hit]
        nearest[found] = self._back(nearest[found], rows[found])
        return total, nearest, found

    def _probe(
        self, points: Floats, rows: Rows, noise: Floats, width: Floats, moved: Floats, codes: Codes, total: Floats
    ) -> NDArray[np.int64]:
        """The place among its copies of the nearest that flips, for each point; -1 where none does."""
        space, e = self.space, len(noise)
        fill(moved, points, width, noise, rows, self._box)
        if not self._is_the_table:
            spread(codes, moved, rows, e, self.base, self.columns)
        for j in self._sparse:
            codes[np.repeat(space.missing[rows, j], e), self.columns[j]] = np.nan
        flipped = self.decided(codes, np.repeat(rows, e))
        best = np.empty(len(rows), dtype=np.int64)
        scales = (space.minimum, space.width)
        weigh(flipped, moved, e, points, rows, self.own, *scales, self.norm == "l2", total, best)
        return best

    @cached_property
    def _is_the_table(self) -> bool:
        """Whether the coordinates are the columns of the table, in their order, and none is missing."""
        return not self._sparse and np.array_equal(self.columns, np.arange(self.base.shape[1]))

    @cached_property
    def _box(self) -> tuple[NDArray[Any], ...]:
        space = self.space
        return (self.origin, self.own, space.floor, space.ceiling, space.minimum, space.width, space.integer)

    @cached_property
    def _sparse(self) -> list[int]:
        """The coordinates that are missing in some row."""
        return [int(j) for j in np.flatnonzero(self.space.missing.any(axis=0))]

    def _back(self, values: Floats, rows: Rows) -> Floats:
        """The points of legal values; that of a row's own value is its origin, to the last digit."""
        unmoved = values == self.own[rows]
        return np.where(unmoved, self.origin[rows], self.space.unit(values))


def coded(space: Space, base: Codes, columns: NDArray[np.intp], points: Floats, rows: Rows) -> Codes:
    """The rows of the table that points stand for, as codes: what `Space.decode` gives as a table."""
    codes = base[rows]
    codes[:, columns] = np.where(space.missing[rows], space.own[rows], space.values(points, rows))
    return codes
