"""Rows whose membership is known: training rows, and rows that the model was not trained on, for an attack to tell
apart. They are split into three parts that share no row: to train the attack on, to choose by, and to score."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery import reference
from assessments.battery.banding import groups
from assessments.battery.coder import Codes, NotCoded
from assessments.battery.errors import listed
from assessments.battery.robustness._quality import Told, asked
from assessments.battery.spec import NotApplicable
from assessments.battery.subject import Subject
from assessments.battery.tables import is_number

FEWEST = 200  # members and others each: fewer give intervals that say nothing
TRAIN, CHOOSE, SCORE = 0, 1, 2
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class People:
    """frame, codes, y, told: rows, the model's codes of them, outcomes and answers. member (n,): trained on or not.

    part (n,): TRAIN, CHOOSE or SCORE. left_out: rows of either table that stand more than once in both together.
    """

    subject: Subject
    frame: pd.DataFrame
    codes: Codes
    y: NDArray[Any]
    member: NDArray[np.bool_]
    part: NDArray[np.int64]
    told: Told
    left_out: int

    @classmethod
    def of(cls, subject: Subject, rows: int, rng: np.random.Generator) -> "People":
        """At most `rows` of each kind, drawn at random. Raises NotApplicable with the reason.

        Only rows that occur once in both tables together: of two equal rows, one in either table, nobody can say
        which was trained on, and leaving out those alone would make the tables differ.
        """
        training, y = reference.known_rows(subject)
        columns = [*subject.features] + [subject.target] * (subject.target not in subject.features)
        if clash := [name for name in subject.features if not _alike(training[name], subject.frame[name])]:
            raise NotApplicable(f"In the training data {listed(clash)} holds other types than in the data under test.")
        ids = reference.row_ids([training[columns], subject.frame[columns]], columns)
        once = np.bincount(np.concatenate(ids)) == 1
        known = [np.flatnonzero(once[each]) for each in ids]
        if min(len(each) for each in known) < FEWEST:
            raise NotApplicable(
                f"{len(known[0]):,} training rows and {len(known[1]):,} rows under test can be told from all others; "
                f"at least {FEWEST} of each are needed."
            )
        chosen = [np.sort(rng.permutation(each)[:rows]) for each in known]
        frames = [training, subject.frame]
        frame = pd.concat([part.take(at) for part, at in zip(frames, chosen, strict=True)], ignore_index=True)
        member = np.repeat([True, False], [len(each) for each in chosen])
        outcomes = np.concatenate([y[chosen[0]], subject.y[chosen[1]]])
        try:
            codes = subject.coder.encode(frame[subject.features])
        except NotCoded as error:
            raise NotApplicable(f"The training data is not of the form of the data under test: {error}") from error
        part = np.concatenate([_parts(len(each), rng) for each in chosen])
        left_out = sum(len(each) for each in ids) - sum(len(each) for each in known)
        return cls(subject, frame, codes, outcomes, member, part, asked(subject, codes), left_out)

    def take(self, rows: Rows | NDArray[np.bool_]) -> "People":
        told = Told(self.told.predicted[rows], None if self.told.scores is None else self.told.scores[rows])
        frame = self.frame[rows] if rows.dtype == bool else self.frame.take(rows)
        return replace(
            self, frame=frame.reset_index(drop=True), codes=self.codes[rows], y=self.y[rows],
            member=self.member[rows], part=self.part[rows], told=told,
        )  # fmt: skip

    def only(self, part: int) -> "People":
        return self.take(self.part == part)

    @property
    def right(self) -> NDArray[np.bool_]:
        """(n,) whether the model's decision is the outcome."""
        return np.asarray(self.told.predicted == self.y)

    def by_group(self) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
        """(column, group, which rows) for each group of each sensitive column."""
        for column in self.subject.sensitive:
            if column in self.frame:
                names, codes = groups(self.frame[column], banded=self.subject.columns[column].kind == "number")
                yield from ((column, name, codes == at) for at, name in enumerate(names))


def _alike(one: pd.Series, other: pd.Series) -> bool:
    return is_number(one) == is_number(other)


def _parts(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Up to 1,500 rows to train on and as many to choose by, at most a quarter each; the rest is scored."""
    few = min(1500, n // 4)
    part = np.full(n, SCORE)
    part[:few], part[few : 2 * few] = TRAIN, CHOOSE
    return rng.permutation(part)
