"""What is the least that a person could change about a case to turn a right decision into another one?

Attacks on images add noise that nobody sees; a row of a table has columns that its person can change, and others that
nobody can. Here only legal changes are tried: of columns that are not fixed, within their bounds and directions,
integers in whole steps, categories swapped for others that the data holds, missing values left alone, every confirmed
relation between columns kept. The search (donor rows of the other decision, put back greedily, numbers shrunk; see
Wachter, Mittelstadt and Russell 2017 for the question, Laugel and others 2018 and Keane and Smyth 2020 for its parts)
takes all rows at once. Each example is decoded into a row of the table, checked for legality and asked of the model
itself once more before it counts: legal_share and verified_share say how many held.

The price of a change is the sum over its columns: a number's move as a share of its range (scale "mad": of its robust
spread), a swapped category the column's swap price (0.1 where nothing else was said: as dear as a tenth of a range). A
column that follows from another (education_num from education) costs nothing of its own. robust_accuracy: right and
not flipped within the budget / sample. feasible_success_rate: flipped within the budget / right, which is what the
policy judges; numbers_success_rate: the same where no category may be swapped; success_within_k_edits: flipped by
changing at most k columns, at any price; any_edit_success_rate: by any legal change that was found. median_cost and
tenth_percentile_cost: the price that flips half, and the easiest tenth, of the right decisions. random_success_rate:
flipped by one random legal change of the same price; margin_over_random: how much more the search finds. By sensitive
group: who is cheaper to push over the line? Numbers are an upper bound of robustness: a longer search may find cheaper
changes. For a model that predicts a number, success is a prediction that moves by `shift` times the model's RMSE.
Intervals, 95 %: Wilson for shares, order statistics for quantiles; for differences of groups bootstrap and Newcombe of
shares, and the joined intervals of the medians (Zou and Donner 2008).

What to do: read the edits as somebody who wants another decision. Where a small and cheap one is enough, check that
column against its source, fix it as not changeable by the applicant, or send cases near the threshold to a person.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from assessments.battery import controls
from assessments.battery.fairness.group_metrics import chart_id
from assessments.battery.robustness._edit_baseline import surviving_random_edits
from assessments.battery.robustness._edit_evidence import (
    cost_chart,
    edits_chart,
    edits_table,
    group_chart,
    under_attack,
)
from assessments.battery.robustness._edit_measures import SLACK, by_group, groups_of, quantile_with_interval, share
from assessments.battery.robustness._editing import Edited, edit_rows
from assessments.battery.robustness._moves import Floats, Rows
from assessments.battery.robustness._sample import stratified_sample
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, battery_test
from assessments.battery.subject import Subject

BUDGETS = np.array([0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5])
WITH, WITHOUT, RANDOM = "Constrained", "Numbers only", "Random edits"
EDITS = (1, 2, 3)


@battery_test(
    title="Feasible edits",
    needs=Needs(tasks=("binary", "multiclass", "regression")),
    params=[
        Param("rows", 200, "Rows attacked", quick=60, thorough=500, minimum=10, maximum=100_000),
        Param("donors", 16, "Real rows that each search starts from", quick=8, thorough=32, minimum=1, maximum=500),
        Param("budget", 0.05, "Price that the verdict is about, a share of the feature range", minimum=0.0),
        Param("scale", "range", "What a number's move is divided by: range, or mad, the robust spread"),
        Param("shift", 1.0, "For predicted numbers: the move that counts, in units of the RMSE", minimum=0.01),
        Param("noise_draws", 20, "Random changes a row and budget, for the baseline", quick=5, minimum=1, maximum=1000),
        Param("minimum_rows", 30, "Rows below which a group is small", minimum=0),
        Param("minimum_share", 0.02, "Share of the rows below which a group is small", minimum=0.0, maximum=0.5),
        Param("resamples", 1000, "Bootstrap resamples", quick=400, minimum=100, maximum=100_000),
    ],
    metrics=[
        Metric("accuracy_clean_sample", "Accuracy on the sample, not attacked", better="higher"),
        Metric("robust_accuracy", "Accuracy under feasible edits within the budget", better="higher"),
        Metric("feasible_success_rate", "Right decisions flipped by feasible edits within the budget", better="lower"),
        Metric("numbers_success_rate", "The same, numbers only", better="lower"),
        Metric("success_within_1_edit", "Right decisions that one changed column flips", better="lower"),
        Metric("success_within_2_edits", "Right decisions that two changed columns flip", better="lower"),
        Metric("success_within_3_edits", "Right decisions that three changed columns flip", better="lower"),
        Metric("any_edit_success_rate", "Right decisions that some feasible edit flips", better="lower"),
        Metric("median_cost", "Price that flips half of the right decisions", better="higher", unit="share of range"),
        Metric("tenth_percentile_cost", "Price that flips the easiest tenth", better="higher", unit="share of range"),
        Metric("random_success_rate", "Right decisions flipped by a random edit of that price", better="lower"),
        Metric("margin_over_random", "What the search finds beyond random edits"),
        Metric("legal_share", "Examples that could exist", better="higher"),
        Metric("verified_share", "Examples that the model itself confirms", better="higher"),
        Metric("feasible_success_difference", "Difference between groups, flipped within the budget", better="lower"),
        Metric(
            "median_cost_difference", "Difference between groups, median price", better="lower", unit="share of range"
        ),
    ],
    controls=[
        controls.EU_ROBUSTNESS,
        controls.EU_CYBERSECURITY,
        controls.EU_METRICS_SET_BEFORE,
        controls.NIST_SECURITY,
        controls.NIST_EVASION_BLACK_BOX,
        controls.NIST_FAIRNESS,
        controls.ATLAS_BLACK_BOX_OPTIMIZATION,
        controls.OWASP_INPUT_MANIPULATION,
    ],
    charts=["accuracy_under_feasible_edits", "edit_cost", "success_by_edits", "edit_cost_by_*"],
    headline=("accuracy_under_feasible_edits",),
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    rows = sampled(subject, params["rows"], rng)
    edited = edit_rows(subject, rows, params, rng, progress)
    if not edited.rows:
        raise NotApplicable("The model decides no row of the sample rightly: there is nothing to attack.")
    budgets = np.unique(np.append(BUDGETS, params["budget"]))
    surviving = surviving_random_edits(edited.task, budgets, params["noise_draws"], rng)
    groups = groups_of(subject, edited.goal.rows, params)
    costs = {WITH: edited.cost(), WITHOUT: edited.cost(swaps=False)}
    at = int(np.argmin(np.abs(budgets - params["budget"])))
    measures = overall(subject, edited, len(rows), costs, 1 - float(surviving[at]), params)
    measures += by_group(
        groups,
        costs[WITH] <= params["budget"] + SLACK,
        costs[WITH],
        ("feasible_success_rate", "feasible_success_difference", "median_cost", "median_cost_difference"),
        ("lower", "higher"),
        params,
        rng,
    )
    charts = [accuracy_chart(subject, edited, len(rows), budgets, costs, surviving, params["budget"])]
    charts += more_charts(edited, costs, {c: [g for g in each if g.rows.any()] for c, each in groups.items()})
    table = edits_table(edited, "smallest_feasible_edits", "Smallest feasible edits that flip a decision")
    return Outcome(measures, charts, [table], notes_of(subject, edited))


def sampled(subject: Subject, rows: int, rng: np.random.Generator) -> Rows:
    """Positions of the rows to attack: in the proportions of the classes, or at random for predicted numbers."""
    if subject.task != "regression":
        return stratified_sample(subject.y, rows, rng)
    count = len(subject.frame)
    return np.arange(count) if rows >= count else np.sort(rng.choice(count, rows, replace=False))


def overall(
    subject: Subject, edited: Edited, sample: int, costs: dict[str, Floats], random: float, params: dict[str, Any]
) -> list[Measure]:
    """The measures that are about no group."""
    within = costs[WITH] <= params["budget"] + SLACK
    found = []
    if subject.task != "regression":
        right = np.arange(sample) < edited.rows
        standing = np.arange(sample) < edited.rows - int(within.sum())
        found += [share("accuracy_clean_sample", right, "higher"), share("robust_accuracy", standing, "higher")]
    found.append(share("feasible_success_rate", within, "lower"))
    found.append(share("numbers_success_rate", costs[WITHOUT] <= params["budget"] + SLACK, "lower"))
    edits = edited.edits()
    found += [share(f"success_within_{k}_edit{'s' * (k > 1)}", edits <= k, "lower") for k in EDITS]
    found.append(share("any_edit_success_rate", np.isfinite(costs[WITH]), "lower"))
    for metric, q in (("median_cost", 0.5), ("tenth_percentile_cost", 0.1)):
        value, ci = quantile_with_interval(costs[WITH], q)
        found.append(Measure(metric, value, ci, n=edited.rows, unit="share of range", better="higher"))
    found.append(Measure("random_success_rate", random, n=edited.rows, better="lower"))
    found.append(Measure("margin_over_random", float(within.mean()) - random, n=edited.rows))
    return found + verification(edited)


def verification(edited: Edited) -> list[Measure]:
    """How many of the examples could exist, and how many the estimator itself confirms."""
    n = edited.returned
    return [
        Measure(metric, count / n if n else None, n=n, better="higher")
        for metric, count in (("legal_share", edited.legal), ("verified_share", edited.kept))
    ]


def accuracy_chart(
    subject: Subject,
    edited: Edited,
    sample: int,
    budgets: Floats,
    costs: dict[str, Floats],
    surviving: Floats,
    budget: float,
) -> Chart:
    """The share of the sample that is decided rightly after changes of at most each price."""
    right = edited.rows / sample
    shares = {
        name: np.array([(cost > b + SLACK).sum() for b in budgets]) / sample
        for name, cost in costs.items()
        if name == WITH or np.isfinite(costs[WITHOUT]).any()
    }
    shares[RANDOM] = right * surviving
    at = int(np.argmin(np.abs(budgets - budget)))
    if subject.task == "regression":
        held = f"Of {sample} predictions {100 * shares[WITH][at]:.3g} % hold"
        label = "Predictions that hold"
    else:
        held = f"{100 * right:.3g} % of {sample} cases are decided rightly; {100 * shares[WITH][at]:.3g} % withstand"
        label = "Accuracy under attack"
    said = f"{held} feasible edits of a price of {budget:g}, {100 * shares[RANDOM][at]:.3g} % random ones."
    return under_attack(shares, budgets, sample, said, label, budget)


def more_charts(edited: Edited, costs: dict[str, Floats], groups: dict[str, Any]) -> list[Chart]:
    what = "predictions" if edited.goal.shift else "right decisions"
    shown = {name: cost for name, cost in costs.items() if name == WITH or np.isfinite(cost).any()}
    edits = {name: edited.edits(swaps=name == WITH) for name in shown}
    return [
        cost_chart("edit_cost", "What a feasible edit costs", shown, f"{what} flip"),
        edits_chart("success_by_edits", "How many columns have to change", edits, what),
        *(
            group_chart(
                chart_id("edit_cost_by", column),
                f"What a flip costs by {column[:60]}",
                each,
                costs[WITH],
                "turns a right decision",
            )
            for column, each in groups.items()
        ),
    ]


def notes_of(subject: Subject, edited: Edited) -> list[str]:
    """What was changed, what was held, and what did not hold."""
    moves = edited.moves
    named = {
        "Numbers that were moved": moves.number,
        "Categories that were swapped": moves.swapped,
        "Columns that follow others": moves.derived,
    }
    notes = [edited.goal.describe]
    for said, which in named.items():
        if which.any():
            notes.append(f"{said}: {', '.join(name for at, name in enumerate(moves.names) if which[at])}.")
    held = [name for at, name in enumerate(moves.names) if not (moves.movable | moves.derived)[at]]
    if held:
        notes.append(f"Held as they are: {', '.join(held)}.")
    if subject.relations:
        notes.append(f"Relations kept: {'; '.join(relation.text for relation in subject.relations)}.")
    if edited.returned > min(edited.legal, edited.kept):
        lost = edited.returned - min(edited.legal, edited.kept)
        notes.append(f"{lost} examples did not hold when checked again, and do not count.")
    return notes
