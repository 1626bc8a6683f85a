"""HopSkipJump for all rows at once.

HopSkipJumpAttack (Chen, Jordan, Wainwright 2019, arXiv 1904.02144) needs only the decisions of a model: from a point
that flips, bisect towards the row until the boundary is near, estimate the boundary's direction from the decisions of
noisy copies, step along it, repeat. The reference implementations attack one row after the other and ask the model for
a handful of rows each time, which is where nearly all their time goes. Here every row takes each step together, so
that a step is one large question.

Further differences, each for the better in our measurements: every point is snapped to a legal one before the model is
asked; noise is at least about one legal step wide, since smaller noise rounds to nothing; the closest flip met anywhere
is kept; a last bisection follows the last step.
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
        return min(POINTS_AT_ONCE, max(1, NUMBERS_AT_ONCE // len(self.step)))

    def distance(self, points: Floats, rows: Rows) -> Floats:
        """(m,) how far points are from the rows they were made from."""
        return length(points - self.origin[rows], self.norm)

    def ask(self, points: Floats, rows: Rows) -> tuple[Floats, Flags]:
        """The nearest legal points inside the box, and which of them flip the decision."""
        legal = self.snap(np.clip(points, self.low[rows], self.high[rows]), rows)
        parts = [slice(k, k + self.at_once) for k in range(0, len(rows), self.at_once)]
        flipped = [self.flips(legal[part], rows[part]) for part in parts]
        return legal, np.concatenate(flipped) if flipped else np.zeros(0, bool)


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
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[Floats, Floats]:
    """The closest flips found: points (n, d), and how far they are, (n,), infinite where none was found.

    candidates (n, k, d) are tried as starting points. evaluations is the noisy copies a row in the first iteration; it
    grows with the root of the iteration, as the paper has it.
    """
    closest = Closest(problem)
    current = find_starts(problem, candidates, closest, rng)
    rows = np.flatnonzero(np.isfinite(closest.cost))
    for iteration in range(iterations if len(rows) else 0):
        progress(iteration, iterations)
        current[rows] = bisect(problem, current[rows], rows, closest)
        directions = np.empty((len(rows), problem.origin.shape[1]))
        copies = int(evaluations * np.sqrt(iteration + 1))
        noise = _directions(rng, copies, problem)
        at_once = max(1, problem.at_once // copies)
        for k in range(0, len(rows), at_once):
            part = slice(k, k + at_once)
            width = _width(problem, current[rows[part]], rows[part], first=iteration == 0)
            directions[part] = boundary_direction(problem, current[rows[part]], rows[part], noise, width, closest)
        current[rows] = _step(problem, current[rows], rows, directions, iteration, closest)
    if len(rows):
        bisect(problem, current[rows], rows, closest)
        undo_needless_moves(problem, rows, closest)
        bisect(problem, closest.points[rows], rows, closest)
    progress(iterations, iterations)
    return closest.points, closest.cost


def find_starts(
    problem: Problem,
    candidates: Floats,
    closest: Closest,
    rng: np.random.Generator,
    *,
    tried: int = 4,
    draws: int = 25,
    rounds: int = 4,
) -> Floats:
    """For each row the candidate that comes closest when bisected, of its `tried` nearest that flip.

    Where none of them flips, uniform draws from the legal box: `rounds` rounds of `draws`.
    """
    count, width = problem.origin.shape
    left = np.arange(count)
    for attempt in range(rounds + 1):
        points = candidates if attempt == 0 else rng.uniform(size=(len(left), draws, width))
        if attempt:
            points = problem.low[left][:, None] + points * (problem.high - problem.low)[left][:, None]
        if points.shape[1]:
            rows = np.repeat(left, points.shape[1])
            legal, flipped = problem.ask(points.reshape(-1, width), rows)
            closest.offer(legal, flipped, rows)
            distance = np.where(flipped, problem.distance(legal, rows), np.inf).reshape(len(left), -1)
            near = np.argsort(distance, axis=1, kind="stable")[:, :tried]
            chosen = (np.arange(len(left))[:, None] * points.shape[1] + near).ravel()
            chosen = chosen[np.isfinite(distance.ravel()[chosen])]
            bisect(problem, legal[chosen], rows[chosen], closest)
        left = np.flatnonzero(np.isinf(closest.cost))
        if not len(left):
            break
    return closest.points.copy()


def bisect(problem: Problem, points: Floats, rows: Rows, closest: Closest) -> Floats:
    """Flipping points moved towards their rows until the boundary is near; what comes back still flips."""
    origin, d = problem.origin[rows], problem.origin.shape[1]
    best = points.copy()
    if problem.norm == "linf":
        far = problem.distance(points, rows)
        tolerance = np.minimum(far, 1.0) * 0.01 / d
    else:
        far = np.ones(len(rows))
        tolerance = np.full(len(rows), 0.01 / d**1.5)
    near = np.zeros(len(rows))
    active = np.flatnonzero(far > tolerance)
    while len(active):
        middle = ((near + far) / 2)[active]
        moved = _towards(points[active], origin[active], middle, problem.norm)
        legal, flipped = problem.ask(moved, rows[active])
        closest.offer(legal, flipped, rows[active])
        best[active[flipped]] = legal[flipped]
        far[active] = np.where(flipped, middle, far[active])
        near[active] = np.where(flipped, near[active], middle)
        active = active[(far - near)[active] > tolerance[active]]
    return best


def boundary_direction(
    problem: Problem, points: Floats, rows: Rows, noise: Floats, width: Floats, closest: Closest
) -> Floats:
    """(m, d) the direction in which points move away from the right decision fastest.

    noise (e, d) are random directions, width (m, d) how far along each coordinate they reach.
    """
    m, (e, d) = len(rows), noise.shape
    copies = points[:, None, :] + width[:, None, :] * noise
    legal, flipped = problem.ask(copies.reshape(-1, d), np.repeat(rows, e))
    closest.offer(legal, flipped, np.repeat(rows, e))
    sign = np.where(flipped, 1.0, -1.0).reshape(m, e)
    mean = sign.mean(1, keepdims=True)
    weight = np.where(np.abs(mean) == 1.0, sign, sign - mean)  # the baseline of the paper; none if all agree
    moves = (legal.reshape(m, e, d) - points[:, None, :]) / width[:, None, :]
    gradient = np.einsum("me,med->md", weight, moves) / width
    if problem.norm == "linf":
        return np.asarray(np.sign(gradient))
    return np.asarray(gradient / np.maximum(length(gradient, "l2"), 1e-300)[:, None])


def undo_needless_moves(problem: Problem, rows: Rows, closest: Closest) -> None:
    """Take each coordinate back to the row's own value where the decision stays flipped without it."""
    points = closest.points[rows].copy()
    for coordinate in np.argsort(np.abs(points - problem.origin[rows]).mean(0), kind="stable"):
        moved = np.flatnonzero(points[:, coordinate] != problem.origin[rows][:, coordinate])
        trial = points[moved].copy()
        trial[:, coordinate] = problem.origin[rows[moved], coordinate]
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


def _directions(rng: np.random.Generator, count: int, problem: Problem) -> Floats:
    d = problem.origin.shape[1]
    drawn = rng.standard_normal((count, d)) if problem.norm == "l2" else rng.uniform(-1.0, 1.0, (count, d))
    return np.asarray(drawn / np.maximum(length(drawn, "l2"), 1e-300)[:, None])


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
