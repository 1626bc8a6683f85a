"""What does the model do with rows that it should never be asked about?

A few rows of the data get one fault in one column: missing, infinite, a thousand million, negative, zero, just outside
the range, text for a number, a number for text, numbers written as text, a category never seen, an empty text. And the
whole table gets one: a column missing, one too many, columns in another order, no rows. The model itself is asked, past
all our own checks. A refusal with a clear error is right, a proper answer may be; an error out of the inside of a
library, an answer that is no number, or other answers because the columns came in another order, are not.

crash_share, nan_out_share, wrong_answer_share, clean_refusal_share, answered_share: of all faults tried; every one is
tried, so there is no interval. extrapolation_jump: how far the answer moves when a number goes from the end of its
range to one range beyond, the mean over rows, at the worse end of the worst column: of the scores (the largest change
of any label's), or for a model that predicts numbers of the prediction, in standard deviations of the target.

What to do: have every answer that is no number, every silent change and every crash caught by a check of the inputs in
front of the model, and ask for that check as a condition.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.robustness import _faults as faults
from assessments.battery.robustness import _quality as q
from assessments.battery.robustness._faults import Response
from assessments.battery.spec import Measure, Metric, Needs, Outcome, Param, Table, battery_test
from assessments.battery.stats import mean_interval
from assessments.battery.subject import Subject

SHARES = {
    faults.CRASHED: "crash_share",
    faults.NAN_OUT: "nan_out_share",
    faults.MISREAD: "wrong_answer_share",
    faults.REFUSED: "clean_refusal_share",
    faults.ANSWERED: "answered_share",
}
SHOWN = 40
JUMP_UNIT = "score, or standard deviation of the target"

Floats = NDArray[np.float64]


@battery_test(
    title="Bad inputs",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[
        Param("rows", 5, "Rows that each fault is put into", minimum=1, maximum=1000),
        Param("columns", 60, "Columns that get each fault", quick=8, thorough=1000, minimum=1, maximum=5000),
        Param("jump_rows", 200, "Rows moved beyond the range", quick=50, thorough=1000, minimum=2, maximum=100_000),
        Param("seconds", 60.0, "Wall-clock limit", quick=20.0, thorough=600.0, minimum=0.1, maximum=36_000.0),
    ],
    metrics=[
        Metric("crash_share", "Bad inputs that crash the model", better="lower"),
        Metric("nan_out_share", "Bad inputs answered with no number", better="lower"),
        Metric("wrong_answer_share", "Bad inputs that silently change answers", better="lower"),
        Metric("clean_refusal_share", "Bad inputs refused with a clear error"),
        Metric("answered_share", "Bad inputs that are answered"),
        Metric("extrapolation_jump", "Jump of the answer one range beyond the data", better="lower", unit=JUMP_UNIT),
    ],
    controls=[
        controls.EU_ROBUSTNESS,
        controls.PRA_TESTING,
        controls.OSFI_REVIEW,
        controls.NIST_VALIDITY,
        controls.OWASP_INPUT_MANIPULATION,
    ],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    clock = q.Clock(params["seconds"])
    chosen = np.sort(rng.permutation(len(subject.frame))[: params["rows"]])
    rows = subject.frame[subject.features].take(chosen).reset_index(drop=True)
    usual = np.asarray(faults.asked(subject, subject.model.prepared(rows)))
    responses = [faults.response(subject, fault, usual) for fault in faults.table_faults(subject, rows)]
    columns = subject.features[: params["columns"]]
    for done, name in enumerate(columns):
        progress(done, len(columns) + 1)
        if not clock.over(name):
            responses += [faults.response(subject, fault, usual) for fault in faults.column_faults(subject, rows, name)]
    jumps = extrapolation(subject, params, rng, clock)
    notes = clock.notes(params["seconds"])
    if len(columns) < len(subject.features):
        notes.append(f"The first {len(columns)} of {len(subject.features)} columns got faults.")
    tables = [outcomes_table(responses, columns), *words_table(responses)]
    return Outcome(shares_of(responses) + jump_measures(jumps, params, rng), [], tables, notes)


def shares_of(responses: list[Response]) -> list[Measure]:
    n = len(responses)
    better = {metric: "none" if outcome in (faults.REFUSED, faults.ANSWERED) else "lower"
              for outcome, metric in SHARES.items()}  # fmt: skip
    return [
        Measure(metric, sum(each.outcome == outcome for each in responses) / n, None, n, better=better[metric])  # type: ignore[arg-type]
        for outcome, metric in SHARES.items()
    ]


def extrapolation(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, clock: q.Clock
) -> dict[str, Floats]:
    """For each number column (rows,) how far the answer moves beyond the worse end of its range."""
    sample = subject.frame[subject.features].take(np.sort(rng.permutation(len(subject.frame))[: params["jump_rows"]]))
    names = [name for name in subject.features[: params["columns"]] if _has_range(subject, name)]
    found = {}
    for name in names:
        if clock.over(f"beyond the range of {name}"):
            continue
        low, high = (float(end or 0.0) for end in (subject.columns[name].min, subject.columns[name].max))
        ends = [_moved(subject, sample, name, edge, beyond)
                for edge, beyond in ((low, 2 * low - high), (high, 2 * high - low))]  # fmt: skip
        known = [each for each in ends if each is not None]
        if known:
            found[name] = max(known, key=lambda each: float(each.mean()))
    return found


def _has_range(subject: Subject, name: str) -> bool:
    column = subject.columns[name]
    return column.kind == "number" and column.min is not None and column.max is not None and column.max > column.min


def _moved(subject: Subject, rows: pd.DataFrame, name: str, edge: float, beyond: float) -> Floats | None:
    """None where the model refuses one of both."""
    answers = []
    for value in (edge, beyond):
        try:
            answers.append(_numbers(subject, rows.assign(**{name: value})))
        except MemoryError:
            raise
        except (Exception, SystemExit):
            return None
    moved = np.abs(answers[1] - answers[0])
    return np.asarray(moved.max(axis=1) if moved.ndim == 2 else moved)


def _numbers(subject: Subject, frame: pd.DataFrame) -> Floats:
    """Scores (rows, labels); decisions as 1 in the column of the label; predictions in deviations of the target."""
    if subject.task == "regression":
        return np.asarray(subject.predict(frame) / subject.y.std(), dtype=float)
    if subject.has_scores:
        return np.asarray(subject.predict_scores(frame), dtype=float)
    return np.asarray(np.eye(len(subject.labels))[subject.predict(frame)])


def jump_measures(jumps: dict[str, Floats], params: dict[str, Any], rng: np.random.Generator) -> list[Measure]:
    """The worst column's first, then each column's."""
    if not jumps:
        return []
    order = sorted(jumps, key=lambda name: -float(jumps[name].mean()))
    measures: list[Measure] = []
    for name in [order[0], *order]:
        value, drawn = float(jumps[name].mean()), mean_interval(jumps[name])
        ci = None if drawn is None else (min(drawn[0], value), max(drawn[1], value))  # equal jumps differ by rounding
        group = {"column": name} if measures else {}
        measures.append(Measure("extrapolation_jump", value, ci, len(jumps[name]), group, JUMP_UNIT,
                                "lower"))  # fmt: skip
    return measures


def outcomes_table(responses: list[Response], columns: list[str]) -> Table:
    """One row a column, one heading a fault; the faults of the whole table on a row of their own."""
    kinds = list(dict.fromkeys(each.fault.what for each in responses if each.fault.column))
    at = {(each.fault.column, each.fault.what): faults.SAID[each.outcome] for each in responses}
    rows: list[list[Any]] = [[name, *(at.get((name, kind), "") for kind in kinds)] for name in columns[:SHOWN]]
    return Table("bad_input_outcomes", "What each fault in each column leads to", ["Column", *kinds], rows)


def words_table(responses: list[Response]) -> list[Table]:
    whole = [[each.fault.what, faults.SAID[each.outcome], each.said] for each in responses if not each.fault.column]
    wrong = [
        [each.fault.what, each.fault.column, faults.SAID[each.outcome], each.said]
        for each in responses
        if each.fault.column and each.outcome in (faults.CRASHED, faults.NAN_OUT)
    ][:SHOWN]
    tables = [Table("bad_table_outcomes", "Faults of the whole table", ["Fault", "Outcome", "What it says"], whole)]
    if wrong:
        headings = ["Fault", "Column", "Outcome", "What it says"]
        tables.append(Table("bad_input_failures", "Faults that the model does not stand", headings, wrong))
    return tables
