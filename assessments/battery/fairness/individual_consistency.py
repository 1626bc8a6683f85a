"""Are people who are alike decided alike?

For each person the k most similar others are looked up, by the columns that the model is given but for the sensitive
ones. consistency: 1 less the mean distance between a person's decision and the share of favourable ones among those
(Zemel et al. 2013): 1 where all neighbours are decided like the person. consistency_by_chance is what k people drawn at
random would give, 1 - 2 p (1 - p) for a selection rate of p: where few are selected it is high by itself, so the
two are read together. Over all rows and by sensitive group, whose neighbours may be of any group.

Similar means: numbers by standard deviations, missing ones at the median; a category counts one where it differs. What
is similar is a judgement, and another choice of columns and scales gives another number; no limit is set by anyone.

Intervals, 95 %: Student's over people, whose neighbours are taken as given.

What to do: look at the pairs: where like people are decided differently for no reason that could be told them, smooth
the model or move its threshold away from where many people stand.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.fairness._groups import SIZE_PARAMS, decided_favourably, small_groups
from assessments.battery.fairness._means import mean_interval
from assessments.battery.labels import encode
from assessments.battery.spec import Measure, Metric, Needs, NotApplicable, Outcome, Param, battery_test
from assessments.battery.subject import Subject

Floats = NDArray[np.float64]
AT_ONCE = 500  # rows whose distances to all others are held
TIES = 20  # rows looked at beyond the k-th, for those that are as near
MOST_CATEGORIES = 50  # of a column; the rarer ones count as one


@battery_test(
    title="Consistency among similar people",
    needs=Needs(),
    params=[
        *SIZE_PARAMS,
        Param("neighbours", 5, "Similar people looked up", minimum=1, maximum=100),
        Param("rows", 4_000, "Rows compared, at most", quick=1_500, thorough=10_000, minimum=100, maximum=50_000),
    ],
    metrics=[
        Metric("consistency", "Consistency", better="higher"),
        Metric("consistency_by_chance", "Consistency of people drawn at random"),
    ],
    controls=[controls.NIST_FAIRNESS, controls.EU_BIAS_EXAMINATION, controls.ISO_BIAS],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    columns = [name for name in subject.features if name not in subject.sensitive]
    if not columns:
        raise NotApplicable("The model is given sensitive columns only: there is nothing else to be similar in.")
    rows = np.sort(rng.permutation(len(subject.frame))[: params["rows"]])
    if len(rows) <= params["neighbours"]:
        raise NotApplicable(f"{len(rows)} rows are too few to have {params['neighbours']} neighbours each.")
    decision = decided_favourably(subject)[rows].astype(float)
    nearest = neighbours(similarity_space(subject, columns, rows), params["neighbours"])
    agreement = 1 - np.abs(decision - decision[nearest].mean(axis=1))
    progress(1, 1)
    rate = float(decision.mean())
    chance = Measure("consistency_by_chance", 1 - 2 * rate * (1 - rate), n=len(rows))
    measures = [_mean(agreement, {}, False), chance]
    for column in subject.sensitive:
        names, codes = subject.groups(column)
        small = small_groups(np.bincount(codes[rows], minlength=len(names)), params)
        for at, name in enumerate(names):
            mine = codes[rows] == at
            if mine.any():
                measures.append(_mean(agreement[mine], {column: name}, bool(small[at])))
    drawn = f"{len(rows):,} of {len(subject.frame):,} rows were drawn at random."
    return Outcome(measures, notes=[drawn] if len(rows) < len(subject.frame) else [])


def similarity_space(subject: Subject, columns: list[str], rows: NDArray[np.int64]) -> Floats:
    """(rows, dimensions) where two people are as far apart as they are unlike."""
    parts = []
    for column in columns:
        values = subject.frame[column].take(rows)
        if subject.columns[column].kind == "number":
            numbers = values.to_numpy(dtype=float)
            known = numbers[np.isfinite(numbers)]
            if len(known) and (spread := float(known.std())):
                filled = np.where(np.isfinite(numbers), numbers, np.median(known))
                parts.append(((filled - known.mean()) / spread)[:, None])
            continue
        codes, names = encode(values)
        kept = np.argsort(-np.bincount(codes + 1, minlength=len(names) + 1), kind="stable")[:MOST_CATEGORIES]
        codes = np.unique(np.where(np.isin(codes + 1, kept), codes + 1, -1), return_inverse=True)[1]
        if (distinct := int(codes.max()) + 1) > 1:
            # Two rows with different categories differ in two columns of ones: sqrt(1/2) each makes that 1.
            parts.append(np.eye(distinct)[codes] * np.sqrt(0.5))
    return np.hstack(parts) if parts else np.zeros((len(rows), 1))


def neighbours(space: Floats, k: int) -> NDArray[np.int64]:
    """(rows, k) the nearest other rows of each; of a few that are as near, those that stand first in the data."""
    square = (space**2).sum(axis=1)
    found = np.empty((len(space), k), dtype=np.int64)
    first = min(k + TIES, len(space))
    for start in range(0, len(space), AT_ONCE):
        some = slice(start, min(start + AT_ONCE, len(space)))
        # Rounded, so that rows which are equally far are so whatever the order of the sums.
        apart = np.round(square[some, None] - 2 * space[some] @ space.T + square, 9)
        apart[np.arange(len(apart)), np.arange(some.start, some.stop)] = np.inf
        near = np.sort(np.argpartition(apart, first - 1, axis=1)[:, :first], axis=1)
        order = np.argsort(np.take_along_axis(apart, near, axis=1), axis=1, kind="stable")[:, :k]
        found[some] = np.take_along_axis(near, order, axis=1)
    return found


def _mean(agreement: Floats, group: dict[str, str], small: bool) -> Measure:
    n, value = len(agreement), float(agreement.mean())
    error = float(agreement.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan
    ci = mean_interval(n, value, error)
    ends = (max(0.0, ci[0]), min(1.0, ci[1])) if ci else None
    return Measure("consistency", value, ends, n=n, group=group, better="higher", small=small)
