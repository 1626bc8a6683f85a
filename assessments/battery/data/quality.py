"""Is the data under test fit to judge a model by?

Errors in the data make every other number of this report wrong. Counted on the file as it is, so there are no
intervals: missing_share, by column, the cells that are empty or hold a mark that stands for nothing known ("?", "-",
"n/a"); infinite_values; impossible_values, numbers outside the bounds that were declared for their column, or fractions
in one declared to hold whole numbers (without declared bounds there is nothing to count); constant_columns, columns of
the model that hold one value only; duplicate_share, rows that equal an earlier row in every column; conflicting_share,
rows that the model cannot tell from a row with another outcome: no model can be right about both; rare_categories,
categories with fewer rows than 1 % and than 30: too few to say anything of; type_surprises, columns of text that hold
mostly numbers, values that differ only in case or spaces, and columns that hold numbers in one table and text in the
other. What missing values do to the model is measured by robustness.missing_values.

Limits: missing values 5 % and duplicates 5 % (Deepchecks' defaults). EU AI Act, Article 10(3): free of errors and
complete "to the best extent possible".

What to do: have the faults explained or mended where the data come from before the other tests are read: they measure
the model on these rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery import controls, reference
from assessments.battery.data import _charts
from assessments.battery.errors import listed
from assessments.battery.labels import as_text, encode
from assessments.battery.spec import Chart, Measure, Metric, Needs, Outcome, Param, Table, battery_test
from assessments.battery.subject import Subject
from assessments.battery.tables import is_number

# Texts that stand for "not known". Empty cells, NA, NaN and null are missing already when a file has been read.
MARKS = frozenset({"?", "??", "-", "--", "---", ".", "..", "*", "n/a", "na", "nan", "null", "nil", "missing", "#n/a"})
RARE_ROWS = 30
MOSTLY = 0.9  # of a column's texts are numbers: then the others are a surprise


@dataclass
class Found:
    """What one column holds. remarks: what a person should look at, as sentences."""

    name: str
    kind: str
    rows: int
    empty: int = 0
    marked: int = 0
    infinite: int = 0
    impossible: int = 0
    distinct: int = 0
    rare: int = 0
    surprised: bool = False
    constant: bool = False
    remarks: list[str] = field(default_factory=list)

    @property
    def missing(self) -> float:
        return (self.empty + self.marked) / self.rows


@battery_test(
    title="Data quality",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[Param("rare_share", 0.01, "Share of the rows below which a category is rare", minimum=0.0, maximum=0.5)],
    metrics=[
        Metric("missing_share", "Missing values", better="lower"),
        Metric("complete_share", "Rows without a missing value", better="higher"),
        Metric("infinite_values", "Infinite values", better="lower", unit="cells"),
        Metric("impossible_values", "Values outside the declared bounds", better="lower", unit="cells"),
        Metric("constant_columns", "Columns that hold one value only", better="lower", unit="columns"),
        Metric("duplicate_share", "Rows that repeat an earlier one", better="lower"),
        Metric("conflicting_share", "Rows that equal one of another outcome", better="lower"),
        Metric("rare_categories", "Categories too rare to say anything of", better="lower", unit="categories"),
        Metric("type_surprises", "Columns whose values are not of one type", better="lower", unit="columns"),
    ],
    controls=[
        controls.EU_DATA_QUALITY,
        controls.DEVELOPMENT_DATA,
        controls.PRA_DATA,
        controls.OSFI_DATA,
        controls.NIST_DATA,
    ],
    charts=["missing_values"],
    headline=("missing_values",),
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    names = [name for name in subject.frame if subject.columns[name].role != "ignored"]
    found, blanks = [], np.zeros(len(subject.frame), dtype=bool)
    for done, name in enumerate(names):
        column, blank = examined(subject, name, params["rare_share"])
        found.append(column)
        blanks |= blank
        progress(done + 1, len(names) + 1)
    conflicting = conflicting_rows(subject)
    measures = measures_of(subject, found, blanks, conflicting)
    return Outcome(measures, charts_of(found), [table_of(found)], notes_of(subject, found))


def examined(subject: Subject, name: str, rare_share: float) -> tuple[Found, NDArray[np.bool_]]:
    """What the column holds, and which of its rows are missing."""
    values = subject.frame[name]
    kind = str(subject.columns[name].kind)
    found = Found(name, kind, len(values), distinct=int(values.nunique()))
    empty = values.isna().to_numpy()
    marked = np.zeros(len(values), dtype=bool)
    if is_number(values):
        numbers = values.to_numpy(dtype=float, na_value=np.nan)
        found.infinite = int(np.isinf(numbers).sum())
        if found.infinite:
            found.remarks.append(f"{found.infinite:,} infinite values.")
        count_impossible(subject, found, numbers)
    else:
        marked = marks(values)
        examine_text(subject, found, values.mask(pd.Series(marked)))
    found.empty, found.marked = int(empty.sum()), int(marked.sum())
    known = ~(empty | marked)
    if found.distinct <= 1 and name != subject.target:
        found.constant = True
        found.remarks.append("The same value in every row." if known.any() else "No value in any row.")
    if kind == "category":
        count_rare(found, values[known], rare_share)
    compare_types(subject, found, values)
    return found, empty | marked


def marks(values: pd.Series) -> NDArray[np.bool_]:
    """(rows,) true where the text stands for a missing value."""
    at, uniques = pd.factorize(values)
    blank = [isinstance(value, str) and (not value.strip() or value.strip().lower() in MARKS) for value in uniques]
    return np.asarray(np.array([*blank, False])[at])


def count_impossible(subject: Subject, found: Found, numbers: NDArray[np.float64]) -> None:
    """Against the bounds that a person declared, not those that were read off the data."""
    declared = subject.declared.get(found.name)
    if declared is None:
        return
    finite = numbers[np.isfinite(numbers)]
    wrong = np.zeros(len(finite), dtype=bool)
    if declared.min is not None:
        wrong |= finite < declared.min
    if declared.max is not None:
        wrong |= finite > declared.max
    if declared.integer:
        wrong |= finite != np.round(finite)
    found.impossible = int(wrong.sum())
    if found.impossible:
        examples = [as_text(float(value)) for value in np.unique(finite[wrong])[:3]]
        found.remarks.append(f"{found.impossible:,} values that cannot be, for example {', '.join(examples)}.")


def examine_text(subject: Subject, found: Found, values: pd.Series) -> None:
    """Numbers among text, and values that differ only in how they are written."""
    at, uniques = pd.factorize(values)
    counts = np.bincount(at[at >= 0], minlength=len(uniques))
    if not len(uniques):
        return
    texts = [str(value) for value in uniques]
    numeric = pd.to_numeric(pd.Series(texts), errors="coerce").notna().to_numpy()
    if MOSTLY <= (share := float(counts[numeric].sum() / counts.sum())) < 1:
        strange = [text for text, is_one in zip(texts, numeric, strict=True) if not is_one]
        found.surprised = True
        found.remarks.append(f"{share:.1%} of the values are numbers, the others not: {listed(strange[:3])}.")
    written: dict[str, list[str]] = {}
    for text in texts:
        written.setdefault(" ".join(text.lower().split()), []).append(text)
    if twice := [ways for ways in written.values() if len(ways) > 1]:
        found.surprised = True
        found.remarks.append(f"The same value in several spellings: {listed(twice[0][:3])}.")


def count_rare(found: Found, values: pd.Series, rare_share: float) -> None:
    codes, texts = encode(values)
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    rare = (counts < rare_share * found.rows) & (counts < RARE_ROWS)
    found.rare = int(rare.sum())
    if found.rare:
        shown = [text for text, few in zip(texts, rare, strict=True) if few]
        found.remarks.append(f"Rare: {listed(shown)}.")


def compare_types(subject: Subject, found: Found, values: pd.Series) -> None:
    training = subject.reference
    if training is None or found.name not in training:
        return
    before, now = is_number(training[found.name]), is_number(values)
    if before != now and values.notna().any() and training[found.name].notna().any():
        found.surprised = True
        words = {True: "numbers", False: "text"}
        found.remarks.append(f"Holds {words[now]} here and {words[before]} in the training data.")


def conflicting_rows(subject: Subject) -> int | None:
    """Rows whose features equal those of a row with another outcome; None for a model of numbers."""
    if subject.task == "regression":
        return None
    (ids,) = reference.row_ids([subject.frame], subject.features)
    table = np.zeros((int(ids.max()) + 1, len(subject.labels)), dtype=np.int64)
    np.add.at(table, (ids, subject.y), 1)
    several = (table > 0).sum(axis=1) > 1
    return int(several[ids].sum())


def measures_of(
    subject: Subject, found: list[Found], blanks: NDArray[np.bool_], conflicting: int | None
) -> list[Measure]:
    n = len(subject.frame)

    def counted(metric: str, value: float, unit: str = "ratio") -> Measure:
        return Measure(metric, float(value), None, n, unit=unit, better="lower")

    measures = [
        Measure("missing_share", each.missing, None, n, {"column": each.name}, better="lower") for each in found
    ]
    measures.append(Measure("complete_share", float(1 - blanks.mean()), None, n, better="higher"))
    measures.append(counted("infinite_values", sum(each.infinite for each in found), "cells"))
    if any(_has_bounds(subject, each.name) for each in found):
        measures.append(counted("impossible_values", sum(each.impossible for each in found), "cells"))
    constant = [each for each in found if each.constant and each.name in subject.features]
    measures.append(counted("constant_columns", len(constant), "columns"))
    (ids,) = reference.row_ids([subject.frame], [each.name for each in found])
    measures.append(counted("duplicate_share", 1 - len(np.unique(ids)) / n))
    if conflicting is not None:
        measures.append(counted("conflicting_share", conflicting / n))
    measures.append(counted("rare_categories", sum(each.rare for each in found), "categories"))
    measures.append(counted("type_surprises", sum(each.surprised for each in found), "columns"))
    return measures


def _has_bounds(subject: Subject, name: str) -> bool:
    declared = subject.declared.get(name)
    return declared is not None and (declared.min is not None or declared.max is not None or bool(declared.integer))


def charts_of(found: list[Found]) -> list[Chart]:
    holes = sorted((each for each in found if each.missing), key=lambda each: (-each.missing, each.name))
    if not holes:
        return []
    most = f"{holes[0].name}: {holes[0].missing:.1%}"
    said = f"{len(holes)} of {len(found)} columns have missing values, most of them {most}."
    rows = [_charts.Bar(each.name, each.missing, marked=each.marked > 0) for each in holes]
    return [_charts.bars("missing_values", "Missing values by column", said, "Share of the rows", rows, [],
                         marked="holds a mark for missing, such as ?", percent=True)]  # fmt: skip


def table_of(found: list[Found]) -> Table:
    rows: list[list[Any]] = [
        [each.name, each.kind, each.distinct, each.empty, each.marked, each.missing, " ".join(each.remarks)]
        for each in found
    ]
    headings = ["Column", "Kind", "Values", "Empty", "Marked as missing", "Missing share", "Remarks"]
    return Table("quality_columns", "Every column", headings, rows)


def notes_of(subject: Subject, found: list[Found]) -> list[str]:
    notes = []
    if not any(_has_bounds(subject, each.name) for each in found):
        notes.append("No bounds were declared for any column, so impossible values could not be counted.")
    if any(each.marked for each in found):
        names = listed([each.name for each in found if each.marked])
        notes.append(f"Marks such as ? were counted as missing in {names}. The model sees them as values.")
    return notes
