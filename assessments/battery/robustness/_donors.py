"""Real rows that the model decides as wanted, near each row under attack."""

import numpy as np
from numpy.typing import NDArray

from assessments.battery.robustness._goal import Goal
from assessments.battery.robustness._moves import Floats, Moves, Rows
from assessments.battery.subject import Subject

MOST_ROWS = 60_000
CELLS_AT_ONCE = 4_000_000


def pool_of(subject: Subject, rng: np.random.Generator, most: int = MOST_ROWS) -> tuple[Floats, NDArray[np.int64]]:
    """(p, d) codes of rows of the data and the training data, and what the model says of them."""
    frame = subject.frame[subject.features]
    at = _drawn(len(frame), most if subject.reference is None else most // 2, rng)
    codes, answers = [subject.coder.encode(frame.take(at))], [subject.predicted[at]]
    if subject.reference is not None and set(subject.features) <= set(subject.reference.columns):
        at = _drawn(len(subject.reference), most - len(at), rng)
        codes.append(subject.coder.encode(subject.reference[subject.features].take(at)))
        answers.append(subject.predict_codes(codes[-1]))
    return np.concatenate(codes), np.concatenate(answers)


def nearest_donors(
    goal: Goal, moves: Moves, of: Rows, pool: Floats, answers: NDArray[np.int64], nearest: int, rng: np.random.Generator
) -> tuple[Floats, Rows]:
    """(m, d) donors for the rows of `moves`, which are the rows `of` (n,) of the goal; and (m,) whose they are.

    `nearest` by the price of taking over what is movable, as many by a distance in which a swap counts like a move from
    the 10th to the 90th percentile, and some at random.
    """
    chosen: list[Floats] = []
    owner: list[Rows] = []
    even = np.array([_decile_width(pool[:, at]) for at in range(pool.shape[1])])
    for index in range(len(of)):
        wanted = np.flatnonzero(goal.met(answers, np.full(len(answers), of[index])))
        if not len(wanted):
            continue
        picked = []
        for scale, price in ((moves.scale, moves.price), (even, np.ones(len(even)))):
            distance = _distance(moves, index, pool[wanted], scale, price)
            count = min(nearest, len(wanted))
            near = np.argpartition(distance, count - 1)[:count]
            picked.append(wanted[near[np.lexsort((near, distance[near]))]])
        picked.append(rng.choice(wanted, min(nearest // 4, len(wanted)), replace=False))
        donors = np.unique(np.concatenate(picked))
        chosen.append(pool[donors])
        owner.append(np.full(len(donors), index))
    if not chosen:
        return np.empty((0, pool.shape[1])), np.empty(0, dtype=np.intp)
    return np.concatenate(chosen), np.concatenate(owner)


def _distance(moves: Moves, index: int, donors: Floats, scale: Floats, price: Floats) -> Floats:
    """(p,) what it costs to take over each donor's movable values, a number at most 1."""
    at = moves.columns
    own = moves.own[index, at]
    apart = np.where(
        moves.number[at],
        np.minimum(np.abs(donors[:, at] - own) / scale[at], 1.0),
        np.where(donors[:, at] != own, price[at], 0.0),
    )
    return np.asarray(np.nansum(apart, axis=1))


def _decile_width(values: Floats) -> float:
    known = values[np.isfinite(values)]
    if not len(known):
        return 1.0
    low, high = np.quantile(known, (0.1, 0.9))
    return float(high - low) or float(known.std()) or 1.0


def _drawn(count: int, most: int, rng: np.random.Generator) -> Rows:
    return np.arange(count) if count <= most else np.sort(rng.choice(count, most, replace=False))
