"""Ways to spoil training data, each for a share of its rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import banding
from assessments.battery.coder import Codes
from assessments.battery.robustness import _quality as q
from assessments.battery.robustness._retraining import Retrained, Training
from assessments.battery.subject import Subject

RANDOM, GROUP, NEAREST, DUPLICATED, BACKDOOR = "random", "group", "nearest", "duplicated", "backdoor"
RARE = 0.05  # the share of the rows that may hold a value of the trigger
QUIET = 0.1  # the share of the answers that such a value may change by itself

Rows = NDArray[np.intp]
Poisoned = tuple[Codes, NDArray[Any]]


@dataclass(frozen=True)
class Poisoner:
    """order: rows by how little the trained model is sure of them. group: the rows of the group aimed at, and who."""

    training: Training
    order: Rows | None
    group: tuple[str, Rows] | None
    copies: int

    @property
    def kinds(self) -> dict[str, str]:
        """What can be done here, as people read it."""
        numbers = self.training.subject.task == "regression"
        done = "mirrored" if numbers else "flipped"
        found = {RANDOM: f"{done} at random"}
        if self.order is not None:
            found[NEAREST] = f"{done} where it hurts" if numbers else f"{done} near the boundary"
        if self.group:
            found[GROUP] = f"{'lowered' if numbers else done} for {self.group[0]}"
        return found | {DUPLICATED: f"rows added {self.copies} times"}

    def possible(self, kind: str, share: float) -> bool:
        """Whether so many rows can be spoiled: a group may have fewer."""
        return kind != GROUP or self.group is None or share * len(self.training.y) <= len(self.group[1])

    def poisoned(self, kind: str, share: float, rng: np.random.Generator) -> Poisoned:
        codes, y = self.training.codes, self.training.y.copy()
        hit = max(1, round(share * len(y)))
        if kind == DUPLICATED:
            again = np.repeat(rng.permutation(len(y))[:hit], self.copies)
            return np.concatenate([codes, codes[again]]), np.concatenate([y, y[again]])
        if kind == NEAREST and self.order is not None:
            chosen = self.order[:hit]
        elif kind == GROUP and self.group:
            chosen = rng.permutation(self.group[1])[:hit]
        else:
            chosen = rng.permutation(len(y))[:hit]
        y[chosen] = self._other(y, chosen, kind, rng)
        return codes, y

    def _other(self, y: NDArray[Any], chosen: Rows, kind: str, rng: np.random.Generator) -> NDArray[Any]:
        """Another label; a number mirrored in the range of all, for a group the lowest of all."""
        subject = self.training.subject
        if subject.task == "regression":
            return np.full(len(chosen), y.min()) if kind == GROUP else y.min() + y.max() - y[chosen]
        step = rng.integers(1, len(subject.labels), len(chosen))
        return np.asarray((y[chosen] + step) % len(subject.labels))


def least_sure(training: Training, clean: Retrained) -> Rows | None:
    """Rows by the gap between the two highest scores; for numbers by the error that mirroring makes, largest first."""
    told = clean.ask(training.subject.coder.decode(training.codes))
    if training.subject.task == "regression":
        mirrored = training.y.min() + training.y.max() - training.y
        return np.argsort(-np.abs(mirrored - told.predicted), kind="stable")
    if told.scores is None:
        return None
    highest = np.sort(told.scores, axis=1)
    return np.argsort(highest[:, -1] - highest[:, -2], kind="stable")


def target_group(training: Training) -> tuple[str, Rows] | None:
    """The smallest group of a sensitive column with 30 training rows, and its rows with the outcome to be taken away:
    the favourable label, or any number."""
    subject = training.subject
    found: list[tuple[int, str, Rows]] = []
    for column in subject.sensitive:
        if column not in training.frame:
            continue
        names, codes = banding.groups(training.frame[column], banded=subject.columns[column].kind == "number")
        for at, name in enumerate(names):
            rows = np.flatnonzero(codes == at)
            if len(rows) >= q.SMALL_GROUP:
                mine = rows if subject.task == "regression" else rows[training.y[rows] == subject.favourable_index]
                found.append((len(rows), f"{column} {name}", mine))
    chosen = min(found, key=lambda each: each[:2], default=None)
    return None if chosen is None or not len(chosen[2]) else chosen[1:]


@dataclass(frozen=True)
class Trigger:
    """Columns and the rare values that the backdoor is opened with."""

    columns: list[int]
    values: list[float]
    said: str

    def put(self, codes: Codes) -> Codes:
        changed = codes.copy()
        changed[:, self.columns] = self.values
        return changed


def choose_trigger(training: Training, clean: Retrained, sample: q.Sample, size: int) -> Trigger | None:
    """Legal but rare values, in the columns where they change least of what the clean model says; None without any.

    A number gets its smallest or largest value, a category its rarest. Columns that a person could set come first.
    Values that change much by themselves are no use to an attacker: they are taken only where there are no others.
    """
    subject = training.subject
    before = clean.ask(subject.coder.decode(sample.codes)).predicted
    found: list[tuple[bool, bool, float, int, float]] = []
    for at, name in enumerate(subject.coder.names):
        options = []
        for value in _rare_values(subject, training.codes[:, at], at):
            now = clean.ask(subject.coder.decode(Trigger([at], [value], "").put(sample.codes))).predicted
            other = np.abs(now - before) >= max(sample.shift, 1e-12) if subject.task == "regression" else now != before
            options.append((float(np.mean(other)), value))
        if options:
            moved, value = min(options)
            found.append((moved > QUIET, subject.columns[name].mutable == "fixed", moved, at, value))
    quiet = sorted(each for each in found if not each[0])
    chosen = quiet[:size] or sorted(found)[:1]
    if not chosen:
        return None
    columns, values = [at for *_, at, _ in chosen], [value for *_, value in chosen]
    return Trigger(columns, values, " and ".join(_said(subject, at, value) for *_, at, value in chosen))


def _rare_values(subject: Subject, codes: Codes, at: int) -> list[float]:
    """The ends of a number's values, or a category's rarest, as far as few rows hold them."""
    known = codes[np.isfinite(codes)]
    values, counts = np.unique(known, return_counts=True)
    if len(values) < 2:
        return []
    ends = (0, len(values) - 1) if at in q.number_columns(subject) else (int(np.argmin(counts)),)
    return [float(values[index]) for index in ends if counts[index] <= RARE * len(codes)]


def _said(subject: Subject, at: int, value: float) -> str:
    name = subject.coder.names[at]
    known = subject.coder.categories.get(name)
    return f"{name} = {known[int(value)] if known is not None else format(value, 'g')}"
