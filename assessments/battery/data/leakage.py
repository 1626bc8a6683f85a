"""Does a column give the outcome away, so that the model knows what it will not know when it decides?

For each column that the model is given, how well that column alone tells the outcome. Its values are cut into bins, the
rate of each outcome in each bin is learned on one set of rows and tried on another (training data and data under test;
without training data two halves of the latter). single_column_auc is the area under the ROC curve of those rates, for
more than two labels the mean of the one-against-rest areas; single_column_r2 is R² for a model of numbers; intervals as
DeLong, DeLong and Clarke-Pearson 1988. Near 1 the column is the outcome by another name, or was written down after it.
filled_auc: the same of whether the column is filled at all. A date of repayment, a reason for refusal is filled only
after the decision. given_away_share: the largest share of the rows of one outcome whose value of this column occurs
with that outcome only, and too often for chance. target_copies: columns whose values stand one to one for the outcomes,
or for numbers lie on one line with them. Columns that are filled in the training data and empty in the data under test
are named in the notes: they may be unknown at the time of the decision.

A strong column is no proof: some measurements are that good. Ask when it is known, and who writes it down. Deepchecks
flags a predictive power of 0.8 (another scale); 0.95 and 0.99 are house defaults.

What to do: for each column that is named ask when its value is known. If only after the decision, remove it and train
again: all the other results are too good to be true until then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery import controls, reference
from assessments.battery.data import _charts
from assessments.battery.data._bins import Bins
from assessments.battery.data.quality import marks
from assessments.battery.errors import listed
from assessments.battery.robustness import _quality as q
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Table, battery_test
from assessments.battery.stats import Interval, wilson
from assessments.battery.subject import Subject
from assessments.battery.tables import is_number

BINS = 64
CHANCE = 1e-6  # a value that occurs with one outcome only, by chance, as rarely as this
ON_ONE_LINE = 1e-6  # of R², from 1
EMPTIED = 0.5  # of the rows of a column are filled in the training data and empty under test
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Rows to learn from and rows to try on, with their outcomes: positions in labels, or numbers."""

    learned: pd.DataFrame
    learned_y: NDArray[Any]
    tried: pd.DataFrame
    tried_y: NDArray[Any]


@dataclass(frozen=True)
class Power:
    name: str
    value: float
    ci: Interval | None
    filled: float | None
    filled_ci: Interval | None
    given_away: float
    outcome: str
    copy: bool


@battery_test(
    title="Leakage of the outcome",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    metrics=[
        Metric("single_column_auc", "AUC of one column alone", better="lower"),
        Metric("single_column_r2", "R² of one column alone", better="lower"),
        Metric("filled_auc", "AUC of whether the column is filled", better="lower"),
        Metric("given_away_share", "Rows of one outcome that the column gives away", better="lower"),
        Metric("target_copies", "Columns that are the outcome by another name", better="lower", unit="columns"),
    ],
    controls=[controls.CONCEPTUAL_SOUNDNESS, controls.DEVELOPMENT_DATA, controls.EU_DATA_QUALITY,
              controls.PRA_TESTING, controls.NIST_VALIDITY],
    charts=["single_column_power"],
    headline=("single_column_power",),
)  # fmt: skip
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    rows, notes = rows_of(subject, rng)
    found = []
    for done, name in enumerate(subject.features):
        found.append(power_of(subject, rows, name))
        progress(done + 1, len(subject.features))
    notes += emptied(subject)
    copies = [each.name for each in found if each.copy]
    notes += [f"The outcome by another name: {listed(copies)}."] if copies else []
    return Outcome(measures_of(subject, rows, found), charts_of(subject, found), [table_of(subject, found)], notes)


def rows_of(subject: Subject, rng: np.random.Generator) -> tuple[Rows, list[str]]:
    """Training rows to learn from where they are known, else halves of the data under test."""
    try:
        learned, y = reference.known_rows(subject)
        return Rows(learned, y, subject.frame, subject.y), []
    except NotApplicable as reason:
        order = rng.permutation(len(subject.frame))
        halves = [np.sort(part) for part in np.array_split(order, 2)]
        frames = [subject.frame.take(part).reset_index(drop=True) for part in halves]
        note = f"Learned and tried on two halves of the data under test. {reason}"
        return Rows(frames[0], subject.y[halves[0]], frames[1], subject.y[halves[1]]), [note]


def power_of(subject: Subject, rows: Rows, name: str) -> Power:
    learned, tried = rows.learned[name], rows.tried[name]
    numbers = subject.columns[name].kind == "number" and is_number(learned) and is_number(tried)
    bins = Bins.of(learned, BINS, numbers=numbers)
    at = bins.place(learned)
    value, ci = tried_power(subject, rows, at, bins.place(tried), len(bins.names))
    blanks = [blank(column) for column in (learned, tried)]
    filled: tuple[float | None, Interval | None] = (None, None)
    if blanks[0].any() and not blanks[0].all():
        filled = tried_power(subject, rows, blanks[0].astype(np.int64), blanks[1].astype(np.int64), 2)
    share, outcome = (0.0, "") if subject.task == "regression" else given_away(subject, rows, at, len(bins.names))
    return Power(name, value, ci, *filled, share, outcome, is_copy(subject, rows, name))


def blank(column: pd.Series) -> NDArray[np.bool_]:
    empty = column.isna().to_numpy()
    return np.asarray(empty if is_number(column) else empty | marks(column))


def tried_power(
    subject: Subject, rows: Rows, learned: NDArray[np.int64], tried: NDArray[np.int64], bins: int
) -> tuple[float, Interval | None]:
    """The AUC, or R², on the rows tried, of the mean outcome in each bin of the rows learned from."""
    counts = np.bincount(learned, minlength=bins).astype(float)
    if subject.task == "regression":
        overall = float(rows.learned_y.mean())
        means = (np.bincount(learned, rows.learned_y, minlength=bins) + overall) / (counts + 1)
        graded = q.graded("r2", subject, rows.tried_y, q.Told(means[tried], None))
    else:
        sums = np.zeros((bins, len(subject.labels)))
        np.add.at(sums, (learned, rows.learned_y), 1)
        overall_rates = sums.sum(axis=0) / len(learned)
        rates = (sums + overall_rates) / (counts[:, None] + 1)  # a bin without rows has the overall rates
        graded = q.graded("roc_auc", subject, rows.tried_y, q.Told(np.empty(0), rates[tried]))
    ci = q.around(graded.value, graded.parts)
    return graded.value, None if ci is None else (ci[0], min(1.0, ci[1]))


def given_away(subject: Subject, rows: Rows, at: NDArray[np.int64], bins: int) -> tuple[float, str]:
    """The largest share of the rows of one outcome that lie in bins of that outcome alone, and the outcome."""
    table = np.zeros((bins, len(subject.labels)))
    np.add.at(table, (at, rows.learned_y), 1)
    totals = table.sum(axis=0)
    rates = totals / totals.sum()
    with np.errstate(divide="ignore"):
        enough = np.log(CHANCE) / np.log(rates)  # rows of one outcome in a row that chance does not give
    pure = (table == table.sum(axis=1, keepdims=True)) & (table >= enough)
    shares = np.where(pure, table, 0).sum(axis=0) / np.maximum(totals, 1)
    best = int(np.argmax(shares))
    return float(shares[best]), subject.labels[best] if shares[best] else ""


def is_copy(subject: Subject, rows: Rows, name: str) -> bool:
    """Whether each value of the column stands for one outcome and each outcome for one value, in all rows."""
    column = rows.tried[name]
    if subject.task == "regression":
        if not is_number(column):
            return False
        x = column.to_numpy(dtype=float, na_value=np.nan)
        known = np.isfinite(x)
        if known.mean() < 0.99 or np.ptp(x[known]) == 0 or np.ptp(rows.tried_y[known]) == 0:
            return False
        return bool(np.corrcoef(x[known], rows.tried_y[known])[0, 1] ** 2 > 1 - ON_ONE_LINE)
    codes = pd.factorize(column, use_na_sentinel=False)[0]
    pairs = len(np.unique(codes * len(subject.labels) + rows.tried_y))
    return bool(pairs == len(np.unique(codes)) == len(np.unique(rows.tried_y)) > 1)


def emptied(subject: Subject) -> list[str]:
    """Columns that were filled in training and are not any more."""
    training = subject.reference
    if training is None:
        return []
    lost = [
        name
        for name in subject.features
        if name in training and blank(subject.frame[name]).mean() - blank(training[name]).mean() >= EMPTIED
    ]
    if not lost:
        return []
    return [f"Filled in the training data, mostly empty under test, so perhaps unknown when deciding: {listed(lost)}."]


def measures_of(subject: Subject, rows: Rows, found: list[Power]) -> list[Measure]:
    metric = "single_column_r2" if subject.task == "regression" else "single_column_auc"
    n = len(rows.tried_y)
    measures = []
    for each in found:
        group = {"column": each.name}
        measures.append(Measure(metric, each.value, each.ci, n, group, better="lower"))
        if each.filled is not None and subject.task != "regression":
            measures.append(Measure("filled_auc", each.filled, each.filled_ci, n, group, better="lower"))
        if each.given_away:
            truly = int((rows.learned_y == subject.labels.index(each.outcome)).sum())
            ci = wilson(each.given_away * truly, truly)
            measures.append(Measure("given_away_share", each.given_away, ci, truly, group, better="lower"))
    copies = sum(each.copy for each in found)
    return [*measures, Measure("target_copies", float(copies), None, n, unit="columns", better="lower")]


def charts_of(subject: Subject, found: list[Power]) -> list[Chart]:
    numbers = subject.task == "regression"
    what = "R² of the column alone" if numbers else "AUC of the column alone"
    ordered = sorted(found, key=lambda each: (-each.value, each.name))
    rows = [_charts.Bar(each.name, each.value, each.ci, marked=each.copy or each.value >= 0.99) for each in ordered]
    said = f"Strongest: {ordered[0].name}, {ordered[0].value:.3f}."
    limits = [] if numbers else [(0.95, "ask when it is known")]
    base = 0.0 if numbers else 0.5
    start = min(base, min(row.value for row in rows))
    return [_charts.bars("single_column_power", "How well one column alone tells the outcome", said, what, rows, limits,
                         marked="gives the outcome away", start=start, end=1.0, base=base)]  # fmt: skip


def table_of(subject: Subject, found: list[Power]) -> Table:
    what = "R² alone" if subject.task == "regression" else "AUC alone"
    rows: list[list[Any]] = [
        [each.name, each.value, each.filled, each.given_away, each.outcome, "yes" if each.copy else ""]
        for each in sorted(found, key=lambda each: (-each.value, each.name))
    ]
    headings = ["Column", what, "AUC of being filled", "Gives away", "Of the outcome", "Copy of the outcome"]
    return Table("leakage_columns", "Every column", headings, rows)
