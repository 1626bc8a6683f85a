"""Does a difference between groups remain among people who are alike in what may rightly decide?

Groups can be selected at different rates because they differ in a column that an employer or lender may use, such as
working hours. So the rows are cut into strata by one such column (numbers into bands), and each group is compared with
everybody else within each stratum. conditional_difference: the difference of selection rates within strata, averaged
with the weights of Mantel and Haenszel (1959); raw_difference: the same without strata. conditional_p_value: the
Cochran-Mantel-Haenszel test. widest_conditional_difference: the furthest of any group from 0.

Which column is legitimate is for people to say, in writing: the parameter strata names it. Where nobody has named one,
every column that the model is given and that is not sensitive is tried, and the table tells what remains within each:
a lead, not an excuse. A column that carries the group in another name (a proxy, say an occupation that is closed to
women) explains a difference away and leaves the harm.

Intervals, 95 %: Newcombe's for the raw difference; for the conditional one normal, with the variance of Sato, Greenland
and Robins (1989), which holds for few large strata and for many small ones; for the widest, each end takes all groups
into account.

What to do: where a difference remains among like people, it is not explained by what may rightly decide: raise a
finding. Where it vanishes, ask whether the column that explains it is itself fair to use.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery import banding, controls
from assessments.battery.banding import MISSING
from assessments.battery.fairness._disparities import ALL_GROUPS
from assessments.battery.fairness._groups import SHOWN, SIZE_PARAMS, chart_id, decided_favourably, small_groups
from assessments.battery.fairness._strata import Contrast, contrast
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, Table, battery_test
from assessments.battery.stats import Z
from assessments.battery.subject import Subject

MOST_TRIED = 30
MOST_STRATA = 200
TABLED = 20


@battery_test(
    title="Parity among like people",
    needs=Needs(sensitive=True),
    params=[*SIZE_PARAMS, Param("strata", "", "Column that may rightly decide; empty tries all")],
    metrics=[
        Metric("raw_difference", "Selection rate less that of others"),
        Metric("conditional_difference", "The same among people alike in the column"),
        Metric("conditional_p_value", "P value of no difference among like people", unit="p"),
        Metric("widest_conditional_difference", "Furthest difference among like people", better="lower"),
    ],
    controls=[
        controls.NIST_FAIRNESS,
        controls.EU_BIAS_EXAMINATION,
        controls.DISPARATE_IMPACT,
        controls.ISO_BIAS,
    ],
    charts=["conditional_parity_*"],
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    tried = _columns(subject, params["strata"])
    selected = decided_favourably(subject)
    strata = {name: _strata(subject, name) for name in tried}
    strata = {name: codes for name, codes in strata.items() if codes.max() < MOST_STRATA}
    if not strata:
        raise NotApplicable(f"Every column has more than {MOST_STRATA} values: nobody is like anybody else in it.")
    measures: list[Measure] = []
    charts: list[Chart] = []
    tables: list[Table] = []
    for done, column in enumerate(subject.sensitive):
        names, codes = subject.groups(column)
        small = small_groups(np.bincount(codes, minlength=len(names)), params)
        compared = [at for at, name in enumerate(names) if name != MISSING]
        if len(compared) < 2:
            continue
        known = np.isin(codes, compared)
        found = {
            name: [contrast((codes == at)[known], strata_of[known], selected[known]) for at in compared]
            for name, strata_of in strata.items()
        }
        groups = [(names[at], bool(small[at])) for at in compared]
        if params["strata"]:
            measures += _measures(column, params["strata"], groups, found[params["strata"]])
            charts.append(_chart(column, params["strata"], groups, found[params["strata"]]))
        else:
            tables.append(_table(column, groups, found))
        progress(done + 1, len(subject.sensitive))
    note = "No column was named as legitimate (strata): the tables are leads, and nothing is judged."
    return Outcome(measures, charts, tables, [] if params["strata"] else [note])


def _columns(subject: Subject, named: str) -> list[str]:
    """The columns to cut by. Raises NotApplicable where there is none, or none of that name."""
    if named:
        if named not in subject.frame or named == subject.target:
            raise NotApplicable(f"The data has no column {named!r} to compare like people by.")
        return [named]
    found = [name for name in subject.features if name not in subject.sensitive]
    if not found:
        raise NotApplicable("The model is given no column that is not sensitive: there is nothing to be alike in.")
    return found[:MOST_TRIED]


def _strata(subject: Subject, column: str) -> NDArray[np.int64]:
    return banding.groups(subject.frame[column], banded=subject.columns[column].kind == "number")[1]


def _measures(column: str, given: str, groups: list[tuple[str, bool]], found: list[Contrast]) -> list[Measure]:
    measures = []
    for (name, small), one in zip(groups, found, strict=True):
        group = {column: name, "alike in": given}
        measures += [
            Measure("raw_difference", one.raw, one.raw_interval, n=one.rows, group=group, small=small),
            Measure(
                "conditional_difference",
                one.value,
                one.interval,
                n=one.rows,
                group=group,
                small=small,
                p_value=one.p_value,
            ),
            Measure("conditional_p_value", one.p_value, n=one.rows, group=group, unit="p", small=small),
        ]
    judged = [one for (_, small), one in zip(groups, found, strict=True) if not small and one.value is not None]
    if judged:
        furthest = max(abs(one.value or 0.0) for one in judged)
        low = max(abs(one.value or 0.0) - bonferroni(len(judged)) * one.error for one in judged)
        high = max(abs(one.value or 0.0) + Z * one.error for one in judged)
        group = {column: ALL_GROUPS, "alike in": given}
        measures.append(
            Measure("widest_conditional_difference", furthest, (max(0.0, low), min(1.0, high)),
                    n=max(one.rows for one in judged), group=group, better="lower")
        )  # fmt: skip
    return measures


def bonferroni(groups: int) -> float:
    """How many standard errors hold for all groups at once."""
    from scipy.stats import norm

    return float(norm.ppf(1 - 0.025 / groups))


def _chart(column: str, given: str, groups: list[tuple[str, bool]], found: list[Contrast]) -> Chart:
    rows: list[dict[str, Any]] = []
    for (name, small), one in zip(groups, found, strict=True):
        for what, value, ci in (("", one.raw, one.raw_interval), (f", alike in {given}", one.value, one.interval)):
            low, high = ci or (None, None)
            rows.append({"name": name + what, "n": one.rows, "value": value, "low": low, "high": high, "small": small})
    known = [(name, one.raw, one.value) for (name, _), one in zip(groups, found, strict=True) if one.value is not None]
    said = "; ".join(f"{name}: {raw:+.3f}, alike in {given} {value:+.3f}" for name, raw, value in known[:4])
    return Chart(
        id=chart_id("conditional_parity", column),
        title=f"Parity by {column[:SHOWN]}, alike in {given[:SHOWN]}",
        caption=f"Selection rate of a group less that of everybody else. {said}.",
        alt=f"Dots with intervals: differences by {column}, among all and among people alike in {given}. {said}.",
        data={
            "kind": "intervals",
            "row_label": column,
            "x_label": "Selection rate less that of others",
            "ideal": 0.0,
            "ideal_label": "as often as the others",
            "rows": rows,
        },
    )


def _table(column: str, groups: list[tuple[str, bool]], found: dict[str, list[Contrast]]) -> Table:
    """What remains of each group's difference within each column, the most that any group loses first."""
    rows: list[list[Any]] = []
    for name, contrasts in found.items():
        for (group, small), one in zip(groups, contrasts, strict=True):
            if not small and one.value is not None:
                ends = [float(f"{end:.6g}") for end in one.interval or (0.0, 0.0)]
                rows.append([group, name, _round(one.raw), _round(one.value), *ends])
    rows.sort(key=lambda row: (-abs(row[2]), row[0], abs(row[3])))
    columns = [column, "alike in", "difference", "among like people", "low", "high"]
    note = "Selection rate of the group less that of everybody else. A column may explain a gap because it is a proxy."
    return Table(chart_id("alike", column), f"What remains by {column[:SHOWN]}", columns, rows[: TABLED * 5], note)


def _round(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")
