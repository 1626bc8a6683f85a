"""Does the model treat people of two groups at once worse than each group alone would tell?

A model can treat women like men and Black people like others, and Black women unlike all (Buolamwini, Gebru 2018).
So the sensitive columns are crossed, two by two and further where the depth says so, and each group that occurs is
measured like any other: selection_rate, tpr, fpr, ppv, and between the groups demographic_parity_difference and
_ratio and equalized_odds_difference, all as under Group fairness; the values equal Fairlearn's. differential_fairness:
the logarithm of the largest ratio between two groups of the rate of either decision (Foulds et al. 2020): 0 where all
groups are decided alike, log(1.25) = 0.22 at four-fifths.

Many small groups give many chances to find something. selection_rate_p_value is Fisher's exact test of a group against
everybody else; selection_rate_q_value is that after Benjamini and Hochberg's correction over all groups of all
crossings of this test that are not small. Of the groups with a q value below 0.05 about one in twenty is there by
chance.

Groups below the minimum are reported, marked and left out of "* without small groups", which is what is judged. Of a
crossing with more groups than most_groups the largest are shown, and the number of the others is told.

What to do: take the worst group that is large enough to judge and treat it as in “Group fairness”. Of small groups
collect more rows before deciding anything.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from assessments.battery import controls
from assessments.battery.fairness._crossing import Crossing, crossed, crossings
from assessments.battery.fairness._disparities import Disparity, disparities
from assessments.battery.fairness._groups import (
    RESAMPLES,
    SIZE_PARAMS,
    Grouping,
    decided_favourably,
    group_measures,
    listed,
)
from assessments.battery.fairness._significance import each_against_the_rest, q_values
from assessments.battery.fairness.group_metrics import (
    BETWEEN_GROUPS,
    DISPARITIES,
    OF_GROUPS,
    RATES,
    selection_rate_chart,
)
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, battery_test
from assessments.battery.subject import Subject

MOST_CROSSINGS = 10
GROUPS_IN_ALL = 550  # a result holds 5,000 measures
LEVEL = 0.05
P_VALUE, Q_VALUE = "selection_rate_p_value", "selection_rate_q_value"
ASKED = (*DISPARITIES, Disparity("differential_fairness", ("selection_rate", "rejection_rate"), "log"))


@battery_test(
    title="Intersections of groups",
    needs=Needs(sensitive=True),
    params=[
        RESAMPLES,
        *SIZE_PARAMS,
        Param("depth", 2, "Columns crossed at once, at most", thorough=3, minimum=2, maximum=4),
        Param("most_groups", 60, "Groups shown of each crossing", thorough=150, minimum=2, maximum=150),
    ],
    metrics=[
        *OF_GROUPS,
        Metric("selection_rate_p_value", "P value of the rate of all others", unit="p"),
        Metric("selection_rate_q_value", "Q value over all groups", unit="q"),
        *BETWEEN_GROUPS,
        Metric("differential_fairness", "Differential fairness (epsilon)", better="lower", unit="nats"),
    ],
    controls=[
        controls.NYC_IMPACT_RATIO,
        controls.NYC_SMALL_CATEGORIES,
        controls.EU_DATA_QUALITY,
        controls.EU_BIAS_EXAMINATION,
        controls.NIST_FAIRNESS,
        controls.ISO_BIAS,
    ],
    charts=["intersections_*"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    if len(subject.sensitive) < 2:
        raise NotApplicable("One column only is marked as sensitive: there is nothing to cross it with.")
    chosen, possible = crossings(subject.sensitive, params["depth"], MOST_CROSSINGS)
    notes = [f"{possible} crossings are possible; these are the first {len(chosen)}."] if possible > len(chosen) else []
    selected = decided_favourably(subject)
    measures: list[Measure] = []
    charts: list[Chart] = []
    for done, columns in enumerate(chosen):
        most = min(params["most_groups"], GROUPS_IN_ALL // len(chosen))
        crossing = crossed(subject, columns, selected, most, params)
        grouping = crossing.grouping
        notes += _left_out(crossing)
        measures += group_measures(grouping, RATES) + _p_values(grouping)
        measures += disparities(grouping, ASKED, params["resamples"], rng, notes)
        chart = selection_rate_chart(grouping, subject.favourable)
        charts.append(replace(chart, id=chart.id.replace("selection_rate", "intersections", 1)))
        progress(done + 1, len(chosen))
    measures = _with_q_values(measures)
    return Outcome(measures, charts, notes=[*notes, *_said(measures)])


def _left_out(crossing: Crossing) -> list[str]:
    if not crossing.left_out:
        return []
    shown = len(crossing.grouping.parts)
    return [
        f"{crossing.grouping.title}: the {shown} largest of {shown + crossing.left_out} groups are shown and compared; "
        f"the others have {crossing.rows_left_out:,} rows together."
    ]


def _p_values(grouping: Grouping) -> list[Measure]:
    """Of each known group's selection rate against all other known ones."""
    known = np.flatnonzero(grouping.known)
    top, bottom = grouping.cells.only(grouping.known).fraction("selection_rate")
    rows = int(bottom.sum())
    found = zip(known, each_against_the_rest(top, bottom), strict=True)
    return [
        Measure(P_VALUE, p, n=rows, group=grouping.group(int(at)), unit="p", small=bool(grouping.small[at]), p_value=p)
        for at, p in found
    ]


def _with_q_values(measures: list[Measure]) -> list[Measure]:
    """The measures, each P value followed by its q value over all groups that are not small."""
    counted = [m for m in measures if m.metric == P_VALUE and not m.small]
    q_of = dict(zip(map(id, counted), q_values([m.value for m in counted]), strict=True))
    found = []
    for measure in measures:
        found.append(measure)
        if id(measure) in q_of:
            found.append(replace(measure, metric=Q_VALUE, value=q_of[id(measure)], unit="q", p_value=None))
    return found


def _said(measures: list[Measure]) -> list[str]:
    """How many groups are decided unlike everybody else, chance allowed for."""
    counted = [m for m in measures if m.metric == Q_VALUE and m.value is not None]
    unlike = [m for m in counted if m.value is not None and m.value <= LEVEL]
    if not counted:
        return ["Every crossed group is too small for a verdict."]
    names = listed([" · ".join(m.group.values()) for m in sorted(unlike, key=lambda m: m.value or 0.0)])
    said = f"{len(unlike)} of {len(counted)} groups are selected at another rate than everybody else (q ≤ {LEVEL:g})"
    return [f"{said}: {names}." if unlike else f"{said}."]
