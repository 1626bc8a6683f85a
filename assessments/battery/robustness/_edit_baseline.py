"""Random legal changes of a given price: what the search has to be better than to be worth its name."""

import numpy as np

from assessments.battery.robustness._edit_search import Task
from assessments.battery.robustness._moves import Floats, Moves, Rows

MOST_DRAWS = 200_000  # of all rows together: bounds memory
COLUMNS = 3  # at most, in one random change


def surviving_random_edits(task: Task, budgets: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """(budgets,) the share of random changes of at most that price, `draws` a row, that do not reach the goal."""
    draws = max(1, min(draws, MOST_DRAWS // max(len(task.moves.own), 1)))
    of = np.repeat(np.arange(len(task.moves.own)), draws)
    order = np.argsort(rng.random((len(of), len(task.moves.columns))), axis=1)[:, :COLUMNS]
    columns = task.moves.columns[order]
    columns[:, 1:][rng.random((len(of), columns.shape[1] - 1)) < 0.5] = -1  # one to three columns
    part, draw = rng.random(columns.shape), rng.random(columns.shape)
    surviving = []
    for budget in budgets:
        points = random_edits(task.moves, of, float(budget), columns, part, draw)
        moved = np.flatnonzero(task.moves.changed(points, of).any(axis=1))
        _, reached = task.ask(points[moved], of[moved])
        surviving.append(1 - reached.sum() / max(len(of), 1))
    return np.array(surviving)


def random_edits(moves: Moves, of: Rows, budget: float, columns: Rows, part: Floats, draw: Floats) -> Floats:
    """(m, d) one random change a row: columns (m, k), -1 for none, one after another as far as the budget reaches.

    part (m, k): the share of what is left that a number moves by; draw (m, k): the direction, or the other category.
    The same numbers serve every budget, so that the curve is smooth in it.
    """
    points = moves.own[of].copy()
    left = np.full(len(of), budget)
    for turn in range(columns.shape[1]):
        for at in moves.columns:
            rows = np.flatnonzero((columns[:, turn] == at) & np.isfinite(points[:, at]))
            if moves.number[at]:
                way = np.where(draw[rows, turn] < 0.5, -1.0, 1.0)
                wanted = points[rows, at] + way * part[rows, turn] * left[rows] * moves.scale[at]
                points[rows, at] = _towards_own(moves, at, of[rows], wanted)
                left[rows] -= np.abs(points[rows, at] - moves.own[of[rows], at]) / moves.scale[at]
            else:
                rows = rows[left[rows] >= moves.price[at]]
                known = moves.seen[int(at)]
                points[rows, at] = known[(draw[rows, turn] * len(known)).astype(int)]
                left[rows] -= moves.price[at] * (points[rows, at] != moves.own[of[rows], at])
    return points


def _towards_own(moves: Moves, at: int, of: Rows, wanted: Floats) -> Floats:
    """Legal values near the wanted ones that cost no more."""
    own = moves.own[of, at]
    unit = 10.0 ** -float(moves.decimals[at])
    moved = np.trunc((wanted - own) / unit + np.sign(wanted - own) * 1e-9) * unit
    found = np.round(own + moved, max(int(moves.decimals[at]), 0) + 6)
    return np.asarray(np.clip(found, moves.floor[of, at], moves.ceiling[of, at]))
