"""What an attack wants: another decision than the right one, the favourable decision, or a prediction that moves.

Attacks speak to a goal and not to the model, so that the same search serves a classifier with two or ten classes, a
person who was refused, and a model that predicts a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.spec import NotApplicable
from assessments.battery.subject import Subject

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]
Kind = Literal["wrong", "favourable", "moved", "up", "down"]


@dataclass(frozen=True)
class Goal:
    """What is wanted for n rows of the subject's frame.

    rows (n,): their positions in subject.frame. eligible (n,): those that the goal has a meaning for: decided rightly,
    or not favourably yet, every row for a model that predicts a number; attack these only. An attack hands over m
    points and `of` (m,), the position among the n rows (0…n-1) that each point was made from. Points are rows of the
    table or their codes (`Subject.coder`).
    """

    subject: Subject
    rows: Rows
    kind: Kind
    eligible: Flags
    describe: str
    shift: float = 0.0  # for a model that predicts a number: how far it has to move, in the units of the target

    def achieved(self, points: pd.DataFrame | Floats, of: Rows) -> Flags:
        """(m,) whether the model decides for the point as the goal wants. Asks the model once."""
        return self.met(self._predicted(points), of)

    def met(self, answers: NDArray[Any], of: Rows) -> Flags:
        """(m,) the same for answers of the model that are at hand."""
        if self.shift:
            return self._moved(answers, of) >= 0
        if self.kind == "favourable":
            return np.asarray(answers == self.subject.favourable_index)
        return np.asarray(answers != self.subject.y[self.rows[of]])

    @property
    def has_margin(self) -> bool:
        return self.subject.has_scores or bool(self.shift)

    def margin(self, points: pd.DataFrame | Floats, of: Rows) -> Floats:
        """(m,) how near the point is to the goal, by the model's scores: the wanted class's against the best other.

        Where the model decides for its highest score it is above 0 as soon as the goal is achieved; a model with a
        threshold of its own decides elsewhere, so that only `achieved` tells. Of a prediction: how much further than
        asked it moved, from 0 where the goal is achieved. Raises ValueError without scores.
        """
        if self.shift:
            return self._moved(self._predicted(points), of)
        scores = np.asarray(self._scores(points), dtype=float)
        each = np.arange(len(scores))
        named = (
            np.full(len(scores), self.subject.favourable_index)
            if self.kind == "favourable"
            else self.subject.y[self.rows[of]]
        )
        own = scores[each, named]
        others = scores.copy()
        others[each, named] = -np.inf
        ahead = own - others.max(axis=1)
        return np.asarray(ahead if self.kind == "favourable" else -ahead)

    def _moved(self, answers: NDArray[Any], of: Rows) -> Floats:
        """(m,) how far predictions moved, in the direction that is wanted, less what is asked."""
        moved = answers - self.subject.predicted[self.rows[of]]
        if self.kind == "moved":
            moved = np.abs(moved)
        return np.asarray((-moved if self.kind == "down" else moved) - self.shift)

    def _predicted(self, points: pd.DataFrame | Floats) -> NDArray[Any]:
        if isinstance(points, pd.DataFrame):
            return self.subject.predict(points)
        return self.subject.predict_codes(points)

    def _scores(self, points: pd.DataFrame | Floats) -> NDArray[Any]:
        if isinstance(points, pd.DataFrame):
            return self.subject.predict_scores(points)
        return self.subject.predict_scores_codes(points)


def goal_of(subject: Subject, rows: Rows, params: Mapping[str, Any]) -> Goal:
    """The goal of an attack on `rows`, positions in subject.frame.

    params["directed"]: True for recourse, the favourable decision for those who did not get it; otherwise any decision
    but the right one, for those decided rightly. For a model that predicts a number: params["shift"], how far the
    prediction has to move in units of the model's root mean squared error (default 1); params["direction"]: up, down,
    or either way where it is left out. Raises NotApplicable where the model has no error to measure by.
    """
    rows = np.asarray(rows, dtype=np.intp)
    if subject.task == "regression":
        return _moving(subject, rows, float(params.get("shift", 1.0)), str(params.get("direction") or "moved"))
    predicted = subject.predicted[rows]
    if params.get("directed"):
        eligible = predicted != subject.favourable_index
        describe = f"The decision becomes {subject.favourable!r}, for rows that did not get it."
        return Goal(subject, rows, "favourable", np.asarray(eligible), describe)
    eligible = predicted == subject.y[rows]
    return Goal(subject, rows, "wrong", np.asarray(eligible), "A right decision becomes another one.")


def _moving(subject: Subject, rows: Rows, shift: float, direction: str) -> Goal:
    kinds: dict[str, tuple[Kind, str]] = {
        "moved": ("moved", "moves"),
        "up": ("up", "rises"),
        "down": ("down", "falls"),
    }
    if direction not in kinds:
        raise ValueError(f"direction must be up, down or empty, not {direction!r}.")
    error = float(np.sqrt(np.mean((subject.predicted - subject.y) ** 2)))
    if not error > 0 or not shift > 0:
        raise NotApplicable("The model makes no error on this data: there is no unit to measure a shift by.")
    kind, verb = kinds[direction]
    describe = f"The prediction {verb} by at least {shift * error:.4g}, {shift:g} times the model's own error (RMSE)."
    return Goal(subject, rows, kind, np.ones(len(rows), dtype=bool), describe, shift * error)
