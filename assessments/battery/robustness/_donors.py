"""Real rows that the model decides as wanted, near each row under attack."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.robustness._goal import Goal
from assessments.battery.robustness._moves import Floats, Moves, Rows
from assessments.battery.subject import Subject

MOST_ROWS, FEWEST_ROWS = 60_000, 5_000  # of the pool: fewer where there are many columns,
MOST_CELLS = 1_000_000  # so that it has about so many cells
FULL_COLUMNS, FEWEST = 40, 3  # up to so many movable columns every donor asked for is taken; never fewer than three


def pool_of(subject: Subject, rng: np.random.Generator) -> tuple[Floats, NDArray[Any]]:
    """(p, d) codes of rows of the data and the training data, and what the model says of them."""
    most = int(np.clip(MOST_CELLS // max(len(subject.features), 1), FEWEST_ROWS, MOST_ROWS))
    frame = subject.frame[subject.features]
    at = _drawn(len(frame), most if subject.reference is None else most // 2, rng)
    codes, answers = [subject.coder.encode(frame.take(at))], [subject.predicted[at]]
    if subject.reference is not None and set(subject.features) <= set(subject.reference.columns):
        at = _drawn(len(subject.reference), most - len(at), rng)
        codes.append(subject.coder.encode(subject.reference[subject.features].take(at)))
        answers.append(subject.predict_codes(codes[-1]))
    return np.concatenate(codes), np.concatenate(answers)


def nearest_donors(
    goal: Goal, moves: Moves, of: Rows, pool: Floats, answers: NDArray[Any], nearest: int, rng: np.random.Generator
) -> tuple[Floats, Rows]:
    """(m, d) donors for the rows of `moves`, which are the rows `of` (n,) of the goal; and (m,) whose they are.

    `nearest` by the price of taking over what is movable, as many by a distance in which a swap counts like a move from
    the 10th to the 90th percentile, and some at random; fewer where many columns have to be put back again.
    """
    nearest = max(FEWEST, min(nearest, nearest * FULL_COLUMNS // max(len(moves.columns), 1)))
    distances = _Distances(moves, pool)
    chosen: list[Floats] = []
    owner: list[Rows] = []
    for index in range(len(of)):
        wanted = goal.met(answers, np.full(len(answers), of[index]))
        count = min(nearest, int(wanted.sum()))
        if not count:
            continue
        picked = [rng.choice(np.flatnonzero(wanted), max(count // 4, 1), replace=False)]
        for distance in distances.of(index):
            distance[~wanted] = np.inf
            near = np.argpartition(distance, count - 1)[:count]
            picked.append(near[np.lexsort((near, distance[near]))])
        donors = np.unique(np.concatenate(picked))
        chosen.append(pool[donors])
        owner.append(np.full(len(donors), index))
    if not chosen:
        return np.empty((0, pool.shape[1])), np.empty(0, dtype=np.intp)
    return np.concatenate(chosen), np.concatenate(owner)


class _Distances:
    """How far every row of the pool is from a row, in two ways; a number is at most 1 away."""

    def __init__(self, moves: Moves, pool: Floats) -> None:
        self.moves = moves
        self.numbers, self.swapped = np.flatnonzero(moves.number), np.flatnonzero(moves.swapped)
        even = np.array([_decile_width(pool[:, at]) for at in self.numbers])
        self.scales = [scale.astype(np.float32) for scale in (moves.scale[self.numbers], even)]
        self.prices = [moves.price[self.swapped].astype(np.float32), np.ones(len(self.swapped), dtype=np.float32)]
        self.values = np.ascontiguousarray(pool[:, self.numbers].T, dtype=np.float32)
        self.kinds = np.ascontiguousarray(pool[:, self.swapped].T, dtype=np.float32)

    def of(self, index: int) -> list[NDArray[np.float32]]:
        """(p,) by price, and with even weights; what is missing on either side is no distance."""
        own = self.moves.own[index].astype(np.float32)
        apart = np.abs(self.values - own[self.numbers, None])
        np.nan_to_num(apart, copy=False, nan=0.0)
        missing = np.isnan(own[self.swapped])
        other = (self.kinds != own[self.swapped, None]) & ~np.isnan(self.kinds) & ~missing[:, None]
        return [
            np.minimum(apart / scale[:, None], 1).sum(axis=0) + price @ other.astype(np.float32)
            for scale, price in zip(self.scales, self.prices, strict=True)
        ]


def _decile_width(values: Floats) -> float:
    known = values[np.isfinite(values)]
    if not len(known):
        return 1.0
    low, high = np.quantile(known, (0.1, 0.9))
    return float(high - low) or float(known.std()) or 1.0


def _drawn(count: int, most: int, rng: np.random.Generator) -> Rows:
    return np.arange(count) if count <= most else np.sort(rng.choice(count, most, replace=False))
