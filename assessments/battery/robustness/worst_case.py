"""What is left of the model when each case meets the attack that suits it best?

One attack finds what another misses, so each case is given to all that apply to the model and cost little, and the
cheapest change that any of them found counts: HopSkipJump (decisions alone, numbers), the square attack (scores,
numbers and categories), and where the model shows a gradient DeepFool and the elastic-net attack, where it is a tree
the decision tree attack. In the thorough plan the boundary attack and ZOO join in. Cheapest means the smallest largest
move of a number, with no more categories swapped than the budget allows. Every change could exist and is asked of the
model itself again.

worst_case_accuracy: right and not turned within the budget by any of them / sample. worst_case_success_rate: turned
within the budget by at least one / right. Attacks that do not apply are named with the reason: they are no pass. It is
an upper bound of robustness still; the certificate gives a lower one.

What to do: this is the number to decide on, since an attacker chooses. Where it is low, open the test of the attack
that did the most harm and look at the changes it made.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from assessments.battery.robustness import boundary, decision_tree, deepfool, elastic_net, zoo
from assessments.battery.robustness._arsenal import (
    BUDGETS,
    CONTROLS,
    TASKS,
    Progress,
    flips_table,
    notes_on_columns,
    struck,
    survival,
    usual,
)
from assessments.battery.robustness._cheap import hop_skip_jump
from assessments.battery.robustness._evidence import under_attack_chart
from assessments.battery.robustness._judging import Judged, nothing_yet
from assessments.battery.robustness._sample import median_with_interval
from assessments.battery.robustness._target import Target
from assessments.battery.robustness.square import search
from assessments.battery.spec import Chart, Measure, Metric, Needs, NotApplicable, Outcome, Param, Table, battery_test
from assessments.battery.stats import wilson
from assessments.battery.subject import Subject

Attack = Callable[[Target, dict[str, Any], np.random.Generator], Judged]
SHOWN = 3  # attacks with a curve of their own


@battery_test(
    title="Worst case over all attacks",
    needs=Needs(tasks=TASKS),
    params=[
        *usual(60, quick=30, thorough=150, seconds=30.0),
        Param("many", False, "Also the slow attacks on decisions and scores: boundary and ZOO", thorough=True),
    ],
    metrics=[
        Metric("accuracy_clean_sample", "Accuracy on the sample, not attacked", better="higher"),
        Metric("worst_case_accuracy", "Accuracy within the budget, each case at its worst", better="higher"),
        Metric("worst_case_success_rate", "Decisions turned within the budget by some attack", better="lower"),
        Metric("worst_case_median_linf", "Cheapest flip, median", better="higher", unit="share of range"),
    ],
    controls=CONTROLS,
    charts=["accuracy_under_worst_case"],
    plans=("standard", "thorough"),
)
def run(subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Progress) -> Outcome:
    target = Target.of_sample(subject, params, rng)
    found, notes = each_attack(target, params, rng, progress)
    together = nothing_yet(target, params["swaps"])
    together.tried[:] = True
    for each in found.values():
        rows = np.flatnonzero(each.feasible)
        together = together.offered(each.codes[rows], rows)
    charts = [curves(target, found, together, params, rng)] if len(target.of) else []
    tables = [leaderboard(found, together, params)]
    if together.feasible.any():
        tables.append(flips_table(together))
    notes = [target.goal.describe, *notes, *notes_on_columns(target)]
    return Outcome(measures_of(target, together, params), charts, tables, notes)


def each_attack(
    target: Target, params: dict[str, Any], rng: np.random.Generator, progress: Progress
) -> tuple[dict[str, Judged], list[str]]:
    """What each applicable attack found, and why the others do not apply or did not come to an end."""
    found, notes = {}, []
    attacks = {**ALWAYS, **(SLOW if params["many"] else {})}
    for place, (name, attack) in enumerate(attacks.items()):
        progress(place, len(attacks))
        try:
            found[name] = attack(target, params, rng)
        except NotApplicable as reason:
            notes.append(f"{name} is not applicable. {reason}")
            continue
        if not found[name].tried.all():
            notes.append(f"{name} is incomplete: {found[name].tried.sum()} of {len(target.of)} rows in its time.")
    return found, notes


def _hop_skip_jump(target: Target, params: dict[str, Any], rng: np.random.Generator) -> Judged:
    return hop_skip_jump(target, {**params, "iterations": 8, "evaluations": 30}, rng)


def _square(target: Target, params: dict[str, Any], rng: np.random.Generator) -> Judged:
    return search(target, {**params, "iterations": 40}, rng, _quiet)[0]


def _by_art(module: Any, *, gradient: bool = False, scores: bool = False, **settings: Any) -> Attack:
    def attack(target: Target, params: dict[str, Any], rng: np.random.Generator) -> Judged:
        make = module.maker({**params, **settings})
        return struck(target, make, params, rng, _quiet, gradient=gradient, scores=scores)[0]

    return attack


def _decision_tree(target: Target, params: dict[str, Any], rng: np.random.Generator) -> Judged:
    if target.is_regression:
        raise NotApplicable("This attack turns decisions; the model predicts a number.")
    return decision_tree.walked(target, params, rng, _quiet)[0]


def _quiet(done: int, of: int) -> None:
    pass


ALWAYS: dict[str, Attack] = {
    "HopSkipJump": _hop_skip_jump,
    "Square": _square,
    "DeepFool": _by_art(deepfool, gradient=True, iterations=30),
    "Elastic net": _by_art(elastic_net, gradient=True, iterations=15, searches=3),
    "Decision tree attack": _decision_tree,
}
SLOW: dict[str, Attack] = {
    "Boundary": _by_art(boundary, iterations=60),
    "ZOO": _by_art(zoo, scores=True, iterations=40, searches=5),
}


def measures_of(target: Target, together: Judged, params: dict[str, Any]) -> list[Measure]:
    n, right = len(target.rows), len(target.of)
    turned = int(together.within(params["budget"], params["swaps"]).sum())
    standing, measures = right - turned, []
    if not target.is_regression:
        measures = [
            Measure("accuracy_clean_sample", right / n, wilson(right, n), n=n, better="higher"),
            Measure("worst_case_accuracy", standing / n, wilson(standing, n), n=n, better="higher"),
        ]
    if right:
        share = turned / right
        measures.append(Measure("worst_case_success_rate", share, wilson(turned, right), n=right, better="lower"))
    if flips := int(together.feasible.sum()):
        median, ci = median_with_interval(np.sort(together.cost[together.feasible]))
        unit = "share of range"
        measures.append(Measure("worst_case_median_linf", median, ci, n=flips, unit=unit, better="higher"))
    return measures


def curves(
    target: Target, found: dict[str, Judged], together: Judged, params: dict[str, Any], rng: np.random.Generator
) -> Chart:
    """All together, the attacks that come nearest to it, and random changes."""
    budgets, swaps = np.unique(np.append(BUDGETS, params["budget"])), params["swaps"]
    n, right = len(target.rows), len(target.of)

    def standing(one: Judged) -> Any:
        shares = np.array([right - one.within(budget, swaps).sum() for budget in budgets]) / n
        shares[0] = right / n  # a swap of a category is no change of size 0
        return shares

    strongest = sorted(found, key=lambda name: float(standing(found[name]).mean()))[:SHOWN]
    shares = {"All together": standing(together), **{name: standing(found[name]) for name in strongest}}
    shares["Random changes"] = survival(target, np.arange(right), budgets, swaps, rng) * right / n
    return under_attack_chart(
        budgets, shares, n, params["budget"], regression=target.is_regression, attack="worst case"
    )


def leaderboard(found: dict[str, Judged], together: Judged, params: dict[str, Any]) -> Table:
    """What each attack found by itself, and how often it was the cheapest."""
    rows: list[list[Any]] = []
    for name, one in [*found.items(), ("All together", together)]:
        flips = one.feasible
        best = flips & (one.swaps == together.swaps) & (one.cost <= together.cost + 1e-12)
        median = float(np.median(one.cost[flips])) if flips.any() else None
        turned = int(one.within(params["budget"], params["swaps"]).sum())
        rows.append([name, turned, int(flips.sum()), median, int(best.sum())])
    headings = ["Attack", "Turned within the budget", "Turned at any size", "Median largest move", "Cheapest for"]
    return Table("attacks", "What each attack found on the same cases", headings, rows)
