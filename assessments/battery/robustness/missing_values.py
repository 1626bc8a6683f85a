"""How much worse does the model decide when values are missing?

Cells of a random sample of rows are emptied completely at random (MCAR), 1, 5, 10 and 20 % of them, over all columns
in which the model takes a missing value; and each column is emptied as a whole, as when a source fails. What the model
was trained to do with a missing value (impute, a branch of its own) is what it does here. Columns in which it refuses
missing values are left out and named; a model that refuses them everywhere cannot be tested so.

roc_auc_drop, for a model without scores accuracy_drop, for one that predicts numbers r2_drop: the metric on the rows
as they are less that with values missing, at one share. flip_rate: rows that get another decision, or a prediction that
moves by at least `shift` times the model's root mean squared error; also by group of the sensitive columns, and for
each column emptied (worst_column_flip_rate). refused_share: columns in which the model refuses a missing value.
Intervals are over rows: DeLong's for the AUC, normal ones of the mean otherwise, Wilson's for rates of 0 and 1.

What to do: where the loss is large, ask how often values will be missing in use. Have missing values refused or filled
in by a rule that was tested, and monitor their share by column.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.robustness import _quality as q
from assessments.battery.robustness._curves import Curve, lines_chart
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, Table, battery_test
from assessments.battery.subject import Subject

SHARES = (0.01, 0.05, 0.1, 0.2)
PROBE_ROWS = 20
SHOWN = 20

Floats = NDArray[np.float64]
Graded = dict[float, tuple[Floats, list[q.Graded]]]  # by share: flips (n,) and the metric of each draw


@battery_test(
    title="Missing values",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[
        Param("rows", 1000, "Rows with missing values", quick=400, thorough=5000, minimum=30, maximum=200_000),
        Param("repeats", 3, "Draws a share", quick=2, thorough=10, minimum=1, maximum=1000),
        Param("share", 0.05, "Share of missing cells that the verdict is about", minimum=0.001, maximum=1.0),
        Param("shift", 1.0, "Regression: a move that counts, in root mean squared errors", minimum=0.0, maximum=100.0),
        Param("seconds", 60.0, "Wall-clock limit", quick=20.0, thorough=600.0, minimum=0.1, maximum=36_000.0),
    ],
    metrics=[
        Metric("roc_auc_drop", "Loss of AUC with missing values", better="lower"),
        Metric("accuracy_drop", "Loss of accuracy with missing values", better="lower"),
        Metric("r2_drop", "Loss of R² with missing values", better="lower"),
        Metric("flip_rate", "Answers that change with missing values", better="lower"),
        Metric("worst_column_flip_rate", "Answers that change with the worst single column empty", better="lower"),
        Metric("refused_share", "Columns in which the model refuses missing values"),
    ],
    controls=[
        controls.EU_ROBUSTNESS,
        controls.OUTCOMES_ANALYSIS,
        controls.PRA_TESTING,
        controls.OSFI_REVIEW,
        controls.NIST_VALIDITY,
    ],
    charts=["missing_quality", "missing_flips"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    sample = q.Sample.draw(subject, params["rows"], rng, params["shift"])
    clock = q.Clock(params["seconds"])
    refused = refusals(sample)
    names = subject.coder.names
    taken = [at for at, name in enumerate(names) if name not in refused]
    if not taken:
        raise NotApplicable(
            f"The model refuses missing values in every column ({next(iter(refused.values()))}). "
            "What it does with other bad input is tested by robustness.bad_inputs."
        )
    shares = sorted({*SHARES, params["share"]}, key=lambda share: (share != params["share"], share))
    found: Graded = {}
    for done, share in enumerate(shares):
        progress(done, len(shares) + len(taken))
        if not clock.over(f"{100 * share:g} % missing"):
            found[share] = emptied(sample, taken, share, params["repeats"], rng)
    alone = {}
    for done, at in enumerate(taken):
        progress(len(shares) + done, len(shares) + len(taken))
        if not clock.over(f"{names[at]} empty"):
            alone[names[at]] = emptied(sample, [at], 1.0, 1, rng)
    measures = measures_of(sample, found.get(params["share"]), alone, len(refused), len(names))
    charts = [quality_chart(sample, found, params["share"]), flips_chart(sample, found, alone, params["share"])]
    tables = [shares_table(sample, found), columns_table(sample, alone), *refusals_table(refused)]
    return Outcome(measures, charts, tables, notes_of(refused, len(names)) + clock.notes(params["seconds"]))


def refusals(sample: q.Sample) -> dict[str, str]:
    """The columns in which the model refuses a missing value, and what it says."""
    found = {}
    for at, name in enumerate(sample.subject.coder.names):
        codes = sample.codes[:PROBE_ROWS].copy()
        codes[:, at] = np.nan
        told = q.asked_or_refused(sample.subject, codes)
        if isinstance(told, str):
            found[name] = told
    return found


def emptied(
    sample: q.Sample, columns: list[int], share: float, repeats: int, rng: np.random.Generator
) -> tuple[Floats, list[q.Graded]]:
    """How often each row (n,) changes, and the metric of each draw, with that share of the columns' cells missing."""
    n = len(sample.rows)
    codes = np.tile(sample.codes, (repeats, 1))
    hit = rng.random((len(codes), len(columns))) < share
    codes[:, columns] = np.where(hit, np.nan, codes[:, columns])
    told = q.asked(sample.subject, codes)
    parts = [told.part(start, start + n) for start in range(0, len(codes), n)]
    return np.mean([sample.flips(part) for part in parts], axis=0), [sample.grade(part) for part in parts]


def measures_of(
    sample: q.Sample,
    at_share: tuple[Floats, list[q.Graded]] | None,
    alone: dict[str, tuple[Floats, list[q.Graded]]],
    refused: int,
    columns: int,
) -> list[Measure]:
    n = len(sample.rows)
    measures = []
    if at_share:
        flips, draws = at_share
        value, ci = q.drop(sample.grade(sample.told), draws)
        measures.append(Measure(f"{sample.metric}_drop", value, ci, n, better="lower"))
        measures.append(Measure("flip_rate", *q.rate(flips), n, better="lower"))
        measures += q.by_group(sample.subject, sample.rows, flips, "flip_rate")
    if alone:
        worst = q.worst_of({name: flips for name, (flips, _) in alone.items()})
        value, ci = q.rate(alone[worst][0])
        measures.append(Measure("worst_column_flip_rate", value, ci, n, {"column": worst}, better="lower"))
    return [*measures, Measure("refused_share", refused / columns, None, columns)]


def quality_chart(sample: q.Sample, found: Graded, share: float) -> Chart:
    title = q.TITLES[sample.metric]
    clean = sample.grade(sample.told)
    curve = Curve("Missing at random")
    curve.add(0.0, clean.value, q.around(clean.value, clean.parts))
    for at in sorted(found):
        mean = float(np.mean([each.value for each in found[at][1]]))
        curve.add(at, mean, q.around(mean, np.mean([each.parts for each in found[at][1]], axis=0)))
    said = f"{title} is {clean.value:.3f} on {len(sample.rows)} rows as they are"
    if share in found:
        said += (
            f" and {np.mean([each.value for each in found[share][1]]):.3f} with {100 * share:g} % of the cells empty"
        )
    return lines_chart("missing_quality", f"{title} with missing values", f"{said}.", "Share of cells missing", title,
                       [curve], percent=True, judged_at=share)  # fmt: skip


def flips_chart(sample: q.Sample, found: Graded, alone: dict[str, Any], share: float) -> Chart:
    curve = Curve("Missing at random")
    curve.add(0.0, 0.0, None)
    for at in sorted(found):
        curve.add(at, *q.rate(found[at][0]))
    said = f"Of {len(sample.rows)} rows"
    if share in found:
        said += f" {100 * found[share][0].mean():.3g} % get another answer with {100 * share:g} % of the cells empty"
    if alone:
        worst = q.worst_of({name: flips for name, (flips, _) in alone.items()})
        said += f"; with {worst} empty, the worst column, {100 * alone[worst][0].mean():.3g} % do"
    return lines_chart("missing_flips", "Answers that change with missing values", f"{said}.", "Share of cells missing",
                       "Share of rows", [curve], percent=True, judged_at=share)  # fmt: skip


def shares_table(sample: q.Sample, found: Graded) -> Table:
    clean = sample.grade(sample.told)
    rows: list[list[Any]] = [_row(f"{100 * share:g} %", clean, *found[share]) for share in sorted(found)]
    return Table("missing_shares", "Damage by share of missing cells", ["Missing", *_headings(sample)], rows)


def columns_table(sample: q.Sample, alone: dict[str, tuple[Floats, list[q.Graded]]]) -> Table:
    clean = sample.grade(sample.told)
    order = sorted(alone, key=lambda name: -alone[name][0].mean())[:SHOWN]
    rows = [_row(name, clean, *alone[name]) for name in order]
    return Table("missing_columns", "One column empty at a time", ["Column", *_headings(sample)], rows)


def _headings(sample: q.Sample) -> list[str]:
    loss = f"Loss of {q.TITLES[sample.metric]}"
    return [loss, "95 % low", "95 % high", "Answers changed", "95 % low", "95 % high"]


def _row(name: str, clean: q.Graded, flips: Floats, draws: list[q.Graded]) -> list[Any]:
    value, ci = q.drop(clean, draws)
    share, share_ci = q.rate(flips)
    return [name, value, *(ci or (None, None)), share, *(share_ci or (None, None))]


def refusals_table(refused: dict[str, str]) -> list[Table]:
    rows: list[list[Any]] = [[name, said] for name, said in list(refused.items())[:SHOWN]]
    headings = ["Column", "What the model says"]
    return [Table("missing_refused", "Columns in which a missing value is refused", headings, rows)] if rows else []


def notes_of(refused: dict[str, str], columns: int) -> list[str]:
    if not refused:
        return []
    return [f"In {len(refused)} of {columns} columns the model refuses missing values; those stay filled here."]
