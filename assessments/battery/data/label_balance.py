"""How often does each outcome occur, in the data under test, in the training data and in each group of people?

label_share: the share of the rows of each label, with Wilson's interval. minority_share: the smallest of them. Where an
outcome is rare, accuracy says little, and measures of the rare one rest on few rows. label_psi: the population
stability index of the labels against the training data, with psi_noise, what chance alone stays below in 19 of 20
cases (Yurdakul and Naranjo 2020): outcomes that have become more or less frequent, which recalibration may mend.
favourable_share: how often the favourable label is the truth in each group of each sensitive column. Where these base
rates differ, a model that is right for everybody still selects the groups at different rates, and several definitions
of fairness cannot hold at once (Kleinberg, Mullainathan and Raghavan 2017; Chouldechova 2017).

The limit for the minority, 10 %, is ValidMind's default; many good credit data sets lie below it.

What to do: where the outcome is rare, accuracy says little: read precision, recall and lift. Where its share differs
between groups or since the training, ask why before reading any other test.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from assessments.battery import controls
from assessments.battery.data import _charts
from assessments.battery.data._divergence import Counts, stability
from assessments.battery.fairness._groups import small_groups
from assessments.battery.reference import HOW_TO_GIVE, positions
from assessments.battery.spec import Measure, Metric, Outcome, Param, Table, battery_test
from assessments.battery.stats import wilson
from assessments.battery.subject import Subject


@battery_test(
    title="Label balance",
    params=[
        Param("minimum_rows", 30, "Rows below which a group is small", minimum=0),
        Param("minimum_share", 0.02, "Share of the rows below which a group is small", minimum=0.0, maximum=0.5),
    ],
    metrics=[
        Metric("label_share", "Rows of the label"),
        Metric("minority_share", "Rows of the rarest label", better="higher"),
        Metric("label_psi", "Population stability index of the labels", better="lower", unit="psi"),
        Metric("label_psi_noise", "What chance alone stays below, 19 times in 20", unit="psi"),
        Metric("favourable_share", "Truly favourable rows of the group"),
    ],
    controls=[controls.EU_DATA_QUALITY, controls.EU_BIAS_EXAMINATION, controls.PRA_DATA, controls.NIST_DATA],
    charts=["label_shares"],
    headline=("label_shares",),
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    now = np.bincount(subject.y, minlength=len(subject.labels))
    before = training_counts(subject)
    measures = shares_of(subject, now)
    notes = []
    if before is None:
        notes.append(f"The labels were not compared with earlier ones. {HOW_TO_GIVE}")
    else:
        measures += drift_of(now, before)
    measures += base_rates(subject, params)
    progress(1, 1)
    return Outcome(measures, [chart_of(subject, now, before)], [table_of(subject, now, before)], notes)


def training_counts(subject: Subject) -> Counts | None:
    """(labels,) rows of the training data by label; None where it has no known outcome."""
    if subject.reference is None or subject.target not in subject.reference:
        return None
    at = positions(subject, subject.reference[subject.target])
    counts = np.bincount(at[at >= 0], minlength=len(subject.labels))
    return counts if counts.sum() else None


def shares_of(subject: Subject, now: Counts) -> list[Measure]:
    n = int(now.sum())
    measures = [
        Measure("label_share", int(rows) / n, wilson(int(rows), n), n, {"label": label})
        for label, rows in zip(subject.labels, now, strict=True)
    ]
    fewest = int(now.min())
    return [*measures, Measure("minority_share", fewest / n, wilson(fewest, n), n, better="higher")]


def drift_of(now: Counts, before: Counts) -> list[Measure]:
    used = (now + before) > 0
    index, n = stability(before[used], now[used]), int(now.sum())
    return [
        Measure("label_psi", index.value, index.ci, n, unit="psi", better="lower"),
        Measure("label_psi_noise", index.noise, None, n, unit="psi"),
    ]


def base_rates(subject: Subject, params: dict[str, Any]) -> list[Measure]:
    measures = []
    for column in subject.sensitive:
        names, codes = subject.groups(column)
        rows = np.bincount(codes, minlength=len(names))
        truly = np.bincount(codes[subject.y_favourable], minlength=len(names))
        small = small_groups(rows, params)
        for at, name in enumerate(names):
            found, n = int(truly[at]), int(rows[at])
            measures.append(
                Measure("favourable_share", found / n, wilson(found, n), n, {column: name}, small=bool(small[at]))
            )
    return measures


def chart_of(subject: Subject, now: Counts, before: Counts | None) -> Any:
    shares = now / now.sum()
    most = int(np.argmax(shares))
    said = f"{subject.labels[most]} is the most frequent outcome, {shares[most]:.1%} of the rows under test."
    first, second = (now, None) if before is None else (before, now)
    return _charts.compared("label_shares", "How often each outcome occurs", said, list(subject.labels), first, second)


def table_of(subject: Subject, now: Counts, before: Counts | None) -> Table:
    rows: list[list[Any]] = []
    for at, label in enumerate(subject.labels):
        earlier = [None, None] if before is None else [int(before[at]), float(before[at] / before.sum())]
        rows.append([label, int(now[at]), float(now[at] / now.sum()), *earlier])
    headings = ["Label", "Rows", "Share", "Rows in the training data", "Share in the training data"]
    return Table("labels", "Labels", headings, rows)
