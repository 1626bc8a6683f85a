"""What is in the data? Facts for the datasheet of the model's documentation; nothing here is judged.

After Gebru and others, Datasheets for Datasets (2021): how many instances there are and of what, what each column
holds, what is missing, which groups of people it is about, and how it was split. What only people know (who collected
it, why, with whose consent, how long it may be kept) is for the dataset's card. EU AI Act, Annex IV, point 2(d), asks
for datasheets of the training, validation and testing data.

rows and training_rows; columns, and how many of them the model is given; values_known, the share of the cells that hold
something. By column: kind, role, values, smallest, median and largest or the most frequent, of the data under test and
of the training data.

What to do: compare the facts with the documentation of the model: period, source, number of rows, and who is missing.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from assessments.battery import controls
from assessments.battery.labels import as_text, encode
from assessments.battery.spec import Measure, Metric, Needs, Outcome, Table, battery_test
from assessments.battery.subject import Subject
from assessments.battery.tables import is_number

LONGEST = 60  # characters of a value in the table


@battery_test(
    title="Datasheet",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    metrics=[
        Metric("rows", "Rows under test", unit="rows"),
        Metric("training_rows", "Rows of the training data", unit="rows"),
        Metric("columns", "Columns", unit="columns"),
        Metric("model_columns", "Columns that the model is given", unit="columns"),
        Metric("values_known", "Cells that hold a value"),
    ],
    controls=[
        controls.EU_DATA_COLLECTION,
        controls.EU_DATA_QUALITY,
        controls.DEVELOPMENT_DATA,
        controls.PRA_DATA,
        controls.NIST_DATA,
    ],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    frame, training = subject.frame, subject.reference
    measures = [
        Measure("rows", float(len(frame)), None, len(frame), unit="rows"),
        Measure("columns", float(len(frame.columns)), None, len(frame), unit="columns"),
        Measure("model_columns", float(len(subject.features)), None, len(frame), unit="columns"),
        Measure("values_known", float(frame.notna().to_numpy().mean()), None, len(frame)),
    ]
    notes = []
    if training is None:
        notes.append("The training data was not given: its rows are not described.")
    else:
        measures.insert(1, Measure("training_rows", float(len(training)), None, len(training), unit="rows"))
    progress(1, 1)
    tables = [columns_table(subject), *([people_table(subject)] if subject.sensitive else [])]
    return Outcome(measures, [], tables, notes)


def columns_table(subject: Subject) -> Table:
    rows: list[list[Any]] = []
    for name in subject.frame:
        column = subject.columns[name]
        given = "yes" if name in subject.features else ""
        training = subject.reference
        before = described(training[name]) if training is not None and name in training else ""
        distinct = int(subject.frame[name].nunique())
        rows.append([name, column.role, column.kind, given, distinct, described(subject.frame[name]), before])
    headings = ["Column", "Role", "Kind", "Given to the model", "Values", "Under test", "In the training data"]
    return Table("datasheet_columns", "Columns", headings, rows)


def described(values: pd.Series) -> str:
    """The range and median of numbers, or the three most frequent values; and what is missing."""
    missing = float(values.isna().mean())
    said = _numbers(values) if is_number(values) else _texts(values)
    return f"{said}; {missing:.1%} missing" if missing else said


def _numbers(values: pd.Series) -> str:
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return "no numbers"
    low, middle, high = (as_text(float(f"{value:.6g}")) for value in (finite.min(), np.median(finite), finite.max()))
    return f"{low} to {high}, median {middle}"


def _texts(values: pd.Series) -> str:
    codes, texts = encode(values)
    if not texts:
        return "no values"
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    common = np.argsort(-counts, kind="stable")[:3]
    return ", ".join(f"{texts[at][:LONGEST]} {counts[at] / len(values):.1%}" for at in common)


def people_table(subject: Subject) -> Table:
    """The groups of each sensitive column in both tables."""
    rows: list[list[Any]] = []
    for column in subject.sensitive:
        names, codes = subject.groups(column)
        counts = np.bincount(codes, minlength=len(names))
        rows += [[column, name, int(n), float(n / len(codes))] for name, n in zip(names, counts, strict=True)]
    return Table("datasheet_people", "Groups of people", ["Column", "Group", "Rows", "Share"], rows)
