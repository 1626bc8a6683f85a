"""What would it cost to narrow the gap?

Nothing is changed: the model stays as it is. For each sensitive column the rows are split in two at random. On one half
other ways to decide are set up, and on the other they are measured beside the model: accuracy,
demographic_parity_difference, equalized_odds_difference, and changed_share, the people who would be decided otherwise.
The ways: Fairlearn's ThresholdOptimizer for demographic parity and for equalized odds (Hardt, Price, Srebro 2016); a
threshold for each group that goes a quarter, a half, three quarters or all of the way to one selection rate; and, where
the training data is known and the model takes weights, the model trained anew with reweighed rows (Kamiran, Calders
2012). The chart shows accuracy against disparity: what lies to the upper left of all others is worth a talk.

ThresholdOptimizer draws lots: two people alike in everything, or one person asked twice, may be decided otherwise.
differs_between_seeds is the share of people for whom two draws disagree. Thresholds that differ by group use the
sensitive column to decide; where that is unlawful (in US hiring: Title VII, 42 USC 2000e-2(l)) they are no remedy, only
a measure of what is lost. Each way is a candidate: a new model version that must pass all tests itself.

Intervals, 95 %: Wilson for shares, between the groups as under Group fairness; those of the way that was picked as best
are too hopeful.

What to do: choose, with the owner, a point whose loss of accuracy the use can bear; have counsel say whether a
threshold by group is lawful there; and assess the changed model as a version of its own.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.banding import MISSING
from assessments.battery.fairness._counts import Cells
from assessments.battery.fairness._disparities import ALL_GROUPS, Disparity, measured
from assessments.battery.fairness._groups import (
    RESAMPLES,
    SHOWN,
    SIZE_PARAMS,
    chart_id,
    decided_favourably,
    small_groups,
)
from assessments.battery.fairness._remedies import (
    Remedy,
    Rows,
    by_group_thresholds,
    by_reweighing,
    by_threshold_optimizer,
)
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, battery_test
from assessments.battery.stats import wilson
from assessments.battery.subject import Subject

DISPARITIES = (
    Disparity("demographic_parity_difference", ("selection_rate",)),
    Disparity("equalized_odds_difference", ("tpr", "fpr")),
)
OPTIMIZED = (
    ("demographic_parity", "thresholds drawn by lot, for demographic parity"),
    ("equalized_odds", "thresholds drawn by lot, for equalized odds"),
)
LOT = (
    "ways that draw lots decide up to {share:.1%} of people otherwise with another seed: the same person, asked twice, "
    "may be told yes and no."
)
LAW = (
    "Thresholds that differ by group decide by the sensitive column. Where the law forbids that (US hiring: 42 USC "
    "2000e-2(l)) they are no remedy. Nothing here is changed in the model; each way is a candidate to be assessed."
)


@battery_test(
    title="Mitigation what-if",
    needs=Needs(tasks=("binary",), scores=True, sensitive=True),
    params=[
        RESAMPLES,
        *SIZE_PARAMS,
        Param(
            "training_rows",
            5_000,
            "Training rows for reweighing, at most",
            thorough=100_000,
            minimum=100,
            maximum=1_000_000,
        ),
    ],
    metrics=[
        Metric("accuracy", "Accuracy of the way to decide", better="higher"),
        Metric("demographic_parity_difference", "Demographic parity difference", better="lower"),
        Metric("equalized_odds_difference", "Equalized odds difference", better="lower"),
        Metric("changed_share", "People decided otherwise than now"),
        Metric("differs_between_seeds", "People decided otherwise by another draw", better="lower"),
    ],
    controls=[
        controls.EU_BIAS_MITIGATION,
        controls.DISPARATE_IMPACT,
        controls.ADJUSTED_SCORES,
        controls.NIST_FAIRNESS,
    ],
    charts=["tradeoff_*"],
    plans=("standard", "thorough"),
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    favourable = subject.favourable_score
    assert favourable is not None  # noqa: S101 - needs scores
    score, selected = favourable.astype(float), decided_favourably(subject)
    order = rng.permutation(len(score))
    halves = np.sort(order[: len(score) // 2]), np.sort(order[len(score) // 2 :])
    measures: list[Measure] = []
    charts: list[Chart] = []
    notes = [LAW]
    for done, column in enumerate(subject.sensitive):
        names, codes = subject.groups(column)
        small = small_groups(np.bincount(codes[halves[0]], minlength=len(names)), params)
        usable = np.array([name != MISSING and not few for name, few in zip(names, small, strict=True)])
        if usable.sum() < 2:
            notes.append(f"{column}: fewer than two groups are large enough to set a threshold by.")
            continue
        fit, held = (
            Rows(score[half], subject.y_favourable[half], selected[half], codes[half], usable[codes[half]])
            for half in halves
        )
        remedies = _remedies(subject, column, fit, held, halves[1], params, rng, notes)
        found = [_measures(column, one, held, params["resamples"], rng) for one in remedies]
        measures += [measure for each in found for measure in each]
        charts.append(_chart(column, remedies, found))
        notes += _lots(column, found)
        progress(done + 1, len(subject.sensitive))
    return Outcome(measures, charts, notes=list(dict.fromkeys(notes)))


def _remedies(
    subject: Subject,
    column: str,
    fit: Rows,
    held: Rows,
    rows: NDArray[np.int64],
    params: dict[str, Any],
    rng: np.random.Generator,
    notes: list[str],
) -> list[Remedy]:
    found = [Remedy("the model as it is", "now", held.selected), *by_group_thresholds(fit, held)]
    seeds = (int(rng.integers(2**31)), int(rng.integers(2**31)))
    for constraint, name in OPTIMIZED:
        try:
            found.append(by_threshold_optimizer(constraint, name, fit, held, seeds))
        except NotApplicable as reason:
            notes.append(f"{column}: {reason}")
    try:
        found.append(by_reweighing(subject, column, rows, rng, params["training_rows"]))
    except NotApplicable as reason:
        notes.append(f"No model trained anew: {reason}")
    return found


def _measures(column: str, remedy: Remedy, held: Rows, resamples: int, rng: np.random.Generator) -> list[Measure]:
    """Over the groups that are large enough."""
    rows, group = held.usable, {column: ALL_GROUPS, "way": remedy.name}
    n = int(rows.sum())
    right = int((remedy.selected == held.truth)[rows].sum())
    changed = int((remedy.selected != held.selected)[rows].sum())
    codes = np.unique(held.codes[rows], return_inverse=True)[1]
    cells = Cells.of(codes, held.truth[rows], remedy.selected[rows], int(codes.max()) + 1)
    found = [Measure("accuracy", right / n, wilson(right, n), n=n, group=group, better="higher")]
    found += [replace(gap, group=group) for gap in measured(cells, DISPARITIES, np.nan, resamples, rng)]
    found.append(Measure("changed_share", changed / n, wilson(changed, n), n=n, group=group))
    if remedy.again is not None:
        differ = int((remedy.selected != remedy.again)[rows].sum())
        found.append(Measure("differs_between_seeds", differ / n, wilson(differ, n), n=n, group=group, better="lower"))
    return found


def _lots(column: str, found: list[list[Measure]]) -> list[str]:
    shares = [m.value for each in found for m in each if m.metric == "differs_between_seeds" and m.value is not None]
    return [f"{column}: {LOT.format(share=max(shares))}"] if shares else []


def _chart(column: str, remedies: list[Remedy], found: list[list[Measure]]) -> Chart:
    points: list[dict[str, Any]] = []
    for remedy, measures in zip(remedies, found, strict=True):
        of = {measure.metric: measure for measure in measures}
        gap, accuracy = of["demographic_parity_difference"], of["accuracy"]
        points.append(
            {
                "name": remedy.name,
                "how": remedy.how,
                "x": gap.value,
                "x_low": gap.ci[0] if gap.ci else None,
                "x_high": gap.ci[1] if gap.ci else None,
                "y": accuracy.value,
                "y_low": accuracy.ci[0] if accuracy.ci else None,
                "y_high": accuracy.ci[1] if accuracy.ci else None,
            }
        )
    now, known = points[0], [point for point in points if point["x"] is not None]
    least = min(known, key=lambda point: point["x"])
    said = (
        f"Now: a gap of {now['x']:.3f} at an accuracy of {now['y']:.3f}. The narrowest, {least['name']}: "
        f"{least['x']:.3f} at {least['y']:.3f}."
    )
    return Chart(
        id=chart_id("tradeoff", column),
        title=f"Accuracy and disparity by {column[:SHOWN]}",
        caption=f"Ways to decide that were set up on half of the rows and measured on the other. {said}",
        alt=f"Numbered points of accuracy against the difference of selection rates by {column}. {said}",
        data={
            "kind": "tradeoff",
            "x_label": "Demographic parity difference",
            "y_label": "Accuracy",
            "points": points,
        },
    )
