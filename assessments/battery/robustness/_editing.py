"""One run of the feasible-edit search on a sample of a subject: from rows to verified, legal changes.

Both the attack (feasible edits) and the way back for people who were refused (recourse) are this run with another goal.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from assessments.battery.relations.checking import FrameTable
from assessments.battery.relations.fixing import Fixer
from assessments.battery.robustness import _legality
from assessments.battery.robustness._donors import nearest_donors, pool_of
from assessments.battery.robustness._edit_search import Found, Task, contenders, search
from assessments.battery.robustness._goal import Goal, goal_of
from assessments.battery.robustness._moves import Flags, Floats, Moves, Rows, moves_of
from assessments.battery.robustness._verify import original_answers
from assessments.battery.spec import NotApplicable
from assessments.battery.subject import Subject

Progress = Callable[[int, int], None]
CODES_AT_ONCE, FEWEST_AT_ONCE = 8_000_000, 20  # of the donors' rows that are put back together: bounds memory


@dataclass(frozen=True)
class Edited:
    """What was found for n rows that the goal has a meaning for.

    goal.rows (n,): their positions in subject.frame. found: verified, legal changes, of each row the best in every
    sense. returned: changes that were verified; legal, kept: how many of them could exist, how many the estimator
    itself decides as wanted.
    """

    subject: Subject
    goal: Goal
    moves: Moves
    found: Found
    task: Task
    returned: int
    legal: int
    kept: int

    @property
    def rows(self) -> int:
        return len(self.goal.rows)

    def cost(self, *, swaps: bool = True, most_edits: int | None = None) -> Floats:
        """(n,) the price of the cheapest change of each row; infinite where none was found."""
        found = self.found if swaps else self.found.only(self.found.swaps == 0)
        best = found.cheapest(most_edits=most_edits)
        return np.where(best >= 0, found.cost[best] if len(found.cost) else np.inf, np.inf)

    def edits(self, *, swaps: bool = True) -> Floats:
        """(n,) the fewest columns whose change reaches the goal; infinite where none does."""
        found = self.found if swaps else self.found.only(self.found.swaps == 0)
        best = found.fewest()
        return np.where(best >= 0, found.edits[best] if len(found.edits) else np.inf, np.inf)

    def frames(self, which: Rows) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The whole rows before and after the changes `which` (positions in `found`)."""
        return frames_of(self.subject, self.goal.rows[self.found.of[which]], self.found.points[which])


def frames_of(subject: Subject, rows: Rows, points: Floats) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table's rows, all columns, and the same with the model's columns as the points have them."""
    before = subject.frame.take(rows).reset_index(drop=True)
    after = before.copy()
    decoded = subject.coder.decode(points)
    for name in subject.features:
        after[name] = decoded[name].to_numpy() if isinstance(decoded[name].dtype, np.dtype) else decoded[name]
    return before, after


def edit_rows(
    subject: Subject, rows: Rows, params: dict[str, Any], rng: np.random.Generator, progress: Progress
) -> Edited:
    """Search changes for those of `rows` that the goal has a meaning for.

    params: those of `goal_of`, and scale (range or mad), donors (how many real rows each row starts from). Raises
    NotApplicable where nothing of the model's columns may change.
    """
    goal = goal_of(subject, rows, params)
    goal = goal_of(subject, goal.rows[goal.eligible], params)
    pool, answers = pool_of(subject, rng)
    own = subject.coder.encode(subject.frame[subject.features].take(goal.rows))
    fixer = fixer_of(subject, own, goal.rows)
    moves = moves_of(own, subject.coder, subject.columns, pool, scale=params["scale"], derived=fixer.derived)
    if not moves.movable.any():
        raise NotApplicable(nothing_to_change(subject))
    task = task_of(goal, moves, fixer, np.arange(len(goal.rows)))
    found = _searched(goal, moves, fixer, pool, answers, params["donors"], rng, _part(progress, 0, 2))
    if moves.swapped.any() and moves.number.any():
        alone = moves.numbers_only()
        numbers = _searched(goal, alone, fixer, pool, answers, params["donors"], rng, _part(progress, 1, 2))
        found = Found(moves, np.concatenate([found.points, numbers.points]), np.concatenate([found.of, numbers.of]))
    return _verified(subject, goal, moves, found, task)


def nothing_to_change(subject: Subject) -> str:
    """Why there is nothing to attack, and what to do."""
    fixed = [name for name in subject.features if subject.columns[name].mutable == "fixed"]
    why = "every one is marked as fixed" if len(fixed) == len(subject.features) else "none has a range or other values"
    return (
        f"None of the model's {len(subject.features)} columns can be changed by a person: {why}. "
        "Say of the columns what a person could change."
    )


def _searched(
    goal: Goal,
    moves: Moves,
    fixer: Fixer,
    pool: Floats,
    answers: Any,
    donors: int,
    rng: np.random.Generator,
    progress: Progress,
) -> Found:
    """All rows, as many at a time as memory allows; of many only the best changes are kept."""
    size = max(FEWEST_AT_ONCE, CODES_AT_ONCE // (len(moves.names) * (2 * donors + donors // 4 + 1)))
    parts = [np.arange(k, min(k + size, len(goal.rows))) for k in range(0, len(goal.rows), size)]
    points, of = [np.empty((0, len(moves.names)))], [np.empty(0, dtype=np.intp)]
    for done, part in enumerate(parts):
        task = task_of(goal, moves.only(part), fixer, part)
        chosen = nearest_donors(goal, task.moves, part, pool, answers, donors, rng)
        found = search(task, *chosen, pool, rng, _part(progress, done, len(parts)))
        kept = np.arange(len(found.of)) if len(parts) == 1 else contenders(found)
        points.append(found.points[kept])
        of.append(part[found.of[kept]])
    return Found(moves, np.concatenate(points), np.concatenate(of))


def task_of(goal: Goal, moves: Moves, fixer: Fixer, rows: Rows) -> Task:
    """What a search over some rows of the goal asks; moves are theirs."""
    return Task(
        moves,
        achieved=lambda points, of: goal.achieved(points, rows[of]),
        repair=(lambda points, of: fixer.repair(points, rows[of])) if fixer.relations else None,
        margin=(lambda points, of: goal.margin(points, rows[of])) if goal.has_margin else None,
    )


def _part(progress: Progress, done: int, of: int) -> Progress:
    return lambda step, steps: progress(done * steps + step, of * steps)


def fixer_of(subject: Subject, own: Floats, rows: Rows) -> Fixer:
    """The relations of the subject, over the rows `own` (n, d), which are the rows `rows` of its frame."""
    taken = subject.frame.take(rows)
    needed = {name for relation in subject.relations for name in relation.columns} - set(subject.coder.names)
    table = FrameTable(taken)
    others: dict[str, Any] = {
        name: table.numbers(name) if subject.columns[name].kind == "number" else table.texts(name) for name in needed
    }
    integer = {name: bool(column.integer) for name, column in subject.columns.items()}
    return Fixer(subject.relations, subject.coder, own, others, integer)


def _verified(subject: Subject, goal: Goal, moves: Moves, found: Found, task: Task) -> Edited:
    """Only changes that could exist and that the estimator itself decides as wanted.

    The best of each row are asked about; where one does not hold, the next best is.
    """
    categories = _legality.known_categories(subject)
    confirmed = np.zeros(len(found.of), dtype=bool)
    asked = np.zeros(len(found.of), dtype=bool)
    legal, kept = 0, 0
    for _ in range(5):
        left = np.flatnonzero(confirmed | ~asked)
        best = left[contenders(found.only(left))]
        fresh = best[~asked[best]]
        if not len(fresh):
            break
        asked[fresh] = True
        lawful, flips = _checked(subject, goal, found, fresh, categories)
        legal, kept = legal + int(lawful.sum()), kept + int(flips.sum())
        confirmed[fresh] = lawful & flips
    return Edited(subject, goal, moves, found.only(confirmed), task, int(asked.sum()), legal, kept)


def _checked(subject: Subject, goal: Goal, found: Found, which: Rows, categories: Any) -> tuple[Flags, Flags]:
    """(m,) which could exist, and which the estimator itself decides as wanted."""
    of = found.of[which]
    before, after = frames_of(subject, goal.rows[of], found.points[which])
    columns = {name: subject.columns[name] for name in subject.features}
    broken = _legality.violations(before, after, columns, subject.relations, categories=categories)
    return broken.legal, goal.met(original_answers(subject, after), of)
