"""Does the model tell who is who equally well in every group?

A score may rank the people of one group well and those of another hardly better than chance, at every threshold. For
each group of each sensitive column: roc_auc, the chance that a truly favourable person of the group is scored above
another of it; abroca, the area between the group's ROC curve and that of the reference, the largest group (Gardner,
Brooks, Baker 2019). Two curves that cross can have one AUC and differ all the same: that is what ABROCA sees. Between
the groups: roc_auc_difference, highest less lowest; abroca, the largest.

Intervals, 95 %: for an AUC DeLong's error (1988) on the log odds scale; for the difference as under Group fairness.
ABROCA is never negative, so noise alone makes some: between two like groups the percentile interval of the bootstrap
held the true 0 in none of our simulations. So only its upper end is taken from the bootstrap. The lower end is what the
two AUCs alone prove, which ABROCA can never be less than; where curves cross it says too little, never too much. The
area between the curves is exact; for the bootstrap the scores are cut into 200 parts.

What to do: where the order is much worse within a group, no threshold repairs it: collect rows and columns that tell
the members of that group apart, or do not use the model for them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import controls
from assessments.battery.banding import MISSING
from assessments.battery.curves import thinned
from assessments.battery.fairness import _roc
from assessments.battery.fairness._auc import Area, area_under_roc, gap_limits, widest
from assessments.battery.fairness._disparities import ALL_GROUPS, LARGE_GROUPS
from assessments.battery.fairness._groups import RESAMPLES, SHOWN, SIZE_PARAMS, chart_id, listed, small_groups
from assessments.battery.fairness._intervals import simultaneous_z
from assessments.battery.spec import Chart, Measure, Metric, Needs, Outcome, battery_test
from assessments.battery.stats import Interval, Z
from assessments.battery.subject import Subject

Floats = NDArray[np.float64]
Curves = tuple[Floats, Floats]
SERIES = 8  # groups drawn: the largest


class Group:
    """A group with both outcomes: its scores, its ROC curve, and that of its rows drawn again."""

    def __init__(self, name: str, score: Floats, truth: NDArray[np.bool_], small: bool, area: Area) -> None:
        self.name, self.score, self.truth, self.small, self.area = name, score, truth, small, area
        self.curve = _roc.curve(score, truth)

    def drawn(self, resamples: int, rng: np.random.Generator) -> Curves:
        parts = _roc.score_parts(self.score)
        return _roc.drawn_curves(_roc.counts_by_cell(parts, self.truth, int(parts.max()) + 1), resamples, rng)


@battery_test(
    title="Ranking within groups",
    needs=Needs(scores=True, sensitive=True),
    params=[RESAMPLES, *SIZE_PARAMS],
    metrics=[
        Metric("count", "Rows in the group", unit="rows"),
        Metric("roc_auc", "AUC within the group", better="higher"),
        Metric("abroca", "Area between ROC curves (ABROCA)", better="lower"),
        Metric("roc_auc_difference", "Difference of AUC between groups", better="lower"),
    ],
    controls=[
        controls.NIST_FAIRNESS,
        controls.NIST_VALIDITY,
        controls.EU_BIAS_EXAMINATION,
        controls.ISO_BIAS,
    ],
    charts=["roc_by_group_*"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    favourable = subject.favourable_score
    assert favourable is not None  # noqa: S101 - needs scores
    score, truth = favourable.astype(float), subject.y_favourable
    measures: list[Measure] = []
    charts: list[Chart] = []
    notes: list[str] = []
    for done, column in enumerate(subject.sensitive):
        names, codes = subject.groups(column)
        small = small_groups(np.bincount(codes, minlength=len(names)), params)
        groups: list[Group] = []
        for at, name in enumerate(names):
            rows = codes == at
            area = area_under_roc(score[rows], truth[rows])
            named, marked = {column: name}, bool(small[at])
            measures.append(
                Measure("count", float(rows.sum()), n=int(rows.sum()), group=named, unit="rows", small=marked)
            )
            measures.append(_auc(area, int(rows.sum()), named, marked))
            if area is not None and name != MISSING:
                groups.append(Group(name, score[rows], truth[rows], marked, area))
        lacking = [name for name in names if name not in {group.name for group in groups} | {MISSING}]
        if lacking:
            notes.append(f"{column}: {listed(lacking)} has fewer than two rows of one outcome, so there is no curve.")
        measures += _between(column, groups, params["resamples"], rng, notes)
        if groups:
            charts.append(_chart(column, groups))
        progress(done + 1, len(subject.sensitive))
    return Outcome(measures, charts, notes=notes)


def _auc(area: Area | None, n: int, group: dict[str, str], small: bool) -> Measure:
    value, ci = (area.value, area.limits()) if area else (None, None)
    return Measure("roc_auc", value, ci, n=n, group=group, better="higher", small=small)


def _between(
    column: str, groups: list[Group], resamples: int, rng: np.random.Generator, notes: list[str]
) -> list[Measure]:
    """ABROCA of each group against the largest; the widest of those and of the AUCs, without small groups too."""
    if len(groups) < 2:
        notes.append(f"{column}: fewer than two groups have both outcomes: nothing to compare.")
        return []
    reference = max(groups, key=lambda group: len(group.score))
    others = [group for group in groups if group is not reference]
    notes.append(f"{column}: ABROCA is against {reference.name}, the largest group.")
    drawn = reference.drawn(resamples, rng)
    found = {group.name: abroca(group, reference, group.drawn(resamples, rng), drawn) for group in others}
    measures = [
        Measure("abroca", value, ci, n=len(group.score) + len(reference.score), group={column: group.name},
                better="lower", small=group.small)
        for group in others
        for value, ci in [found[group.name]]
    ]  # fmt: skip
    return measures + _extremes(column, groups, found)


def _extremes(column: str, groups: list[Group], found: dict[str, tuple[float, Interval]]) -> list[Measure]:
    measures = []
    large = [group for group in groups if not group.small]
    for name, among in ((ALL_GROUPS, groups), (LARGE_GROUPS, large)):
        if len(among) < 2 or (name == LARGE_GROUPS and len(large) == len(groups)):
            continue
        n, small, named = sum(len(group.score) for group in among), len(among) > len(large), {column: name}
        value, ci = widest([group.area for group in among])
        measures.append(Measure("roc_auc_difference", value, ci, n=n, group=named, better="lower", small=small))
        reference = max(groups, key=lambda group: len(group.score))
        others = [group for group in among if group is not reference]
        worst = max(found[group.name][0] for group in others)
        proven = max(least(group.area, reference.area, simultaneous_z(len(among))) for group in others)
        ends = min(proven, worst), max(found[group.name][1][1] for group in others)
        measures.append(Measure("abroca", worst, ends, n=n, group=named, better="lower", small=small))
    return measures


def abroca(group: Group, reference: Group, drawn: Curves, reference_drawn: Curves) -> tuple[float, Interval]:
    """The area between the curves; from what the AUCs prove to the bootstrap's 97.5th percentile."""
    value = _roc.area_between(group.curve, reference.curve)
    low, high = gap_limits(group.area, reference.area)
    areas = _roc.areas_between(drawn, reference_drawn)
    furthest = float(np.nanquantile(areas, 0.975)) if np.isfinite(areas).any() else 1.0
    return value, (min(least(group.area, reference.area), value), max(value, furthest, -low, high))


def least(one: Area, other: Area, z: float = Z) -> float:
    """The gap between two AUCs that is beyond doubt, z standard errors allowed for."""
    low, high = gap_limits(one, other, z)
    return max(0.0, low, -high)


def _chart(column: str, groups: list[Group]) -> Chart:
    shown = [group for group in groups if not group.small] or groups
    largest = sorted(shown, key=lambda group: -len(group.score))[:SERIES]
    series = []
    for group in [group for group in groups if group in largest]:
        kept = thinned(len(group.curve[0]))
        fpr, tpr = (part[kept].tolist() for part in group.curve)
        series.append({"name": group.name, "fpr": fpr, "tpr": tpr, "auc": group.area.value})
    ranked = sorted(series, key=lambda one: one["auc"])
    said = f"AUC from {ranked[0]['auc']:.3f} ({ranked[0]['name']}) to {ranked[-1]['auc']:.3f} ({ranked[-1]['name']})."
    return Chart(
        id=chart_id("roc_by_group", column),
        title=f"ROC curves by {column[:SHOWN]}",
        caption=f"How well the score ranks the people of each group. {said}",
        alt=f"ROC curves of the groups of {column}. {said}",
        data={"kind": "roc", "series": series},
    )
