"""Shapley values of original columns, one column one player, from large questions to the model.

The game (interventional, as in Lundberg and Lee 2017): the value of a set S of columns for a row x is the mean score of
the background rows after their columns in S are given x's values. Štrumbelj and Kononenko (2014): walk from a
background row to x, one column after the other in random order; each column gets the change of the score at its turn.
Here every background row is walked to every explained row the same number of times, each walk together with its reverse
(antithetic), so the estimate is unbiased, exact where columns interact in pairs only, and its values add up to f(x)
less the background's mean. With few columns all subsets are asked and the values are exact.

Why not shap.PermutationExplainer, which estimates the same: it walks all background rows along the same few orders,
which costs several times the questions for the same error, compiles for six seconds in every process, and asks about
columns that are equal in both rows. It is the oracle in our tests.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.coder import Coder, Codes

Floats = NDArray[np.float64]
Score = Callable[[pd.DataFrame], Floats]
Progress = Callable[[int, int], None]

ROWS_AT_ONCE = 50_000


@dataclass(frozen=True)
class Game:
    """Explained rows (n, columns), background rows (m, columns), coded; score: from coded rows to one number each."""

    explained: Codes
    background: Codes
    score: Callable[[Codes], Floats]

    @classmethod
    def of(cls, explained: pd.DataFrame, background: pd.DataFrame, score: Score) -> "Game":
        """score gives one number a row of a frame that has the columns of both."""
        coder = Coder(pd.concat([explained, background], ignore_index=True))
        return cls(coder.encode(explained), coder.encode(background), lambda codes: score(coder.decode(codes)))

    @property
    def n(self) -> int:
        return len(self.explained)

    @property
    def m(self) -> int:
        return len(self.background)

    @property
    def columns(self) -> int:
        return int(self.explained.shape[1])

    def scores(self, explained: NDArray[np.intp], background: NDArray[np.intp], taken: NDArray[np.bool_]) -> Floats:
        """(k,) scores of background rows (k,) whose columns `taken` (k, columns) hold the explained rows' values."""
        parts = []
        for start in range(0, len(taken), ROWS_AT_ONCE):
            some = slice(start, start + ROWS_AT_ONCE)
            mixed = np.where(taken[some], self.explained[explained[some]], self.background[background[some]])
            parts.append(np.asarray(self.score(mixed), dtype=float))
        return np.concatenate(parts) if parts else np.zeros(0)

    def differs(self, explained: NDArray[np.intp], background: NDArray[np.intp]) -> NDArray[np.bool_]:
        """(k, columns) which columns are not equal in both rows; missing equals missing."""
        one, other = self.explained[explained], self.background[background]
        return np.asarray((one != other) & ~(np.isnan(one) & np.isnan(other)))

    def ends(self) -> tuple[Floats, Floats]:
        """The scores of the explained rows and of the background rows, put together like all other mixtures."""
        none, every = np.zeros(self.columns, dtype=bool), np.ones(self.columns, dtype=bool)
        explained, background = np.arange(self.n), np.arange(self.m)
        return (
            self.scores(explained, np.zeros_like(explained), np.tile(every, (self.n, 1))),
            self.scores(np.zeros_like(background), background, np.tile(none, (self.m, 1))),
        )


@dataclass(frozen=True)
class Attribution:
    """values (n, columns), and the scores (n,) and the mean score of the background that they explain."""

    values: Floats
    scores: Floats
    base: float
    exact: bool
    method: str = "walks"  # or subsets, trees, linear


def attribute(
    game: Game, *, walks: int, exact_up_to: int, rng: np.random.Generator, progress: Progress = lambda done, of: None
) -> Attribution:
    """Exact for at most exact_up_to columns, else from `walks` antithetic pairs a background row and explained row."""
    scores, background = game.ends()
    base = float(background.mean())
    if game.columns <= exact_up_to:
        values = exact_values(game, scores, background, progress)
        return Attribution(values, scores, base, exact=True, method="subsets")
    return Attribution(
        walked_values(game, scores, background, walks, rng, progress), scores, base, exact=False, method="walks"
    )


def exact_values(game: Game, scores: Floats, background: Floats, progress: Progress) -> Floats:
    """Shapley's formula over all 2^columns sets."""
    d = game.columns
    sets = [frozenset(chosen) for size in range(d + 1) for chosen in combinations(range(d), size)]
    worth = np.empty((len(sets), game.n))
    explained, other = np.repeat(np.arange(game.n), game.m), np.tile(np.arange(game.m), game.n)
    for index, chosen in enumerate(sets):
        taken = np.zeros((len(explained), d), dtype=bool)
        taken[:, list(chosen)] = True
        mixed = 0 < len(chosen) < d
        found = game.scores(explained, other, taken).reshape(game.n, game.m).mean(1) if mixed else None
        worth[index] = found if found is not None else (scores if chosen else background.mean())
        progress(index + 1, len(sets))
    at = {chosen: index for index, chosen in enumerate(sets)}
    values = np.zeros((game.n, d))
    for chosen in sets:
        for column in set(range(d)) - chosen:
            weight = factorial(len(chosen)) * factorial(d - len(chosen) - 1) / factorial(d)
            values[:, column] += weight * (worth[at[chosen | {column}]] - worth[at[chosen]])
    return values


def walked_values(
    game: Game, scores: Floats, background: Floats, walks: int, rng: np.random.Generator, progress: Progress
) -> Floats:
    """The mean over walks from every background row to every explained row."""
    total = np.zeros((game.n, game.columns))
    at_once = max(1, ROWS_AT_ONCE // (2 * walks * game.m * max(1, game.columns - 1)))
    for start in range(0, game.n, at_once):
        progress(start, game.n)
        explained = np.repeat(np.arange(start, min(start + at_once, game.n)), game.m * walks)
        other = np.tile(np.repeat(np.arange(game.m), walks), len(explained) // (game.m * walks))
        order = rng.permuted(np.tile(np.arange(game.columns), (len(explained), 1)), axis=1)
        for walk in (order, order[:, ::-1]):
            np.add.at(total, (explained[:, None], walk), _changes(game, scores, background, explained, other, walk))
    progress(game.n, game.n)
    return total / (2 * walks * game.m)


def _changes(
    game: Game,
    scores: Floats,
    background: Floats,
    explained: NDArray[np.intp],
    other: NDArray[np.intp],
    walk: NDArray[np.int64],
) -> Floats:
    """(walks, columns) the change of the score at each turn of each walk.

    A column that is equal in both rows changes nothing, so the model is asked only after the turns that do something,
    and not after the last of them, where the row is the explained one.
    """
    differs = np.take_along_axis(game.differs(explained, other), walk, axis=1)
    turns = np.cumsum(differs, axis=1)
    asked = differs & (turns < turns[:, -1:])
    at, turn = np.nonzero(asked)
    place = np.argsort(walk, axis=1)  # the turn of each column
    after = np.repeat(background[other][:, None], game.columns, axis=1)
    after[differs & ~asked] = np.broadcast_to(scores[explained][:, None], after.shape)[differs & ~asked]
    after[at, turn] = game.scores(explained[at], other[at], place[at] <= turn[:, None])
    last = np.maximum.accumulate(
        np.where(differs, np.arange(game.columns), -1), axis=1
    )  # the last turn that did something
    reached = np.where(last >= 0, np.take_along_axis(after, np.maximum(last, 0), axis=1), background[other][:, None])
    return np.diff(reached, axis=1, prepend=background[other][:, None])
