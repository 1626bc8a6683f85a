"""Attacks that guess whether a row was trained on. Each gives a number a row: the higher, the more likely a member."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assessments.battery.privacy._learning import chances, learned
from assessments.battery.privacy._people import CHOOSE, SCORE, TRAIN, People
from assessments.battery.robustness import _quality as q

RIGHT, NOISE = "right answers", "steady under noise"
CONFIDENCE, LEARNED, NO_MODEL = "confidence", "learned", "without the model"
CERTAIN = 1e-9
SPREAD = 0.1  # of a column's standard deviation: the noise of NOISE, and the share of categories it replaces
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Attack:
    """What one attack says of the rows that it is chosen by and scored on."""

    name: str
    choose: Floats
    chosen_by: People
    score: Floats
    scored: People

    @property
    def threshold(self) -> float:
        """From which number on a row is called a member: the best on the rows that it is chosen by."""
        values = np.unique(self.choose)
        tpr, fpr = (1 - np.searchsorted(np.sort(self.choose[rows]), values) / max(rows.sum(), 1)
                    for rows in (self.chosen_by.member, ~self.chosen_by.member))  # fmt: skip
        return float(values[np.argmax(tpr - fpr)])

    @property
    def promise(self) -> float:
        """The area under its ROC curve on the rows that it is chosen by."""
        return area(self.chosen_by.member, self.choose).value


def area(member: NDArray[np.bool_], score: Floats) -> q.Graded:
    """The AUC and each row's part in it."""
    return q._auc(member, score)


def ranked(name: str, people: People, score: Callable[[People], Floats]) -> Attack:
    """An attack that needs no training."""
    choose, rest = people.only(CHOOSE), people.only(SCORE)
    return Attack(name, score(choose), choose, score(rest), rest)


def trained(name: str, people: People, see: Callable[[People], Floats], rng: np.random.Generator) -> Attack:
    """An attack that learns from the first part what members look like. see: (n, width) what it sees of the rows."""
    first, choose, rest = (people.only(part) for part in (TRAIN, CHOOSE, SCORE))
    model = learned(see(first), first.member, int(rng.integers(2**31)))
    return Attack(name, chances(model, see(choose))[:, 1], choose, chances(model, see(rest))[:, 1], rest)


def confidence(people: People) -> Floats:
    """How sure the model is of the outcome, as log odds; for a model of numbers, minus its error."""
    if people.subject.task == "regression":
        return np.asarray(-np.abs(people.told.predicted - people.y))
    scores = people.told.scores
    if scores is None:
        raise ValueError("confidence needs scores")
    true = np.clip(scores[np.arange(len(scores)), people.y].astype(float), CERTAIN, 1 - CERTAIN)
    return np.asarray(np.log(true) - np.log1p(-true))


def signals(people: People) -> Floats:
    """(n, width) all that the model says of a row, beside its outcome."""
    if people.subject.task == "regression":
        return np.column_stack([people.told.predicted, people.y, confidence(people)])
    scores = np.clip(np.asarray(people.told.scores, dtype=float), CERTAIN, 1.0)
    top = np.sort(scores, axis=1)[:, ::-1]
    entropy = -(scores * np.log(scores)).sum(axis=1)
    return np.column_stack([confidence(people), entropy, top[:, 0], top[:, 0] - top[:, 1], people.right, people.y])


def columns(people: People) -> Floats:
    """(n, width) all that is known of a row without the model: its columns and its outcome."""
    return np.column_stack([np.where(np.isfinite(people.codes), people.codes, np.nan), people.y])


def steadiness(people: People, copies: int, rng: np.random.Generator) -> Floats:
    """The share of noisy copies of each row that are decided as the row's outcome (Choquette-Choo et al. 2021)."""
    subject = people.subject
    numbers, texts = q.number_columns(subject), q.category_columns(subject)
    spread = np.nan_to_num(np.nanstd(np.where(np.isfinite(people.codes), people.codes, np.nan), axis=0))
    kept = np.zeros(len(people.y))
    for _ in range(copies):
        codes = people.codes.copy()
        moved = codes[:, numbers] + SPREAD * spread[numbers] * rng.normal(size=(len(codes), len(numbers)))
        whole = [subject.columns[subject.coder.names[at]].integer is True for at in numbers]
        codes[:, numbers] = np.where(whole, np.rint(moved), moved)
        for at in texts:
            swapped = rng.random(len(codes)) < SPREAD
            codes[swapped, at] = rng.choice(people.codes[:, at], int(swapped.sum()))
        kept += subject.predict_codes(codes) == people.y
    return np.asarray(kept / copies)
