"""Would the model decide otherwise about the same person with another sex, race or age?

Each sensitive column that the model is given is set to each of its other values, row by row, and everything else stays
as it is. flip_share: the share of people for whom at least one other value changes the decision; gained_share: who
would be decided favourably instead; lost_share: who would be decided unfavourably instead. Over all rows (group "*")
and by the group that people are in. Of numbers such as age the bands are compared, each by its middle value. For a
model that predicts a number: mean_change, what the other values add on average, and largest_change, the mean of the
furthest that any other value moves it, both in units of the target.

This is the direct effect alone. What else would differ in such a life, and columns that tell the same thing by another
name (husband, maternity leave), stay as they are: no flips are no proof of fairness (Kusner et al. 2017). A model that
is not given the column cannot flip by it, and the test does not apply.

Intervals, 95 %: Wilson for shares, Student's for means.

What to do: where decisions change, the model uses the attribute itself: remove it, or show that the law of this use
allows it. Where none change, others may stand in for it: see the tests of groups.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.banding import MISSING
from assessments.battery.fairness._disparities import ALL_GROUPS
from assessments.battery.fairness._groups import SHOWN, SIZE_PARAMS, chart_id, listed, small_groups
from assessments.battery.fairness._means import mean_interval
from assessments.battery.spec import Measure, Metric, Needs, NotApplicable, Outcome, Param, Table, battery_test
from assessments.battery.stats import wilson
from assessments.battery.subject import Subject

Answers = NDArray[np.float64]  # 1 and 0 for a favourable decision and another; or predicted numbers


@battery_test(
    title="Swapping the sensitive column",
    needs=Needs(tasks=("binary", "multiclass", "regression"), sensitive=True),
    params=[
        *SIZE_PARAMS,
        Param("rows", 20_000, "Rows asked about, at most", quick=5_000, minimum=100, maximum=10_000_000),
        Param("values", 8, "Other values tried of a column, the most frequent", minimum=2, maximum=50),
    ],
    metrics=[
        Metric("flip_share", "Decisions that another value changes", better="lower"),
        Metric("gained_share", "Favourable only with another value"),
        Metric("lost_share", "Unfavourable only with another value"),
        Metric("mean_change", "Mean change of the prediction", unit="target"),
        Metric("largest_change", "Mean of the largest change", better="lower", unit="target"),
    ],
    controls=[
        controls.NIST_FAIRNESS,
        controls.EU_BIAS_EXAMINATION,
        controls.EU_BIAS_MITIGATION,
        controls.ISO_BIAS,
    ],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    given = [name for name in subject.sensitive if name in subject.features]
    if not given:
        raise NotApplicable("The model is given no sensitive column, so none can change its answer directly.")
    notes = []
    if unseen := [name for name in subject.sensitive if name not in given]:
        notes.append(f"The model is not given {listed(unseen)}: no direct effect; other columns may stand in for it.")
    rows = np.sort(rng.permutation(len(subject.frame))[: params["rows"]])
    if len(rows) < len(subject.frame):
        notes.append(f"{len(rows):,} of {len(subject.frame):,} rows were drawn at random.")
    own = _answers(subject, subject.predicted[rows])
    measures: list[Measure] = []
    tables: list[Table] = []
    for done, column in enumerate(given):
        names, codes = subject.groups(column)
        small = small_groups(np.bincount(codes[rows], minlength=len(names)), params)
        found = _swapped(subject, column, names, codes, rows, params["values"])
        known = np.array([names[at] != MISSING for at in codes[rows]])
        measures += _measures(subject, {column: ALL_GROUPS}, own, found, known, False)
        for at, name in enumerate(names):
            if name != MISSING and (codes[rows] == at).any():
                measures += _measures(subject, {column: name}, own, found, codes[rows] == at, bool(small[at]))
        tables.append(_table(subject, column, names, codes[rows], own, found))
        progress(done + 1, len(given))
    return Outcome(measures, tables=tables, notes=notes)


def _answers(subject: Subject, predicted: NDArray[Any]) -> Answers:
    if subject.task == "regression":
        return predicted.astype(float)
    return np.asarray(predicted == subject.favourable_index, dtype=float)


def _swapped(
    subject: Subject, column: str, names: list[str], codes: NDArray[np.int64], rows: NDArray[np.int64], most: int
) -> dict[int, tuple[Answers, NDArray[np.bool_]]]:
    """By group: the answers with every row's value set to the group's, and which rows are changed by that."""
    frequent = [
        at for at in np.argsort(-np.bincount(codes, minlength=len(names)), kind="stable") if names[at] != MISSING
    ]
    frame = subject.frame[subject.features].take(rows).reset_index(drop=True)
    found = {}
    for at in sorted(int(at) for at in frequent[:most]):
        values = subject.frame[column][codes == at]
        if subject.columns[column].kind == "number":
            value = values.sort_values().iloc[(len(values) - 1) // 2]  # one that occurs, unlike a mean
        else:
            value = values.iloc[0]
        changed = frame.copy()
        changed[column] = pd.Series([value] * len(frame), index=frame.index).astype(frame[column].dtype)
        found[at] = (_answers(subject, subject.predict(changed)), codes[rows] != at)
    return found


def _measures(
    subject: Subject,
    group: dict[str, str],
    own: Answers,
    found: dict[int, tuple[Answers, NDArray[np.bool_]]],
    rows: NDArray[np.bool_],
    small: bool,
) -> list[Measure]:
    n = int(rows.sum())
    if not n:
        return []
    # (values, rows) what each other value adds; nothing where it is the row's own.
    added = np.stack([np.where(other, answers - own, 0.0)[rows] for answers, other in found.values()])
    if subject.task != "regression":
        flags = {"flip_share": (added != 0), "gained_share": added > 0, "lost_share": added < 0}
        counts = {metric: int(hits.any(axis=0).sum()) for metric, hits in flags.items()}
        return [
            Measure(metric, count / n, wilson(count, n), n=n, group=group, small=small,
                    better="lower" if metric == "flip_share" else "none")
            for metric, count in counts.items()
        ]  # fmt: skip
    others = np.maximum(np.stack([other[rows] for _, other in found.values()]).sum(axis=0), 1)
    mean, furthest = added.sum(axis=0) / others, np.abs(added).max(axis=0)
    about: dict[str, Any] = {"n": n, "group": group, "unit": "target", "small": small}
    return [
        Measure("mean_change", float(mean.mean()), _student(mean), **about),
        Measure("largest_change", float(furthest.mean()), _student(furthest), better="lower", **about),
    ]


def _student(values: Answers) -> tuple[float, float] | None:
    if len(values) < 2:
        return None
    return mean_interval(len(values), float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


def _table(
    subject: Subject,
    column: str,
    names: list[str],
    codes: NDArray[np.int64],
    own: Answers,
    found: dict[int, tuple[Answers, NDArray[np.bool_]]],
) -> Table:
    """From each group to each value: how many gain and how many lose."""
    rows: list[list[Any]] = []
    for at, name in enumerate(names):
        mine = codes == at
        for to, (answers, _) in found.items():
            if to != at and mine.any() and name != MISSING:
                added = (answers - own)[mine]
                ends = (
                    [float(f"{added.mean():.6g}")]
                    if subject.task == "regression"
                    else [int((added > 0).sum()), int((added < 0).sum())]
                )
                rows.append([name, names[to], int(mine.sum()), *ends])
    last = ["mean change"] if subject.task == "regression" else ["become favourable", "become unfavourable"]
    title = f"Decisions with another {column[:SHOWN]}"
    return Table(chart_id("swapped", column), title, [column, "set to", "rows", *last], rows[:2000])
