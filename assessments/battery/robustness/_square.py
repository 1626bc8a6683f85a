"""A random search with big steps for rows of a table, all rows in step.

Square attack (Andriushchenko et al. 2020, arXiv 1912.00049) sets random patches of an image to the ends of the budget
and keeps what brings the decision nearer to turning. A table has no patches: here a random part of the columns goes to
the ends of its own budget, numbers by a share of their range, categories to another value, so many at a time. Every
row that is asked about could exist.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from assessments.battery.coder import Codes
from assessments.battery.robustness._lockstep import Flags, Floats, Rows
from assessments.battery.robustness._target import Target

SHARES = np.array([0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.1, 0.1])  # of the columns, as the search goes on


class Search:
    """Where each row stands: codes (m, columns), how near to the goal (m,), and whether there (m,)."""

    def __init__(self, target: Target, swaps: int, rng: np.random.Generator) -> None:
        self.target, self.swaps, self.rng = target, swaps, rng
        self.codes = target.encoding.base.copy()
        rows = np.arange(len(self.codes))
        self.margin = target.margin(self.codes, rows)
        self.done = target.achieved(self.codes, rows)

    def run(
        self, budgets: Sequence[float], iterations: int, over: Callable[[], bool], progress: Callable[[int, int], None]
    ) -> None:
        """Budget after budget, for the rows that the smaller ones did not turn, until `over` says that it is time."""
        for place, budget in enumerate(budgets):
            for iteration in range(iterations):
                progress(place * iterations + iteration, len(budgets) * iterations)
                rows = np.flatnonzero(~self.done)
                if not len(rows) or over():
                    return
                self._try(rows, budget, SHARES[iteration * len(SHARES) // iterations])

    def _try(self, rows: Rows, budget: float, share: float) -> None:
        moved = self._moved(rows, budget, share)
        margin = self.target.margin(moved, rows)
        better = margin > self.margin[rows]
        self.codes[rows[better]], self.margin[rows[better]] = moved[better], margin[better]
        hopeful = np.flatnonzero(better)
        self.done[rows[hopeful]] = self.target.achieved(moved[hopeful], rows[hopeful])

    def _moved(self, rows: Rows, budget: float, share: float) -> Codes:
        """Copies with a random part of the columns at the ends of the budget."""
        encoding, rng = self.target.encoding, self.rng
        codes, numbers = self.codes[rows].copy(), len(encoding.columns)
        picked = rng.random((len(rows), numbers + len(encoding.blocks))) < share
        one = rng.integers(picked.shape[1], size=len(rows))
        picked[np.arange(len(rows)), one] = True  # never none
        if numbers:
            signs = np.where(rng.random((len(rows), numbers)) < 0.5, -budget, budget)
            at = np.clip(encoding.space.origin[rows] + signs, encoding.space.low[rows], encoding.space.high[rows])
            values = inwards(self.target, encoding.space.values(at, rows), rows, budget)
            here = picked[:, :numbers] & encoding.free[rows, :numbers]
            codes[:, encoding.columns] = np.where(here, values, codes[:, encoding.columns])
        for place, block in enumerate(encoding.blocks):
            drawn = block.values[rng.integers(len(block.values), size=len(rows))]
            here = picked[:, numbers + place] & encoding.free[rows, block.at.start]
            codes[:, block.column] = np.where(here, drawn, codes[:, block.column])
        return self._few_swaps(codes, rows)

    def _few_swaps(self, codes: Codes, rows: Rows) -> Codes:
        """At most `swaps` categories other than the row's own: the surplus, drawn at random, goes back."""
        blocks = self.target.encoding.blocks
        if len(blocks) <= self.swaps:
            return codes
        own = self.target.encoding.base[rows]
        at = [block.column for block in blocks]
        differs = (codes[:, at] != own[:, at]) & ~np.isnan(own[:, at])
        rank = np.argsort(np.argsort(np.where(differs, self.rng.random(differs.shape), 2.0), axis=1), axis=1)
        codes[:, at] = np.where(rank < self.swaps, codes[:, at], own[:, at])
        return codes


def inwards(target: Target, values: Floats, rows: Rows, budget: float) -> Floats:
    """Whole numbers that rounding put outside the budget, brought back by one step."""
    space = target.encoding.space
    moves = values - space.own[rows]
    beyond = space.integer & (np.abs(moves) > budget * space.width + 1e-9)
    return np.where(beyond, values - np.sign(moves), values)


def shrunk(target: Target, codes: Codes, rows: Rows, halvings: int = 12) -> Codes:
    """Flips made smaller: columns that are not needed go back, then all numbers together as far as the flip holds."""
    codes, own, encoding = codes.copy(), target.encoding.base[rows], target.encoding
    for column in [*(block.column for block in encoding.blocks), *encoding.columns]:
        trial = codes.copy()
        trial[:, column] = own[:, column]
        _keep(target, codes, trial, rows, np.flatnonzero(trial[:, column] != codes[:, column]))
    far, near = np.ones(len(rows)), np.zeros(len(rows))
    full = encoding.space.unit(codes[:, encoding.columns]) - encoding.space.origin[rows]
    full = np.where(encoding.free[rows, : len(encoding.columns)], full, 0.0)
    for _ in range(halvings if full.size else 0):
        middle = (far + near) / 2
        trial = codes.copy()
        values = encoding.space.values(encoding.space.origin[rows] + middle[:, None] * full, rows)
        moved = full != 0
        trial[:, encoding.columns] = np.where(moved, values, own[:, encoding.columns])
        flips = _keep(target, codes, trial, rows, np.flatnonzero(moved.any(axis=1)))
        far, near = np.where(flips, middle, far), np.where(flips, near, middle)
    return codes


def _keep(target: Target, codes: Codes, trial: Codes, rows: Rows, where: NDArray[np.intp]) -> Flags:
    """Take over the trials that flip, in place; (m,) which those are."""
    flips = np.zeros(len(rows), dtype=bool)
    if len(where):
        flips[where] = target.achieved(trial[where], rows[where])
    codes[flips] = trial[flips]
    return flips
