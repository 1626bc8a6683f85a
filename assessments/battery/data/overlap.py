"""Do rows of the training data stand in the data under test?

A model that is tested on rows it was trained on looks better than it is. shared_rows: rows under test whose features
and outcome equal those of some training row; shared_share is their share. But where columns take few values, two people
are alike by chance. How often that is so, the training data tells by itself: expected_share is the share of the
training rows that equal another training row. excess_share = shared_share - expected_share is what chance does not
explain: 0 where the tables were drawn apart, about the share of the copied rows where rows were copied. Its 95 %
interval treats the distinct rows as what was drawn. shared_rounded_share: the same after every number is rounded to so
many significant digits, for copies that went through another program; numbers that lie on either side of a rounding
edge are missed. conflicting_rows: rows under test that equal a training row in all features and have another outcome;
of those that model and labels cannot both be right about.

The limit, 1 % of the rows, is a house default: beyond it accuracy may be off by as much as the model is wrong on 1 %.

What to do: remove the shared rows from the data under test and assess again: on rows that it has seen, a model looks
better than it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery import controls, reference
from assessments.battery.errors import listed
from assessments.battery.spec import Measure, Metric, Needs, NotApplicable, Outcome, Param, Table, battery_test
from assessments.battery.stats import Interval, Z
from assessments.battery.subject import Subject

EXAMPLES = 10
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Twins:
    """before, now: (distinct rows,) how often each stands in the training data and in the data under test."""

    before: Ids
    now: Ids

    @classmethod
    def of(cls, before: Ids, now: Ids) -> "Twins":
        size = int(max(before.max(), now.max())) + 1
        return cls(np.bincount(before, minlength=size), np.bincount(now, minlength=size))

    @property
    def shared(self) -> int:
        """Rows under test that stand in the training data."""
        return int(self.now[self.before > 0].sum())

    @property
    def shared_share(self) -> float:
        return self.shared / int(self.now.sum())

    @property
    def expected_share(self) -> float:
        """Training rows that stand in the training data once more."""
        return int(self.before[self.before > 1].sum()) / int(self.before.sum())

    def excess(self) -> tuple[float, Interval]:
        """shared_share - expected_share with its interval, from the part of each distinct row in it."""
        n, m = int(self.before.sum()), int(self.now.sum())
        value = self.shared_share - self.expected_share
        parts = self.now * ((self.before > 0) - self.shared_share) / m
        parts -= self.before * ((self.before > 1) - self.expected_share) / n
        half = Z * float(np.sqrt((parts**2).sum()))
        return value, (max(-1.0, value - half), min(1.0, value + half))


@battery_test(
    title="Rows shared with the training data",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[Param("digits", 3, "Significant digits for copies up to rounding", minimum=1, maximum=15)],
    metrics=[
        Metric("shared_rows", "Rows that stand in the training data too", better="lower", unit="rows"),
        Metric("shared_share", "Share of such rows", better="lower"),
        Metric("expected_share", "Share that chance explains"),
        Metric("excess_share", "Share that chance does not explain", better="lower"),
        Metric("shared_rounded_share", "Share of such rows, up to rounding", better="lower"),
        Metric("excess_rounded_share", "Share that chance does not explain, up to rounding", better="lower"),
        Metric("conflicting_rows", "Rows that equal a training row of another outcome", better="lower", unit="rows"),
    ],
    controls=[
        controls.EU_DATA_QUALITY,
        controls.DEVELOPMENT_DATA,
        controls.PRA_TESTING,
        controls.NIST_DATA,
        controls.NIST_VALIDITY,
    ],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    training = reference.needed(subject)
    if missing := [name for name in subject.features if name not in training]:
        raise NotApplicable(f"The training data lacks {listed(missing)}: its rows cannot be compared.")
    frames, columns = [training, subject.frame], [*subject.features]
    labelled = subject.target in training and subject.target not in columns
    alike = reference.row_ids(frames, columns)
    columns += [subject.target] if labelled else []
    exact = reference.row_ids(frames, columns)
    progress(1, 2)
    twins = Twins.of(*exact)
    rounded = Twins.of(*reference.row_ids(frames, columns, params["digits"]))
    conflicting = conflicts(alike, exact) if labelled and subject.task != "regression" else None
    progress(2, 2)
    measures = measures_of(twins, rounded, conflicting)
    return Outcome(measures, [], tables_of(subject, exact), notes_of(subject, twins, labelled=labelled))


def conflicts(alike: list[Ids], exact: list[Ids]) -> int:
    """Rows under test that equal a training row in the features, and of which some such row has another outcome."""
    before = pd.DataFrame({"alike": alike[0], "exact": exact[0]}).drop_duplicates()
    outcomes = before.groupby("alike")["exact"].agg(["size", "first"])
    found = outcomes.reindex(alike[1])
    sizes, first = found["size"].fillna(0).to_numpy(), found["first"].fillna(-1).to_numpy()
    return int(((sizes > 1) | ((sizes == 1) & (first != exact[1]))).sum())


def measures_of(twins: Twins, rounded: Twins, conflicting: int | None) -> list[Measure]:
    n = int(twins.now.sum())
    excess, ci = twins.excess()
    excess_rounded, ci_rounded = rounded.excess()
    measures = [
        Measure("shared_rows", float(twins.shared), None, n, unit="rows", better="lower"),
        Measure("shared_share", twins.shared_share, None, n, better="lower"),
        Measure("expected_share", twins.expected_share, None, int(twins.before.sum())),
        Measure("excess_share", excess, ci, n, better="lower"),
        Measure("shared_rounded_share", rounded.shared_share, None, n, better="lower"),
        Measure("excess_rounded_share", excess_rounded, ci_rounded, n, better="lower"),
    ]
    if conflicting is not None:
        measures.append(Measure("conflicting_rows", float(conflicting), None, n, unit="rows", better="lower"))
    return measures


def tables_of(subject: Subject, exact: list[Ids]) -> list[Table]:
    """Where the first shared rows stand, counted from 1 as in a file without its heading."""
    order = np.argsort(exact[0], kind="stable")
    at = np.searchsorted(exact[0][order], exact[1])
    at = np.minimum(at, len(order) - 1)
    shared = np.flatnonzero(exact[0][order][at] == exact[1])[:EXAMPLES]
    rows: list[list[Any]] = [[int(row) + 1, int(order[at[row]]) + 1] for row in shared]
    if not rows:
        return []
    headings = ["Row under test", "First such training row"]
    return [Table("shared_rows", "Rows that stand in both tables", headings, rows, "The first ten, counted from 1.")]


def notes_of(subject: Subject, twins: Twins, *, labelled: bool) -> list[str]:
    notes = [] if labelled else ["The training data has no outcomes: rows were compared by the features alone."]
    if twins.expected_share > 0.5:
        notes.append(
            f"{twins.expected_share:.0%} of the training rows equal another one: the columns of the model tell few "
            "people apart, so copied rows may hide among rows that are alike."
        )
    return notes
