"""HopSkipJump for all rows at once.

HopSkipJumpAttack (Chen, Jordan, Wainwright 2019, arXiv 1904.02144) needs only the decisions of a model: from a point
that flips, bisect towards the row until the boundary is near, estimate the boundary's direction from the decisions of
noisy copies, step along it, repeat. The reference implementations attack one row after the other and ask the model for
a handful of rows each time, which is where nearly all their time goes. Here every row takes each step together, so
that a step is one large question.

Further differences, each for the better in our measurements: every point is snapped to a legal one before the model is
asked; all rows share the random directions of an iteration; noise is at least about one legal step wide, since smaller
noise rounds to nothing; rows of the data and uniform draws are both tried as starting points, and the closer is kept;
the closest flip met anywhere is kept; a last bisection follows the last step.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Flags = NDArray[np.bool_]
Norm = Literal["linf", "l2"]

POINTS_AT_ONCE = 65_536  # what one question holds at most,
UNDONE_APART = 24
MANY = 32  # coordinates
NUMBERS_AT_ONCE = 2_000_000  # and fewer where rows are wide: bounds memory, still large enough to be cheap


@dataclass(frozen=True)
class Problem:
    """n rows of d coordinates, most of them in [0, 1], each row inside its own legal box.

    snap and flips take points (m, d) and the rows (m,) they were made from: snap gives the nearest legal points, flips
    tells for legal points whether the decision is no longer the right one. step (d,) is the smallest legal move of a
    coordinate, 0 where any is.
    """

    origin: Floats
    low: Floats
    high: Floats
    step: Floats
    snap: Callable[[Floats, Rows], Floats]
    flips: Callable[[Floats, Rows], Flags]
    norm: Norm = "linf"

    @property
    def at_once(self) -> int:
        """How many points to ask about at a time."""
        return min(POINTS_AT_ONCE, max(1, NUMBERS_AT_ONCE // max(1, int(self.origin.shape[1]))))

    def distance(self, points: Floats, rows: Rows) -> Floats:
        """(m,) how far points are from the rows they were made from."""
        return length(points - self.origin[rows], self.norm)

    def ask(self, points: Floats, rows: Rows) -> tuple[Floats, Flags]:
        """The nearest legal points inside the box, and which of them flip the decision."""
        legal = self.snap(np.clip(points, self.low[rows], self.high[rows]), rows)
        parts = [slice(k, k + self.at_once) for k in range(0, len(rows), self.at_once)]
        flipped = [self.flips(legal[part], rows[part]) for part in parts]
        return legal, np.concatenate(flipped) if flipped else np.zeros(0, bool)

    def probe(self, points: Floats, rows: Rows, noise: Floats, width: Floats) -> tuple[Floats, Floats, Flags]:
        """What noisy copies of points (m, d) tell: points + width * noise, for each direction of noise (e, d).

        (m, d) the sum of the copies' moves, each with +1 where it flips and -1 where not, less the mean of these; and
        the nearest copy of each that flips: points (m, d), and whether there is one (m,).
        """
        m, (e, d) = len(rows), noise.shape
        copies = (points[:, None, :] + width[:, None, :] * noise).reshape(-1, d)
        legal, flipped = self.ask(copies, np.repeat(rows, e))
        far = np.where(flipped, self.distance(legal, np.repeat(rows, e)), np.inf).reshape(m, e)
        nearest = far.argmin(axis=1) + e * np.arange(m)
        sign = np.where(flipped, 1.0, -1.0).reshape(m, e)
        mean = sign.mean(1, keepdims=True)
        weight = np.where(np.abs(mean) == 1.0, sign, sign - mean)  # the baseline of the paper; none if all agree
        total = np.einsum("me,med->md", weight, legal.reshape(m, e, d) - points[:, None, :])
        return total, legal[nearest], flipped[nearest]


class Closest:
    """The closest flip met so far, for each row."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.points = problem.origin.copy()
        self.cost = np.full(len(problem.origin), np.inf)

    def offer(self, points: Floats, flipped: Flags, rows: Rows) -> None:
        cost = np.where(flipped, self.problem.distance(points, rows), np.inf)
        better = np.flatnonzero(cost < self.cost[rows])
        better = better[np.lexsort((cost[better], rows[better]))]
        _, first = np.unique(rows[better], return_index=True)
        better = better[first]
        self.points[rows[better]], self.cost[rows[better]] = points[better], cost[better]


def length(moves: Floats, norm: Norm) -> Floats:
    """The norm of each move, over the last axis."""
    return np.asarray(np.abs(moves).max(-1) if norm == "linf" else np.sqrt((moves**2).sum(-1)))


def attack(
    problem: Problem,
    candidates: Floats,
    *,
    iterations: int,
    evaluations: int,
    rng: np.random.Generator,
    draws: int = 25,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[Floats, Floats]:
    """The closest flips found: points (n, d), and how far they are, (n,), infinite where none was found.

    candidates (n, k, d) are tried as starting points, and uniform draws, so many a round. evaluations is the noisy
    copies a row in the first iteration; it grows with the root of the iteration, as the paper has it.
    """
    closest = Closest(problem)
    current = find_starts(problem, candidates, closest, rng, draws=draws)
    rows = np.flatnonzero(np.isfinite(closest.cost))
    for iteration in range(iterations if len(rows) else 0):
        progress(iteration, iterations)
        current[rows] = bisect(problem, current[rows], rows, closest)
        directions = np.empty((len(rows), problem.origin.shape[1]))
        noise = _directions(rng, int(evaluations * np.sqrt(iteration + 1)), problem.origin.shape[1])
        at_once = max(1, problem.at_once // len(noise))
        for k in range(0, len(rows), at_once):
            part = slice(k, k + at_once)
            width = _width(problem, current[rows[part]], rows[part], first=iteration == 0)
            directions[part] = boundary_direction(problem, current[rows[part]], rows[part], noise, width, closest)
        current[rows] = _step(problem, current[rows], rows, directions, iteration, closest)
    if len(rows):
        bisect(problem, current[rows], rows, closest)
        undo_needless_moves(problem, rows, closest)
        bisect(problem, closest.points[rows], rows, closest, last=True)
    progress(iterations, iterations)
    return closest.points, closest.cost


def find_starts(
    problem: Problem,
    candidates: Floats,
    closest: Closest,
    rng: np.random.Generator,
    *,
    draws: int = 25,
    rounds: int = 4,
) -> Floats:
    """For each row the flip to start from: the closest, when bisected, of candidates and uniform draws from its box.

    Uniform draws come in rounds, until one flips. Of each kind only the nearest that flip are bisected: four of the
    candidates, one of the draws, which are all about equally far.
    """
    count, width = problem.origin.shape
    _try_starts(problem, candidates, np.arange(count), closest, tried=4)
    left = np.arange(count)
    for _ in range(rounds if draws else 0):
        drawn = rng.uniform(size=(len(left), draws, width))
        drawn *= (problem.high - problem.low)[left][:, None]
        drawn += problem.low[left][:, None]
        left = left[~_try_starts(problem, drawn, left, closest, tried=1)]
        if not len(left):
            break
    return closest.points.copy()


def _try_starts(problem: Problem, points: Floats, rows: Rows, closest: Closest, *, tried: int) -> Flags:
    """Bisect the `tried` nearest of points (m, k, d) that flip; (m,) whether any does."""
    m, k, d = points.shape
    if not m or not k:
        return np.zeros(m, dtype=bool)
    each = np.repeat(rows, k)
    legal, flipped = problem.ask(points.reshape(-1, d), each)
    distance = np.where(flipped, problem.distance(legal, each), np.inf).reshape(m, k)
    chosen = (np.argsort(distance, axis=1, kind="stable")[:, :tried] + k * np.arange(m)[:, None]).ravel()
    chosen = chosen[flipped[chosen]]
    closest.offer(legal[chosen], flipped[chosen], each[chosen])
    bisect(problem, legal[chosen], each[chosen], closest)
    return np.asarray(flipped.reshape(m, k).any(axis=1))


def bisect(problem: Problem, points: Floats, rows: Rows, closest: Closest, *, last: bool = False) -> Floats:
    """Flipping points moved towards their rows until the boundary is near; what comes back still flips.

    last: go as near as the paper has it; on the way the accuracy of ART's will do, which asks a third less.
    """
    origin, d = problem.origin[rows], problem.origin.shape[1]
    best = points.copy()
    if problem.norm == "linf":
        far = problem.distance(points, rows)
        tolerance = np.minimum(far, 1.0) * 0.01 / d
    else:
        far = np.ones(len(rows))
        tolerance = np.full(len(rows), 0.01 / d**1.5 if last else 0.01 / d**0.5)
    near = np.zeros(len(rows))
    active = np.flatnonzero(far > tolerance)
    while len(active):
        middle = ((near + far) / 2)[active]
        moved = _towards(points[active], origin[active], middle, problem.norm)
        legal, flipped = problem.ask(moved, rows[active])
        best[active[flipped]] = legal[flipped]
        far[active] = np.where(flipped, middle, far[active])
        near[active] = np.where(flipped, near[active], middle)
        active = active[(far - near)[active] > tolerance[active]]
    closest.offer(best, np.ones(len(rows), dtype=bool), rows)
    return best


def boundary_direction(
    problem: Problem, points: Floats, rows: Rows, noise: Floats, width: Floats, closest: Closest
) -> Floats:
    """(m, d) the direction in which points move away from the right decision fastest.

    noise (e, d) are random directions, width (m, d) how far along each coordinate they reach.
    """
    total, nearest, found = problem.probe(points, rows, noise, width)
    closest.offer(nearest, found, rows)
    gradient = total / width**2
    if problem.norm == "linf":
        return np.asarray(np.sign(gradient))
    return np.asarray(gradient / np.maximum(length(gradient, "l2"), 1e-300)[:, None])


def undo_needless_moves(problem: Problem, rows: Rows, closest: Closest) -> None:
    """Take each coordinate back to the row's own value where the decision stays flipped without it; small moves first,
    several at a time where there are many."""
    points = closest.points[rows].copy()
    order = np.argsort(np.abs(points - problem.origin[rows]).mean(0), kind="stable")
    for some in np.array_split(order, min(len(order), UNDONE_APART)):
        moved = np.flatnonzero((points[:, some] != problem.origin[rows][:, some]).any(axis=1))
        trial = points[moved].copy()
        trial[:, some] = problem.origin[rows[moved]][:, some]
        legal, flipped = problem.ask(trial, rows[moved])
        points[moved[flipped]] = legal[flipped]
    closest.points[rows], closest.cost[rows] = points, problem.distance(points, rows)


def _towards(points: Floats, origin: Floats, amount: Floats, norm: Norm) -> Floats:
    if norm == "linf":
        return np.clip(points, origin - amount[:, None], origin + amount[:, None])
    return np.asarray(origin + amount[:, None] * (points - origin))


def _width(problem: Problem, points: Floats, rows: Rows, *, first: bool) -> Floats:
    """(m, d) reach of the noise: a tenth of the range at first, then a hundredth of the distance, as the paper; never
    so little that a random direction, about 1/√d long in each coordinate, rounds to no legal step."""
    d = problem.origin.shape[1]
    reach = np.full(len(rows), 0.1) if first else 0.01 * problem.distance(points, rows)
    return np.asarray(np.maximum(np.maximum(reach, 1e-9)[:, None], problem.step * np.sqrt(d)))


def _directions(rng: np.random.Generator, count: int, d: int) -> Floats:
    """(count, d) random directions of length 1; each d in a row are at right angles, so that fewer tell as much.

    Among many coordinates every further d are the first ones with coordinates exchanged and mirrored at random: each
    is uniform over all rotations then too, and costs next to nothing.
    """
    blocks = -(-count // d)
    fresh = blocks if d < MANY else min(blocks, 1)
    turned, triangle = np.linalg.qr(rng.standard_normal((fresh, d, d)))
    turned *= np.sign(np.diagonal(triangle, axis1=1, axis2=2))[:, None, :]  # uniform over all rotations
    found = np.empty((blocks, d, d))
    found[:fresh] = np.swapaxes(turned, 1, 2)
    for block in found[fresh:]:
        np.take(found[0], rng.permutation(d), axis=1, out=block)
        block *= rng.choice([-1.0, 1.0], d)
    return found.reshape(-1, d)[:count]


def _step(problem: Problem, points: Floats, rows: Rows, directions: Floats, iteration: int, closest: Closest) -> Floats:
    """A step along the direction, halved until the point still flips."""
    size = problem.distance(points, rows) / np.sqrt(iteration + 1)
    stepped, active = points.copy(), np.arange(len(rows))
    for _ in range(20):
        trial = points[active] + size[active, None] * directions[active]
        legal, flipped = problem.ask(trial, rows[active])
        closest.offer(legal, flipped, rows[active])
        stepped[active[flipped]] = legal[flipped]
        active = active[~flipped]
        if not len(active):
            break
        size[active] /= 2
    return stepped
