"""The cheapest legal changes of each row that reach a goal, for all rows at once.

Three sources of changes that reach the goal, each a few large questions to the model:
donors     the nearest real rows that the model decides as wanted: take over every movable value, then put back what is
           not needed, the dearest first, until nothing more can be put back;
singles    every value a single column could take;
pairs      the cheapest singles of a row together; where the model has scores the most promising, two and then three.
Then the numbers of every change that reached the goal are moved back as far as they can be (bisection), and what the
row no longer needs is put back once more. All rows take each step together, so that a step is one question.

The search is a heuristic: what it finds is possible, and something cheaper may exist.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from assessments.battery.robustness._moves import Flags, Floats, Moves, Rows

NUMBERS_AT_ONCE = 4_000_000  # codes in one question: bounds memory
GREEDY_COLUMNS = 20  # a donor that differs in more columns first has halves of them put back
GRID = 64  # values of a number tried by themselves
FINE = 96  # and between the row's own value and one that reaches the goal
NEAR = np.array([-0.25, -0.06, -0.015, 0.015, 0.06, 0.25])  # small moves, in shares of the range
CHEAP, CHEAP_PAIRS = 24, 80  # the cheapest singles of a row, and pairs of them, tried whatever they promise
MOST_CATEGORIES = 64
MOST_SINGLES, MOST_SINGLE_CODES = 120_000, 8_000_000  # at once, and fewer where rows are wide
SMALL = 1e-6  # putting back what costs nothing is worth something
PROMISING = 6  # singles of a row that are tried together

Ask = Callable[[Floats, Rows], tuple[Floats, Flags]]
Margin = Callable[[Floats, Rows], Floats]


@dataclass(frozen=True)
class Task:
    """What the search asks. achieved(points, of): the goal is reached. repair(points, of): relations restored, and
    which rows keep all of them. margin: nearness to the goal, None for a model without scores."""

    moves: Moves
    achieved: Callable[[Floats, Rows], Flags]
    repair: Ask | None = None
    margin: Margin | None = None

    def ask(self, points: Floats, of: Rows) -> tuple[Floats, Flags]:
        """(m, d) the points with followers set, and (m,) which are legal and reach the goal."""
        repaired, good = self.repaired(points, of)
        for part in self.parts(np.flatnonzero(good)):
            good[part] = self.achieved(repaired[part], of[part])
        return repaired, good

    def repaired(self, points: Floats, of: Rows) -> tuple[Floats, Flags]:
        if self.repair is None:
            return points, np.ones(len(points), dtype=bool)
        repaired, kept = self.repair(points, of)
        return repaired, kept & self.moves.allows(repaired, of)

    def nearness(self, points: Floats, of: Rows) -> Floats:
        """(m,) the margin, minus infinity for what is illegal."""
        repaired, good = self.repaired(points, of)
        found = np.full(len(points), -np.inf)
        for part in self.parts(np.flatnonzero(good)) if self.margin else ():
            found[part] = self.margin(repaired[part], of[part])  # type: ignore[misc]
        return found

    def parts(self, rows: Rows) -> list[Rows]:
        size = max(1, NUMBERS_AT_ONCE // len(self.moves.names))
        return [rows[k : k + size] for k in range(0, len(rows), size)]


@dataclass
class Found:
    """Changes that reach the goal: points (m, d), the rows `of` (m,) they were made from, and their price.

    swaps, edits (m,): categories swapped, columns changed.
    """

    moves: Moves
    points: Floats
    of: Rows
    cost: Floats = field(init=False)
    edits: Rows = field(init=False)
    swaps: Rows = field(init=False)

    def __post_init__(self) -> None:
        self.cost = self.moves.cost(self.points, self.of)
        self.edits = self.moves.edits(self.points, self.of)
        self.swaps = self.moves.swaps(self.points, self.of)

    def only(self, keep: Flags | Rows) -> "Found":
        return Found(self.moves, self.points[keep], self.of[keep])

    def cheapest(self, *, most_edits: int | None = None) -> Rows:
        """(n,) for each row the position of its cheapest change of at most so many columns; -1 where there is none.

        Of two with one price the one with fewer edits; the order in which they were found is not told apart.
        """
        allowed = np.arange(len(self.of))
        if most_edits is not None:
            allowed = allowed[self.edits <= most_edits]
        return self._first(allowed, (self.edits[allowed], np.round(self.cost[allowed], 12)))

    def fewest(self) -> Rows:
        """(n,) for each row the change of the fewest columns, the cheapest of those; -1 where there is none."""
        return self._first(np.arange(len(self.of)), (np.round(self.cost, 12), self.edits))

    def _first(self, allowed: Rows, keys: tuple[Floats | Rows, ...]) -> Rows:
        best = np.full(len(self.moves.own), -1, dtype=np.intp)
        order = allowed[np.lexsort((*self.points[allowed].T[::-1], *keys, self.of[allowed]))]
        rows, first = np.unique(self.of[order], return_index=True)
        best[rows] = order[first]
        return best


def search(
    task: Task,
    donors: Floats,
    donors_of: Rows,
    pool: Floats,
    rng: np.random.Generator,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Found:
    """Every change found that reaches the goal, at least the cheapest and the one of fewest columns of each row.

    donors (m, d): real rows decided as wanted, for the rows `donors_of` (m,). pool (p, d): rows that say which values
    a number takes.
    """
    restored, of = put_back(task, *from_donors(task, donors, donors_of), rng)
    progress(1, 4)
    values = single_values(task.moves, pool, _useful(task.moves, restored, of))
    singles, singles_of = every_single(task, values)
    repaired, reached = task.ask(singles, singles_of)
    nearest, nearest_of = nearest_singles(task.moves, repaired[reached], singles_of[reached])
    progress(2, 4)
    idle, idle_of = repaired[~reached], singles_of[~reached]
    together, together_of = combined(task, idle, idle_of)
    progress(3, 4)
    points = np.concatenate([restored, nearest, together])
    rows = np.concatenate([of, nearest_of, together_of])
    points = shrunk(task, points, rows)
    cheap, cheap_of = cheap_pairs(task, idle, idle_of, Found(task.moves, points, rows))
    points, rows = np.concatenate([points, shrunk(task, cheap, cheap_of)]), np.concatenate([rows, cheap_of])
    found = Found(task.moves, *put_back(task, points, rows, rng))
    best = found.only(contenders(found))
    finer = scanned(task, best.points, best.of, pool)
    finer = shrunk(task, finer, best.of)
    progress(4, 4)
    return Found(task.moves, np.concatenate([found.points, finer]), np.concatenate([found.of, best.of]))


def contenders(found: Found) -> Rows:
    """The changes that are the best of their row in some sense: of all, of few columns, without swaps."""
    numbers = np.flatnonzero(found.swaps == 0)
    without = found.only(numbers).cheapest()
    picked = [found.cheapest(most_edits=most) for most in (None, 1, 2, 3)]
    picked += [found.fewest(), np.where(without >= 0, numbers[without], -1) if len(numbers) else without]
    every = np.unique(np.concatenate(picked))
    return every[every >= 0]


def scanned(task: Task, points: Floats, of: Rows, pool: Floats) -> Floats:
    """For each changed number the value nearest to the row's own, of FINE between it and now, that reaches the goal.

    Decisions need not be monotone in a number: bisection alone stops at the first border it meets.
    """
    moves, points = task.moves, points.copy()
    for at in np.flatnonzero(moves.number):
        rows = np.flatnonzero(moves.changed(points, of)[:, at])
        known = np.unique(pool[np.isfinite(pool[:, at]), at])
        near, far = moves.own[of[rows], at], points[rows, at]
        even = near[:, None] + (far - near)[:, None] * np.linspace(0, 1, FINE // 2 + 2)[None, 1:-1]
        if not len(rows):
            continue
        between = [known[(known > min(pair)) & (known < max(pair))] for pair in zip(near, far, strict=True)]
        real = np.stack([_spread(v, FINE // 2, fill=b) for v, b in zip(between, far, strict=True)])
        tried = np.column_stack([even, real])
        index = np.repeat(np.arange(len(rows)), tried.shape[1])
        trials = points[rows[index]]
        trials[:, at] = tried.ravel()
        trials[:, at] = moves.rounded(trials, of[rows[index]])[:, at]
        repaired, reached = task.ask(trials, of[rows[index]])
        moved = np.where(reached, np.abs(trials[:, at] - near[index]), np.inf)
        order = np.lexsort((moved, index))[:: tried.shape[1]]
        better = order[moved[order] < np.abs(far - near)]
        points[rows[index[better]]] = repaired[better]
    return points


def _spread(values: Floats, most: int, fill: float | None = None) -> Floats:
    """At most so many of the sorted values, evenly by rank; filled up to exactly so many where `fill` is given."""
    if len(values) > most:
        values = values[np.unique(np.linspace(0, len(values) - 1, most).astype(int))]
    return values if fill is None else np.r_[values, np.full(most - len(values), fill)]


def from_donors(task: Task, donors: Floats, of: Rows) -> tuple[Floats, Rows]:
    """The rows with every movable value of their donor, where that reaches the goal."""
    points, reached = task.ask(task.moves.reachable(donors, of), of)
    return points[reached], of[reached]


def put_back(task: Task, points: Floats, of: Rows, rng: np.random.Generator) -> tuple[Floats, Rows]:
    """Undo what is not needed, dearest first, until no single column can be undone any more."""
    points = _halves_put_back(task, points.copy(), of, rng)
    active = np.arange(len(points))
    while len(active):
        costs = task.moves.costs(points[active], of[active])
        chains, columns = np.nonzero(task.moves.changed(points[active], of[active]) & task.moves.movable)
        saved = np.full(len(active), -1.0)
        best = points[active]
        for part in task.parts(np.arange(len(chains))):
            rows, at = active[chains[part]], columns[part]
            trials = points[rows]
            trials[np.arange(len(rows)), at] = task.moves.own[of[rows], at]
            repaired, reached = task.ask(trials, of[rows])
            gain = np.where(reached, costs[chains[part], at] + SMALL, -1.0)
            order = np.lexsort((at, -gain, chains[part]))
            mine, first = np.unique(chains[part][order], return_index=True)
            chosen = order[first]
            better = gain[chosen] > saved[mine]
            saved[mine[better]] = gain[chosen][better]
            best[mine[better]] = repaired[chosen][better]
        improved = saved > 0
        points[active[improved]] = best[improved]
        active = active[improved]
    return points, of


def _halves_put_back(task: Task, points: Floats, of: Rows, rng: np.random.Generator) -> Floats:
    """For wide rows: undo random halves, then quarters… of what changed, as long as the goal is still reached."""
    share = 0.5
    movable = task.moves.movable
    while share * movable.sum() >= 2 and movable.sum() > GREEDY_COLUMNS:
        for _ in range(4):
            changed = task.moves.changed(points, of) & movable
            wide = np.flatnonzero(changed.sum(axis=1) > GREEDY_COLUMNS / 2)
            for part in task.parts(wide):
                undone = changed[part] & (rng.random((len(part), len(movable))) < share)
                trials = np.where(undone, task.moves.own[of[part]], points[part])
                repaired, reached = task.ask(trials, of[part])
                points[part[reached]] = repaired[reached]
        share /= 2
    return points


def _useful(moves: Moves, points: Floats, of: Rows) -> Rows:
    """The movable columns, those first that most changes needed."""
    used = (moves.changed(points, of) & moves.movable).sum(axis=0)[moves.columns]
    return np.asarray(moves.columns[np.argsort(-used, kind="stable")])


def single_values(moves: Moves, pool: Floats, columns: Rows) -> dict[int, Floats]:
    """The values to try in each column: quantiles of a number, the commonest categories; as many as are affordable."""
    found: dict[int, Floats] = {}
    left = min(MOST_SINGLES, MOST_SINGLE_CODES // len(moves.names)) // max(len(moves.own), 1)
    for at in columns:
        values = pool[np.isfinite(pool[:, at]), at]
        if moves.number[at]:
            tried = _spread(np.unique(values), GRID)
        else:
            known, counts = np.unique(values, return_counts=True)
            tried = np.sort(known[np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]])
        if len(tried) > left:
            break
        left -= len(tried)
        found[int(at)] = tried
    return found


def every_single(task: Task, values: dict[int, Floats]) -> tuple[Floats, Rows]:
    """Every row with one value changed, legal ones only; of a number its bounds and small moves are tried too."""
    moves, points, rows = task.moves, [], []
    for at, tried in values.items():
        given = np.tile(tried, (len(moves.own), 1))
        if moves.number[at]:
            near = moves.own[:, at, None] + np.outer(np.ones(len(moves.own)), NEAR) * moves.scale[at]
            given = np.column_stack([given, near, moves.floor[:, at], moves.ceiling[:, at]])
        of = np.repeat(np.arange(len(moves.own)), given.shape[1])
        block = moves.own[of].copy()
        block[:, at] = given.ravel()
        block = moves.reachable(block, of)
        real = moves.changed(block, of).any(axis=1) & np.isfinite(block[:, at])
        points.append(block[real])
        rows.append(of[real])
    if not points:
        return np.empty((0, len(moves.names))), np.empty(0, dtype=np.intp)
    return np.concatenate(points), np.concatenate(rows)


def nearest_singles(moves: Moves, points: Floats, of: Rows) -> tuple[Floats, Rows]:
    """Of the singles that reached the goal, the cheapest of each row, column and direction."""
    at = np.argmax(moves.changed(points, of) & moves.movable, axis=1)
    each = np.arange(len(points))
    upwards = points[each, at] > moves.own[of, at]
    group = (of * len(moves.names) + at) * 2 + (upwards & moves.number[at])
    order = np.lexsort((points[each, at], moves.cost(points, of), group))
    _, first = np.unique(group[order], return_index=True)
    keep = order[first]
    return points[keep], of[keep]


def combined(task: Task, singles: Floats, of: Rows) -> tuple[Floats, Rows]:
    """The most promising singles of a row, no two of one column, together: pairs, and the best pairs with a third."""
    moves = task.moves
    empty = np.empty((0, len(moves.names))), np.empty(0, dtype=np.intp)
    if task.margin is None or not len(singles):
        return empty
    best, best_of = _best_by_column(task, singles, of)
    found, rows = [], []
    pairs, pairs_of = _joined(moves, best, best_of, best, best_of)
    for _ in range(2):
        repaired, reached = task.ask(pairs, pairs_of)
        found.append(repaired[reached])
        rows.append(pairs_of[reached])
        rest, rest_of = pairs[~reached], pairs_of[~reached]
        if not len(rest):
            break
        near = task.nearness(rest, rest_of)
        keep = _top(near, rest_of, 2)
        pairs, pairs_of = _joined(moves, rest[keep], rest_of[keep], best, best_of)
    return np.concatenate(found), np.concatenate(rows)


def cheap_pairs(task: Task, singles: Floats, of: Rows, found: Found) -> tuple[Floats, Rows]:
    """The cheapest pairs of a row's cheapest singles that would cost less than what was found for it."""
    moves = task.moves
    price = moves.cost(singles, of)
    at = np.argmax(moves.changed(singles, of) & moves.movable, axis=1)
    few = _top(-price, of * len(moves.names) + at, CHEAP // 4)
    few = few[_top(-price[few], of[few], CHEAP)]
    pairs, pairs_of = _joined(moves, singles[few], of[few], singles[few], of[few])
    best = found.cheapest()
    limit = np.where(best >= 0, found.cost[best] if len(found.cost) else np.inf, np.inf)
    spent = moves.cost(pairs, pairs_of)
    once = np.flatnonzero(spent < limit[pairs_of] - SMALL)
    _, first = np.unique(np.column_stack([pairs_of[once], pairs[once]]), axis=0, return_index=True)
    once = once[first]
    once = once[_top(-spent[once], pairs_of[once], CHEAP_PAIRS)]
    repaired, reached = task.ask(pairs[once], pairs_of[once])
    return repaired[reached], pairs_of[once][reached]


def _best_by_column(task: Task, singles: Floats, of: Rows) -> tuple[Floats, Rows]:
    """For each row its PROMISING nearest singles, one a column."""
    near = task.nearness(singles, of)
    at = np.argmax(task.moves.changed(singles, of) & task.moves.movable, axis=1)
    group = of * len(task.moves.names) + at
    order = np.lexsort((task.moves.cost(singles, of), -near, group))
    _, first = np.unique(group[order], return_index=True)
    keep = order[first]
    keep = keep[np.isfinite(near[keep])]
    keep = keep[_top(near[keep], of[keep], PROMISING)]
    return singles[keep], of[keep]


def _top(worth: Floats, of: Rows, most: int) -> Rows:
    """Positions of the `most` highest of each row."""
    order = np.lexsort((-worth, of))
    starts = np.searchsorted(of[order], of[order], side="left")
    return np.asarray(order[np.arange(len(order)) - starts < most])


def _joined(moves: Moves, one: Floats, one_of: Rows, other: Floats, other_of: Rows) -> tuple[Floats, Rows]:
    """Each change of `one` with each of `other` of the same row that changes another column."""
    order = np.argsort(other_of, kind="stable")
    first = np.searchsorted(other_of[order], one_of, side="left")
    count = np.searchsorted(other_of[order], one_of, side="right") - first
    left = np.repeat(np.arange(len(one)), count)
    right = order[np.repeat(first - np.r_[0, np.cumsum(count)[:-1]], count) + np.arange(count.sum())]
    changed = moves.changed(other[right], one_of[left])
    apart = ~(changed & moves.changed(one[left], one_of[left])).any(axis=1)
    left, right, changed = left[apart], right[apart], changed[apart]
    return np.where(changed, other[right], one[left]), one_of[left]


def shrunk(task: Task, points: Floats, of: Rows, steps: int = 24) -> Floats:
    """Move every changed number back towards the row's own value as far as the goal allows, dearest column first."""
    moves, points = task.moves, points.copy()
    numbers = np.flatnonzero(moves.number)
    spent = moves.costs(points, of)[:, numbers].sum(axis=0)
    for at in numbers[np.argsort(-spent, kind="stable")]:
        rows = np.flatnonzero(moves.changed(points, of)[:, at])
        near, far = moves.own[of[rows], at].copy(), points[rows, at].copy()
        active = np.arange(len(rows))
        for _ in range(steps):
            middle = np.round((near[active] + far[active]) / 2, moves.decimals[at])
            open_ = (middle != near[active]) & (middle != far[active])
            active, middle = active[open_], middle[open_]
            if not len(active):
                break
            trials = points[rows[active]]
            trials[:, at] = middle
            repaired, reached = task.ask(trials, of[rows[active]])
            points[rows[active[reached]]] = repaired[reached]
            far[active[reached]], near[active[~reached]] = middle[reached], middle[~reached]
    return points
