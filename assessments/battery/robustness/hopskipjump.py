"""How small a change to the numbers of a case makes the model give another decision than the right one?

HopSkipJump (Chen, Jordan, Wainwright 2019) knows nothing of the model but its decisions, so it applies to every
classifier. A sample of cases, drawn in the proportions of the true classes, is attacked: those decided rightly, until
the decision is another one; those decided wrongly count as lost at budget 0. The budget is the largest change of any
column as a share of its range (L∞; or the root of the sum of squares, L2). Only numeric columns that a person could
change are moved, within their bounds, upwards or downwards only where so declared, integers in whole steps; categories
keep their values, since swapping them has another price. So every case shown could exist, and each is asked of the
model once more, as a row of the table, before it counts.

robust_accuracy: right and not flipped within the budget / sample. evasion_success_rate: flipped within the budget /
right. median_cost: the change that flips half of the right cases. ks_adversarial, roc_auc_adversarial,
average_precision_adversarial: of the scores, as on the untouched sample, after the cases that flip within the budget
are replaced by what flips them. Where the model predicts a number, a prediction flips when it moves by the model's own
error (its root mean squared error). Random noise of the same size is the baseline: the share that is still decided
rightly after one random draw. An attack gives an upper bound of robustness; a stronger attack may find smaller
changes. Intervals, 95 %: Wilson for shares, order statistics for the median, bootstrap of the rows, corrected for its
upward bias, for KS.

What to do: where few decisions withstand, look at the cheapest flips: is the change one that a person would make to get
another answer? If so, check those columns against their source before deciding, retrain with such rows in the training
data, or send cases near the threshold to a person.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from assessments.battery import controls
from assessments.battery.robustness._box import BoxProblem
from assessments.battery.robustness._editing import fixer_of
from assessments.battery.robustness._evidence import cheapest_flips, decision_text, under_attack_chart
from assessments.battery.robustness._goal import Goal, goal_of
from assessments.battery.robustness._lockstep import Flags, Floats, Rows, attack, length
from assessments.battery.robustness._sample import median_with_interval, random_moves
from assessments.battery.robustness._space import Space
from assessments.battery.robustness._target import movable, sampled
from assessments.battery.robustness._under_attack import ranking_under_attack
from assessments.battery.robustness._verify import original_answers
from assessments.battery.spec import (
    Measure,
    Metric,
    Needs,
    NotApplicable,
    Outcome,
    Param,
    Table,
    battery_test,
)
from assessments.battery.stats import wilson
from assessments.battery.subject import Subject

TASKS = ("binary", "multiclass", "regression")
BUDGETS = np.array([0.0, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5])
NEAREST, ANYWHERE = 24, 12  # donor rows tried as starting points: the nearest, and others at random


@dataclass(frozen=True)
class Attacked:
    """The sample and what the attack made of it.

    rows (n,) are positions in subject.frame; right (n,); cost (n,) is 0 for a row decided wrongly from the start and
    infinite for one that was not flipped; points (n, d) are the flips, the rows themselves where there is none.
    """

    space: Space
    rows: Rows
    right: Flags
    points: Floats
    cost: Floats
    goal: Goal

    def within(self, budget: float) -> Flags:
        """(n,) right rows that flip within the budget."""
        return self.right & (self.cost <= budget + 1e-12)

    def standing(self, budget: float) -> int:
        """How many rows are decided rightly and do not flip within the budget."""
        return int((self.right & ~self.within(budget)).sum())


@battery_test(
    title="HopSkipJump evasion attack",
    needs=Needs(tasks=TASKS),
    params=[
        Param("rows", 200, "Rows attacked", quick=60, thorough=500, minimum=10, maximum=100_000),
        Param("iterations", 10, "Iterations", quick=6, thorough=16, minimum=1, maximum=200),
        Param("evaluations", 40, "Noisy copies a row in the first iteration", quick=25, thorough=80, minimum=4),
        Param("norm", "linf", "Distance: linf, the largest change, or l2, the root of the sum of squares"),
        Param(
            "budget", 0.1, "Budget that the verdict is about, a share of the feature range", minimum=0.0, maximum=1.0
        ),
        Param("noise_draws", 20, "Random draws a row and budget, for the baseline", quick=10, minimum=1, maximum=1000),
        Param("resamples", 1000, "Bootstrap resamples", minimum=100, maximum=100_000),
    ],
    metrics=[
        Metric("accuracy_clean_sample", "Accuracy on the sample, not attacked", better="higher"),
        Metric("robust_accuracy", "Accuracy under attack within the budget", better="higher"),
        Metric("evasion_success_rate", "Right decisions flipped within the budget", better="lower"),
        Metric("median_cost", "Change that flips half of the right decisions", better="higher", unit="share of range"),
        Metric("ks_clean_sample", "KS on the sample, not attacked", better="higher"),
        Metric("ks_adversarial", "KS under attack within the budget", better="higher"),
        Metric("roc_auc_adversarial", "ROC AUC under attack within the budget", better="higher"),
        Metric("average_precision_adversarial", "Average precision under attack within the budget", better="higher"),
    ],
    controls=[
        controls.EU_CYBERSECURITY,
        controls.EU_METRICS_SET_BEFORE,
        controls.NIST_SECURITY,
        controls.NIST_EVASION_BLACK_BOX,
        controls.ATLAS_BLACK_BOX_OPTIMIZATION,
        controls.OWASP_INPUT_MANIPULATION,
    ],
    charts=["accuracy_under_attack", "ks_adversarial", "roc_adversarial", "precision_recall_adversarial"],
    headline=("accuracy_under_attack", "ks_adversarial"),
)
def run(
    subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Callable[[int, int], None]
) -> Outcome:
    if params["norm"] not in ("linf", "l2"):
        raise ValueError(f"norm must be linf or l2, not {params['norm']!r}.")
    rows = sampled(subject, params["rows"], rng)
    space = Space.of(subject.frame[subject.features].take(rows), movable(subject))
    if not space.names:
        raise NotApplicable(
            "No numeric column with a range that a person could change: HopSkipJump has nothing to move. "
            "Name the columns that can change, or use a test that swaps categories."
        )
    notes: list[str] = []
    attacked = attack_sample(subject, space, rows, params, rng, progress, notes)
    budgets = np.unique(np.append(BUDGETS, params["budget"]))
    standing = np.array([attacked.standing(budget) for budget in budgets]) / len(rows)
    shares = {"HopSkipJump": standing, "Random noise": survival_under_noise(attacked, budgets, params, rng)}
    regression = subject.task == "regression"
    charts = [under_attack_chart(budgets, shares, len(rows), params["budget"], regression=regression)]
    measures = evasion_measures(attacked, params["budget"], notes)
    if not regression:
        flipped = np.flatnonzero(attacked.within(params["budget"]))
        after = attacked.space.decode(attacked.points[flipped], flipped)
        said = f"{100 * params['budget']:.3g} % of a range"
        more, drawn = ranking_under_attack(subject, rows, flipped, after, said, params["resamples"], rng, notes)
        measures, charts = measures + more, charts + drawn
    return Outcome(measures, charts, [flips_table(subject, attacked)], notes)


def attack_sample(
    subject: Subject,
    space: Space,
    rows: Rows,
    params: dict[str, Any],
    rng: np.random.Generator,
    progress: Callable[[int, int], None],
    notes: list[str],
) -> Attacked:
    """Attack the rows that are decided rightly, then ask the model once more about every flip."""
    try:
        goal = goal_of(subject, rows, params)
    except ValueError as error:
        raise NotApplicable(str(error)) from error
    right = goal.eligible
    target = np.flatnonzero(right)
    problem = BoxProblem.of(space.only(target), subject.coder, decider(goal, target), params["norm"])
    points, cost = space.origin.copy(), np.where(right, np.inf, 0.0)
    if len(target):
        points[target], cost[target] = attack(
            problem,
            donor_candidates(goal, space, target, rng),
            iterations=params["iterations"],
            evaluations=params["evaluations"],
            rng=rng,
            progress=progress,
        )
    found = np.flatnonzero(right & np.isfinite(cost))
    if len(found):
        kept = goal.met(original_answers(subject, space.decode(points[found], found)), found)
        if not kept.all():
            notes.append(f"{int((~kept).sum())} flips did not hold when asked again and do not count.")
        cost[found[~kept]], points[found[~kept]] = np.inf, space.origin[found[~kept]]
    notes.append(f"Columns that were moved: {', '.join(space.names)}.")
    return Attacked(space, rows, right, points, cost, goal)


def decider(goal: Goal, target: Rows) -> Callable[[Floats, Rows], Flags]:
    """Whether codes achieve the goal and keep the relations between columns that their row kept."""
    subject = goal.subject
    if not subject.relations:
        return lambda codes, k: goal.achieved(codes, target[k])
    fixer = fixer_of(subject, subject.coder.encode(subject.frame[subject.features].take(goal.rows)), goal.rows)

    def decided(codes: Floats, k: Rows) -> Flags:
        repaired, kept = fixer.repair(codes, target[k])
        same = (repaired == codes) | (np.isnan(repaired) & np.isnan(codes))
        return np.asarray(goal.achieved(codes, target[k]) & kept & same.all(axis=1))

    return decided


def donor_candidates(goal: Goal, space: Space, target: Rows, rng: np.random.Generator) -> Floats:
    """(m, k, d) starting points: the changeable numbers of real rows that the model decides otherwise.

    Most are the nearest of at most 5,000 donors, the rest are any. k is 0 where there is no donor for some row.
    """
    subject = goal.subject
    pool = np.arange(len(subject.frame))
    if len(pool) > 5000:
        pool = np.sort(rng.choice(pool, 5000, replace=False))
    donors = space.unit(subject.frame[space.names].take(pool).to_numpy(dtype=float, na_value=np.nan))
    decided = subject.predicted[pool]
    candidates = np.empty((len(target), NEAREST + ANYWHERE, len(space.names)))
    for index, row in enumerate(target):
        others = donors[goal.met(decided, np.full(len(pool), row))]
        if not len(others):
            return np.empty((len(target), 0, len(space.names)))
        others = np.where(~np.isfinite(others), space.origin[row], others)
        reachable = np.clip(others, space.low[row], space.high[row])
        near = np.argsort(length(reachable - space.origin[row], "linf"), kind="stable")[:NEAREST]
        chosen = np.r_[np.resize(near, NEAREST), rng.integers(len(others), size=ANYWHERE)]
        candidates[index] = reachable[chosen]
    return candidates


def survival_under_noise(
    attacked: Attacked, budgets: Floats, params: dict[str, Any], rng: np.random.Generator
) -> Floats:
    """(budgets,) the share of the sample that is right, and is after one random change of at most the budget.

    The same directions serve every budget, so that the curve is smooth in it.
    """
    space, right, draws = attacked.space, np.flatnonzero(attacked.right), params["noise_draws"]
    directions = random_moves(rng, len(right) * draws, len(space.names), params["norm"])
    rows = np.repeat(right, draws)
    surviving = [len(right) / len(attacked.rows)]
    for budget in budgets[1:]:
        moved = np.clip(space.origin[rows] + budget * directions, space.low[rows], space.high[rows])
        kept = ~attacked.goal.achieved(space.decode(space.snap(moved, rows), rows), rows) if len(rows) else np.zeros(0)
        surviving.append(float(kept.sum()) / (draws * len(attacked.rows)))
    return np.array(surviving)


def evasion_measures(attacked: Attacked, budget: float, notes: list[str]) -> list[Measure]:
    n, right = len(attacked.rows), int(attacked.right.sum())
    standing, flipped = attacked.standing(budget), int(attacked.within(budget).sum())
    found = []
    if attacked.goal.subject.task != "regression":
        found = [
            Measure("accuracy_clean_sample", right / n, wilson(right, n), n=n, better="higher"),
            Measure("robust_accuracy", standing / n, wilson(standing, n), n=n, better="higher"),
        ]
    if not right:
        notes.append("The model decides no row of the sample rightly: there is nothing to attack.")
        return found
    found.append(Measure("evasion_success_rate", flipped / right, wilson(flipped, right), n=right, better="lower"))
    costs = np.sort(attacked.cost[attacked.right])
    median, ci = median_with_interval(costs)
    if median is None:
        notes.append(
            f"{int(np.isfinite(costs).sum())} of {right} right decisions were flipped at any budget: no median cost."
        )
    found.append(Measure("median_cost", median, ci, n=right, unit="share of range", better="higher"))
    return found


def flips_table(subject: Subject, attacked: Attacked) -> Table:
    """The cheapest flips of right decisions, in original units."""
    found = np.flatnonzero(attacked.right & np.isfinite(attacked.cost))
    space, points = attacked.space.only(found), attacked.points[found]
    after = subject.predict(space.decode(points, np.arange(len(found))))
    return cheapest_flips(
        space,
        points,
        attacked.cost[found],
        row_numbers=[int(row) for row in attacked.rows[found]],
        before=[decision_text(subject, answer) for answer in subject.predicted[attacked.rows[found]]],
        after=[decision_text(subject, answer) for answer in after],
    )
