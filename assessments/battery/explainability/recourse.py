"""What could people who did not get the favourable decision change to get it, and is that as easy for everybody?

For a sample of rows that the model does not decide favourably, the cheapest legal change after which it does: only
columns that a person could change, within bounds, directions and whole steps, confirmed relations kept. It is the
search of robustness.feasible_edits with another goal (recourse: Ustun, Spangher and Liu 2019; counterfactual
explanations: Wachter, Mittelstadt and Russell 2017), and stands with the explanations because it answers the refused
person's question, and because here an easy way is good news. Each path is checked for legality and asked of the model
itself once more.

recourse_rate: rows with some path / rows refused. recourse_within_budget: with a path of at most that price.
one_change_rate: with a path that changes one column. median_cost: the price that is enough for half of them, a number's
move as a share of its range, a swapped category its swap price. median_edits: the fewest columns that half of them have
to change. By sensitive group: rates and prices, and their differences (Gupta and others 2019, von Kügelgen and others
2022 call an unequal price of recourse unfair even where the decisions are not). A path is what the model asks for, not
advice: whether the change would also change the true outcome is another question. For a model that predicts a number
say which `direction` is wanted. Intervals as in robustness.feasible_edits.

What to do: where many have no way to the favourable decision, or a group has a dearer one, ask whether the columns that
hold them are ones that may rightly decide.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from assessments.battery import controls
from assessments.battery.fairness.group_metrics import chart_id
from assessments.battery.robustness._edit_evidence import cost_chart, edits_chart, edits_table, group_chart
from assessments.battery.robustness._edit_measures import SLACK, by_group, groups_of, quantile_with_interval, share
from assessments.battery.robustness._editing import Edited, edit_rows
from assessments.battery.robustness._moves import Rows
from assessments.battery.robustness.feasible_edits import notes_of, verification
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, battery_test
from assessments.battery.subject import Subject

WITH, WITHOUT = "Any legal change", "Numbers only"


@battery_test(
    title="Recourse",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[
        Param("rows", 200, "Refused rows in the sample", quick=60, thorough=500, minimum=10, maximum=100_000),
        Param("donors", 16, "Real rows that each search starts from", quick=8, thorough=32, minimum=1, maximum=500),
        Param("budget", 0.1, "Price that counts as within reach, a share of the feature range", minimum=0.0),
        Param("scale", "range", "What a number's move is divided by: range, or mad, the robust spread"),
        Param("direction", "", "For predicted numbers, what people want: up or down"),
        Param("shift", 1.0, "For predicted numbers: the move that counts, in units of the RMSE", minimum=0.01),
        Param("minimum_rows", 30, "Rows below which a group is small", minimum=0),
        Param("minimum_share", 0.02, "Share of the rows below which a group is small", minimum=0.0, maximum=0.5),
        Param("resamples", 1000, "Bootstrap resamples", quick=400, minimum=100, maximum=100_000),
    ],
    metrics=[
        Metric("refused_share", "Rows that do not get the favourable decision"),
        Metric("recourse_rate", "Refused rows with some legal path", better="higher"),
        Metric("recourse_within_budget", "Refused rows with a path within the budget", better="higher"),
        Metric("one_change_rate", "Refused rows for which one changed column is enough", better="higher"),
        Metric("median_cost", "Price that is enough for half of them", better="lower", unit="share of range"),
        Metric("median_edits", "Columns that half of them have to change, at least", better="lower", unit="columns"),
        Metric("legal_share", "Paths that could exist", better="higher"),
        Metric("verified_share", "Paths that the model itself confirms", better="higher"),
        Metric("recourse_difference", "Difference between groups, within the budget", better="lower"),
        Metric(
            "median_cost_difference", "Difference between groups, median price", better="lower", unit="share of range"
        ),
    ],
    controls=[
        controls.EU_EXPLANATION,
        controls.EU_TRANSPARENCY,
        controls.NIST_EXPLANATION,
        controls.NIST_FAIRNESS,
        controls.REASONS_FOR_DENIAL,
    ],
    charts=["recourse_cost", "recourse_edits", "recourse_cost_by_*"],
    headline=("recourse_cost",),
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    if subject.task == "regression" and params["direction"] not in ("up", "down"):
        raise NotApplicable("The model predicts a number: say with `direction` whether people want it up or down.")
    refused = refused_rows(subject)
    if not len(refused):
        raise NotApplicable(f"The model decides every row “{subject.favourable}”: nobody needs recourse.")
    rows = refused if len(refused) <= params["rows"] else np.sort(rng.choice(refused, params["rows"], replace=False))
    edited = edit_rows(subject, rows, {**params, "directed": True}, rng, progress)
    costs = {WITH: edited.cost(), WITHOUT: edited.cost(swaps=False)}
    groups = groups_of(subject, edited.goal.rows, params)
    measures = overall(subject, edited, len(refused), params["budget"]) + by_group(
        groups,
        costs[WITH] <= params["budget"] + SLACK,
        costs[WITH],
        ("recourse_within_budget", "recourse_difference", "median_cost", "median_cost_difference"),
        ("higher", "lower"),
        params,
        rng,
    )
    table = edits_table(edited, "cheapest_paths", "Cheapest legal paths to the favourable decision")
    return Outcome(measures, charts_of(edited, costs, groups), [table], notes_of(subject, edited))


def refused_rows(subject: Subject) -> Rows:
    """Positions of the rows that were not decided favourably; all rows where a number is predicted."""
    if subject.task == "regression":
        return np.arange(len(subject.frame))
    return np.flatnonzero(subject.predicted != subject.favourable_index)


def overall(subject: Subject, edited: Edited, refused: int, budget: float) -> list[Measure]:
    """The measures that are about no group."""
    costs, edits = edited.cost(), edited.edits()
    found = []
    if subject.task != "regression":
        total = len(subject.frame)
        found.append(share("refused_share", np.arange(total) < refused, "none"))
    found += [
        share("recourse_rate", np.isfinite(costs), "higher"),
        share("recourse_within_budget", costs <= budget + SLACK, "higher"),
        share("one_change_rate", edits <= 1, "higher"),
    ]
    for metric, values, unit in (("median_cost", costs, "share of range"), ("median_edits", edits, "columns")):
        value, ci = quantile_with_interval(values)
        found.append(Measure(metric, value, ci, n=edited.rows, unit=unit, better="lower"))
    return found + verification(edited)


def charts_of(edited: Edited, costs: dict[str, Any], groups: dict[str, Any]) -> list[Chart]:
    what = "refused rows" if not edited.goal.shift else "predictions"
    shown = {name: cost for name, cost in costs.items() if name == WITH or np.isfinite(cost).any()}
    edits = {name: edited.edits(swaps=name == WITH) for name in shown}
    return [
        cost_chart("recourse_cost", "What recourse costs", shown, f"{what} can get the decision they want"),
        edits_chart("recourse_edits", "How many columns recourse takes", edits, what),
        *(
            group_chart(
                chart_id("recourse_cost_by", column),
                f"What recourse costs by {column[:60]}",
                each,
                costs[WITH],
                "gives a refused person the favourable decision",
            )
            for column, each in groups.items()
        ),
    ]
