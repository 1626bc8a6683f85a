"""Rows that should never have come: one fault in one column, or in the whole table, and what the model does with it.

refused   the model raises an error that says something
answered  it gives proper answers
nan_out   it answers with what is no number (or no class of its own)
crashed   it raises what comes from the inside of a library, an error without a message, or the wrong number of answers
misread   it answers, and otherwise than for the same values in their right order and without the stranger
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.errors import short
from assessments.battery.labels import as_text
from assessments.battery.subject import Subject

REFUSED, ANSWERED, NAN_OUT, CRASHED, MISREAD = "refused", "answered", "nan_out", "crashed", "misread"
SAID = {
    REFUSED: "refused",
    ANSWERED: "answered",
    NAN_OUT: "no number",
    CRASHED: "crashed",
    MISREAD: "other answers",
}
# Errors that come of a mistake in the code, not of a check of its input.
FROM_INSIDE = (ArithmeticError, AssertionError, AttributeError, IndexError, NameError, RecursionError, SystemExit)
HUGE = 1e9
STRANGER = "never seen before"
EXTRA_COLUMN = "an extra column"


@dataclass(frozen=True)
class Fault:
    """what: its name; column: where, empty for the whole table; given: what the estimator is handed, `rows` rows."""

    what: str
    column: str
    given: Any
    rows: int
    same: bool = False  # the answers must be those to the rows as they are


@dataclass(frozen=True)
class Response:
    """What came of a fault, and the error's own words."""

    fault: Fault
    outcome: str
    said: str = ""


def column_faults(subject: Subject, rows: pd.DataFrame, name: str) -> Iterator[Fault]:
    """Each fault of one column, in all of the rows."""
    column = subject.columns[name]
    number = column.kind == "number"
    values: dict[str, Any] = {"missing": np.nan}
    if number:
        low, high = (float(end) if end is not None else 0.0 for end in (column.min, column.max))
        step = 1.0 if column.integer else 0.01 * ((high - low) or 1.0)
        values |= {
            "infinite": np.inf,
            "minus infinite": -np.inf,
            "a thousand million": HUGE,
            "negative": -1.0 - abs(high),
            "zero": 0.0,
            "just below the range": low - step,
            "just above the range": high + step,
            "text": STRANGER,
        }
    else:
        values |= {"unseen category": STRANGER, "empty text": "", "a number": 12345.0}
    for what, value in values.items():
        faulty = rows.copy()
        kind = object if isinstance(value, str) or not number else float
        faulty[name] = pd.Series([value] * len(rows), index=rows.index, dtype=kind)
        yield Fault(what, name, subject.model.prepared(faulty), len(rows))
    if number:
        faulty = rows.copy()
        faulty[name] = pd.Series([str(value) for value in rows[name]], index=rows.index, dtype=object)
        yield Fault("numbers as text", name, subject.model.prepared(faulty), len(rows))


def table_faults(subject: Subject, rows: pd.DataFrame) -> Iterator[Fault]:
    """Faults of the table as a whole. A model that knows no names cannot tell the order of its columns."""
    given = subject.model.prepared(rows)
    n = len(rows)
    if not isinstance(given, pd.DataFrame):
        if given.shape[1] > 1:
            yield Fault("a column missing", "", given[:, :-1], n)
        yield Fault("an extra column", "", np.column_stack([given, given[:, 0]]), n)
        yield Fault("no rows", "", given[:0], 0)
        return
    names = list(given.columns)
    if len(names) > 1:
        yield Fault("a column missing", "", given[names[:-1]], n)
        yield Fault("columns in another order", "", given[names[::-1]], n, same=True)
    yield Fault("an extra column", "", given.assign(**{EXTRA_COLUMN: 1.0}), n, same=True)
    yield Fault("an extra column in front", "", pd.concat([pd.Series(1.0, given.index, name=EXTRA_COLUMN), given],
                                                          axis=1), n, same=True)  # fmt: skip
    yield Fault("no rows", "", given.iloc[:0], 0)


def response(subject: Subject, fault: Fault, usual: NDArray[Any]) -> Response:
    """Ask the estimator itself. usual: its answers to the rows as they are."""
    subject.queries += fault.rows
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = np.asarray(asked(subject, fault.given))
    except MemoryError:
        raise
    except FROM_INSIDE as error:
        return Response(fault, CRASHED, short(error, 160))
    except Exception as error:
        said = str(error).strip()
        return Response(fault, REFUSED if said else CRASHED, short(error, 160))
    if len(found) != fault.rows:
        return Response(fault, CRASHED, f"It gives {len(found)} answers for {fault.rows} rows.")
    if not proper(subject, found):
        return Response(fault, NAN_OUT)
    if fault.same and not np.array_equal(found, usual):
        return Response(fault, MISREAD)
    return Response(fault, ANSWERED)


def asked(subject: Subject, given: Any) -> Any:
    """Scores where there are some, the answers themselves otherwise: one question a row."""
    if subject.has_scores:
        return getattr(subject.estimator, subject.answers.scores_from)(given)
    return subject.estimator.predict(given)


def proper(subject: Subject, found: NDArray[Any]) -> bool:
    """Whether all answers are finite numbers, or classes that the model says it has."""
    if subject.task == "regression" or subject.has_scores:
        try:
            return bool(np.isfinite(found.astype(float)).all())
        except (TypeError, ValueError):
            return False
    known = {as_text(value) for value in np.asarray(subject.estimator.classes_).ravel()}
    return {as_text(value) for value in found.ravel()} <= known
