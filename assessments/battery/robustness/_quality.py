"""How good a model's answers are and how many of them change, each with its interval, for rows that were damaged.

Every number is a mean over rows, or to first order one: accuracy and flips are means; AUC is one of DeLong's components
(DeLong, DeLong, Clarke-Pearson 1988), R² one of its linear terms. So the interval of a difference between two answers
on the same rows comes from the rows' own differences, however often each row was damaged.
"""

from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.coder import Codes, NotCoded
from assessments.battery.errors import short
from assessments.battery.spec import Measure
from assessments.battery.stats import Interval, Z, wilson
from assessments.battery.subject import Subject

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

SMALL_GROUP = 30
TITLES = {"roc_auc": "AUC", "accuracy": "accuracy", "r2": "R²"}


@dataclass(frozen=True)
class Told:
    """A model's answers to m rows: predicted (m,), positions in labels or numbers; scores (m, labels) or None."""

    predicted: NDArray[Any]
    scores: Floats | None

    def part(self, start: int, stop: int) -> "Told":
        return Told(self.predicted[start:stop], None if self.scores is None else self.scores[start:stop])


@dataclass(frozen=True)
class Graded:
    """A metric's value and each row's part in it: the mean of the parts moves with the value. Larger is better."""

    value: float
    parts: Floats


class Clock:
    """The wall-clock budget of one test. What is left undone after it is said in the notes."""

    def __init__(self, seconds: float) -> None:
        self.ends = monotonic() + seconds
        self.left_out: list[str] = []

    def over(self, what: str) -> bool:
        """Whether the time is up; `what` is then kept as left out."""
        if monotonic() < self.ends:
            return False
        if what not in self.left_out:
            self.left_out.append(what)
        return True

    def notes(self, seconds: float) -> list[str]:
        if not self.left_out:
            return []
        shown = ", ".join(self.left_out[:8]) + (f" and {len(self.left_out) - 8} more" if len(self.left_out) > 8 else "")
        return [f"Incomplete: the limit of {seconds:g} s was reached. Not measured: {shown}."]


@dataclass(frozen=True)
class Sample:
    """Rows of the subject, coded, with the truth and the model's answers to them as they are.

    rows (n,) are positions in subject.frame; codes (n, columns) as Subject.coder gives them.
    """

    subject: Subject
    rows: Rows
    codes: Codes
    y: NDArray[Any]
    told: Told
    shift: float  # a prediction that moves by this much counts as another one

    @classmethod
    def draw(cls, subject: Subject, most: int, rng: np.random.Generator, shift: float = 1.0) -> "Sample":
        """A random sample of the rows. shift: in units of the model's root mean squared error, for regression."""
        rows = np.sort(rng.permutation(len(subject.frame))[:most])
        codes = subject.coder.encode(subject.frame[subject.features].take(rows))
        error = 0.0
        if subject.task == "regression":
            error = float(np.sqrt(np.mean((subject.answers.predicted - subject.y) ** 2)))
        return cls(subject, rows, codes, subject.y[rows], asked(subject, codes), shift * error)

    @property
    def metric(self) -> str:
        """The metric that damage is measured by: the best that the model's answers allow."""
        if self.subject.task == "regression":
            return "r2"
        return "roc_auc" if self.told.scores is not None else "accuracy"

    def grade(self, told: Told, metric: str | None = None) -> Graded:
        """By `metric`, the sample's own where it is not named."""
        return graded(metric or self.metric, self.subject, self.y, told)

    def flips(self, told: Told) -> NDArray[np.bool_]:
        """(n,) rows that got another decision, or a prediction that moved by `shift` or more."""
        if self.subject.task != "regression":
            return np.asarray(told.predicted != self.told.predicted)
        moved = np.abs(told.predicted - self.told.predicted)
        return np.asarray((moved >= self.shift) & (moved > 0))


def asked(subject: Subject, codes: Codes) -> Told:
    """The model's answers to coded rows. Two questions a row for a model with scores: decisions and scores."""
    scores = np.asarray(subject.predict_scores_codes(codes), dtype=float) if subject.has_scores else None
    return Told(subject.predict_codes(codes), scores)


def asked_or_refused(subject: Subject, codes: Codes) -> Told | str:
    """The answers, or what the model said when it refused the rows."""
    try:
        return asked(subject, codes)
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:
        return short(error, 160)


def source_codes(subject: Subject) -> Codes:
    """The coded rows that noise is scaled by and categories are drawn from: the training data where it is usable."""
    reference = subject.reference
    if reference is not None and set(subject.features) <= set(reference.columns):
        try:
            return subject.coder.encode(reference[subject.features])
        except NotCoded:
            pass  # text where the data has numbers: no use as a scale
    return subject.coder.encode(subject.frame[subject.features])


def number_columns(subject: Subject) -> list[int]:
    """Positions of the features that hold numbers and are used as such."""
    coder = subject.coder
    return [
        at
        for at, name in enumerate(coder.names)
        if name not in coder.categories and subject.columns[name].kind == "number"
    ]


def category_columns(subject: Subject) -> list[int]:
    numbers = set(number_columns(subject))
    return [at for at in range(len(subject.coder.names)) if at not in numbers]


def graded(metric: str, subject: Subject, y: NDArray[Any], told: Told) -> Graded:
    """roc_auc (macro one against rest for more than two labels), accuracy or r2. NaN where it has no value."""
    if metric == "accuracy":
        right = (told.predicted == y).astype(float)
        return Graded(float(right.mean()), right)
    if metric == "r2":
        return _r2(y, told.predicted)
    if told.scores is None:
        raise ValueError("the AUC needs scores")
    labels = [subject.favourable_index] if subject.task == "binary" else range(len(subject.labels))
    found = [_auc(y == label, told.scores[:, label]) for label in labels if 0 < (y == label).sum() < len(y)]
    if not found:
        return Graded(float("nan"), np.full(len(y), np.nan))
    return Graded(float(np.mean([each.value for each in found])), np.mean([each.parts for each in found], axis=0))


def _auc(positive: NDArray[np.bool_], score: Floats) -> Graded:
    """The share of pairs in order, and each row's share of its own pairs, weighted so that they average to it."""
    ups, downs = np.sort(score[positive]), np.sort(score[~positive])
    parts = np.empty(len(score))
    parts[positive] = _below(downs, score[positive]) / len(downs)
    parts[~positive] = 1 - _below(ups, score[~positive]) / len(ups)
    value = float(parts[positive].mean())
    weight = np.where(positive, len(score) / len(ups), len(score) / len(downs))
    return Graded(value, value + weight * (parts - value))


def _below(ordered: Floats, values: Floats) -> Floats:
    """How many of `ordered` lie below each value, ties counting one half."""
    left, right = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    return np.asarray((left + right) / 2)


def _r2(y: Floats, predicted: Floats) -> Graded:
    squared, centred = (predicted - y) ** 2, (y - y.mean()) ** 2
    variance = float(centred.mean())
    if not variance:
        return Graded(float("nan"), np.full(len(y), np.nan))
    value = 1 - float(squared.mean()) / variance
    return Graded(value, value + ((1 - value) * centred - squared) / variance)


def drop(clean: Graded, damaged: list[Graded]) -> tuple[float | None, Interval | None]:
    """How much worse the damaged answers are on average over the repeats, and its 95 % interval."""
    value = clean.value - float(np.mean([each.value for each in damaged]))
    if not np.isfinite(value):
        return None, None
    return value, around(value, clean.parts - np.mean([each.parts for each in damaged], axis=0))


def worst_of(flips: dict[Any, Floats]) -> Any:
    """The key with the highest mean; the first of equals."""
    return max(flips, key=lambda key: float(flips[key].mean()))


def around(value: float, parts: Floats) -> Interval | None:
    """The normal interval about a mean of independent parts."""
    if len(parts) < 2:
        return None
    half = Z * float(parts.std(ddof=1)) / np.sqrt(len(parts))
    return float(value - half), float(value + half)


def rate(shares: Floats) -> tuple[float | None, Interval | None]:
    """The mean of one share a row, within [0, 1], and its interval; Wilson's where all rows agree."""
    n = len(shares)
    if not n:
        return None, None
    value = float(shares.mean())
    if value in (0.0, 1.0):
        return value, wilson(value * n, n)
    low, high = around(value, shares) or (0.0, 1.0)
    return value, (max(0.0, low), min(1.0, high))


def by_group(subject: Subject, rows: Rows, shares: Floats, metric: str) -> list[Measure]:
    """The rate in each group of each sensitive column: is one group hit harder than another?"""
    measures = []
    for column in subject.sensitive:
        names, codes = subject.groups(column)
        for at, name in enumerate(names):
            own = shares[codes[rows] == at]
            if len(own):
                value, ci = rate(own)
                small = len(own) < SMALL_GROUP
                measures.append(Measure(metric, value, ci, len(own), {column: name}, better="lower", small=small))
    return measures
