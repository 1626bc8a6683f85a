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

from assessments.battery.subject import Subject

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]
Kind = Literal["wrong", "favourable"]


@dataclass(frozen=True)
class Goal:
    """What is wanted for n rows of the subject's frame.

    rows (n,): their positions in subject.frame. eligible (n,): those that the goal has a meaning for: decided rightly,
    or not favourably yet; attack these only. An attack hands over m points and `of` (m,), the position among the n
    rows (0…n-1) that each point was made from. Points are rows of the table or their codes (`Subject.coder`).
    """

    subject: Subject
    rows: Rows
    kind: Kind
    eligible: Flags
    describe: str

    def achieved(self, points: pd.DataFrame | Floats, of: Rows) -> Flags:
        """(m,) whether the model decides for the point as the goal wants. Asks the model once."""
        return self.met(self._predicted(points), of)

    def met(self, answers: NDArray[np.int64], of: Rows) -> Flags:
        """(m,) the same for answers of the model that are at hand."""
        if self.kind == "favourable":
            return np.asarray(answers == self.subject.favourable_index)
        return np.asarray(answers != self.subject.y[self.rows[of]])

    @property
    def has_margin(self) -> bool:
        return self.subject.has_scores

    def margin(self, points: pd.DataFrame | Floats, of: Rows) -> Floats:
        """(m,) how near the point is to the goal, by the model's scores: the wanted class's against the best other.

        Where the model decides for its highest score it is above 0 as soon as the goal is achieved; a model with a
        threshold of its own decides elsewhere, so that only `achieved` tells. Raises ValueError without scores.
        """
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

    def _predicted(self, points: pd.DataFrame | Floats) -> NDArray[np.int64]:
        if isinstance(points, pd.DataFrame):
            return self.subject.predict(points)
        subject: Any = self.subject
        return np.asarray(subject.predict_codes(points))

    def _scores(self, points: pd.DataFrame | Floats) -> NDArray[Any]:
        if isinstance(points, pd.DataFrame):
            return self.subject.predict_scores(points)
        subject: Any = self.subject
        return np.asarray(subject.predict_scores_codes(points))


def goal_of(subject: Subject, rows: Rows, params: Mapping[str, Any]) -> Goal:
    """The goal of an attack on `rows`, positions in subject.frame.

    params["directed"]: True for recourse, the favourable decision for those who did not get it; otherwise any decision
    but the right one, for those decided rightly.
    """
    rows = np.asarray(rows, dtype=np.intp)
    predicted = subject.predicted[rows]
    if params.get("directed"):
        eligible = predicted != subject.favourable_index
        describe = f"The decision becomes {subject.favourable!r}, for rows that did not get it."
        return Goal(subject, rows, "favourable", np.asarray(eligible), describe)
    eligible = predicted == subject.y[rows]
    return Goal(subject, rows, "wrong", np.asarray(eligible), "A right decision becomes another one.")
