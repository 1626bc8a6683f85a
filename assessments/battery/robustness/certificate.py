"""Up to what size of change is it proved that decisions stay, and how far is that from what an attack finds?

An attack shows changes that turn a decision, and so that robustness is no better; that it finds none proves nothing.
For linear models and for trees the opposite can be proved: no change of the numbers smaller than a case's certified
radius turns its decision. For a linear model the radius is the distance to the plane, for one tree it is read off the
leaves: both exact. For forests and boosted trees it is a lower bound (Chen, Zhang, Boning, Hsieh 2019, arXiv
1906.03849): groups of trees are taken at the worst that a case can reach with them together. Size is the largest move
of any number as a share of its range. Only numbers that a person could change move, within their bounds and direction,
whole ones in whole steps; categories keep their values, so that nothing is said of swapping them.

certified_accuracy: right and proved to stay within the budget / sample. robust_accuracy: right and not turned within
the budget by HopSkipJump or the square attack on the same numbers / sample: the truth lies between the two.
median_certified_linf: the radius that half of the right cases have. certificate_gap: the median, over cases that the
attack turned, of what it needed less what is proved. It is not applicable to other models, and says nothing against
them.

What to do: a wide gap between what is proved and what is attacked says that we do not know: take the lower number.
Where even that is low at small changes, read the attacks for what an applicant could use.
"""

import time
from typing import Any

import numpy as np

from assessments.battery.robustness._arsenal import CONTROLS, Progress, notes_on_columns
from assessments.battery.robustness._certificate import Certificate, certify
from assessments.battery.robustness._cheap import hop_skip_jump
from assessments.battery.robustness._judging import Judged
from assessments.battery.robustness._sample import median_with_interval
from assessments.battery.robustness._target import Target
from assessments.battery.robustness.square import search
from assessments.battery.spec import Chart, Measure, Metric, NotApplicable, Outcome, Param, battery_test
from assessments.battery.stats import wilson
from assessments.battery.subject import Subject


@battery_test(
    title="Certified robustness",
    params=[
        Param("rows", 40, "Rows certified", quick=15, thorough=200, minimum=10, maximum=100_000),
        Param(
            "budget", 0.05, "Budget that the verdict is about, a share of the feature range", minimum=0.0, maximum=1.0
        ),
        Param("clique", 3, "Trees taken together", quick=2, thorough=5, minimum=1, maximum=20),
        Param("nodes", 1000, "Nodes visited for a group of trees", quick=300, thorough=50_000, minimum=10),
        Param("iterations", 8, "Iterations of HopSkipJump", thorough=16, minimum=1, maximum=200),
        Param("evaluations", 30, "Noisy copies a row in its first iteration", thorough=60, minimum=4),
        Param("seconds", 60.0, "Seconds after which radii are left as they are", thorough=300.0, minimum=1.0),
    ],
    metrics=[
        Metric("certified_accuracy", "Accuracy proved to stay within the budget", better="higher"),
        Metric("robust_accuracy", "Accuracy under attack within the budget", better="higher"),
        Metric("median_certified_linf", "Certified radius, median", better="higher", unit="share of range"),
        Metric("certificate_gap", "What the attack needed less what is proved, median", unit="share of range"),
    ],
    controls=CONTROLS,
    charts=["certified_accuracy"],
)
def run(subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Progress) -> Outcome:
    target = Target.of_sample(subject, params, rng)
    if not len(target.encoding.columns):
        raise NotApplicable("No numeric column that a person could change: there is no distance to certify.")
    ends = time.monotonic() + params["seconds"]

    def over() -> bool:
        return bool(time.monotonic() > ends)

    proved = certify(target, rng, clique=params["clique"], most=params["nodes"], over=over)
    progress(1, 2)
    found = attacked(target, params, rng)
    notes = [
        f"The certificate is {proved.method}, {'exact' if proved.exact else 'a lower bound'}.",
        *notes_on_columns(target),
    ]
    if over():
        notes.append("Incomplete: the time was over before all radii were as large as they can be proved to be.")
    return Outcome(
        measures_of(target, proved, found, params["budget"]), [gap(target, proved, found, params["budget"])], [], notes
    )


def attacked(target: Target, params: dict[str, Any], rng: np.random.Generator) -> Judged:
    """The smallest changes of numbers alone that the cheap attacks find."""
    found = hop_skip_jump(target, {**params, "swaps": 0}, rng)
    if target.goal.has_margin:
        asked = {"budget": params["budget"], "swaps": 0, "seconds": params["seconds"], "iterations": 20}
        other, _ = search(target, asked, rng, lambda done, of: None)
        rows = np.flatnonzero(other.feasible)
        found = found.offered(other.codes[rows], rows)
    return found


def measures_of(target: Target, proved: Certificate, found: Judged, budget: float) -> list[Measure]:
    n, right = len(target.rows), len(target.of)
    safe = int((proved.radius >= budget).sum())
    standing = right - int(found.within(budget, 0).sum())
    measures = [
        Measure("certified_accuracy", safe / n, wilson(safe, n), n=n, better="higher"),
        Measure("robust_accuracy", standing / n, wilson(standing, n), n=n, better="higher"),
    ]
    if right:
        median, ci = median_with_interval(np.sort(proved.radius))
        unit = "share of range"
        measures.append(Measure("median_certified_linf", median, ci, n=right, unit=unit, better="higher"))
    if turned := int(found.feasible.sum()):
        apart = np.sort(found.cost[found.feasible] - proved.radius[found.feasible])
        median, ci = median_with_interval(apart)
        measures.append(Measure("certificate_gap", median, ci, n=turned, unit="share of range"))
    return measures


def gap(target: Target, proved: Certificate, found: Judged, budget: float) -> Chart:
    """Two curves that enclose the accuracy under the worst change of each size."""
    n = len(target.rows)
    known = np.concatenate([found.cost, proved.radius])
    furthest = max(
        budget, 1.5 * float(np.quantile(known[np.isfinite(known)], 0.9, method="lower")) if len(known) else 0
    )
    sizes = np.unique(np.append(np.linspace(0.0, min(1.0, furthest), 25), budget))
    curves = {
        "Not turned by attack": np.array([(~found.within(size, 0)).sum() for size in sizes]) / n,
        "Certified": np.array([(proved.radius >= size).sum() for size in sizes]) / n,
    }
    series = []
    for name, shares in curves.items():
        low, high = zip(*(wilson(share * n, n) or (0.0, 1.0) for share in shares), strict=True)
        budgets = sizes.tolist()
        series.append({"name": name, "budget": budgets, "accuracy": shares.tolist(), "low": [*low], "high": [*high]})
    at = int(np.argmin(np.abs(sizes - budget)))
    under, above = curves["Certified"][at], curves["Not turned by attack"][at]
    said = (
        f"Within {100 * budget:.3g} % of each range {100 * under:.3g} % of {n} cases are proved to stay right and "
        f"{100 * above:.3g} % are not turned by the attack: the accuracy under the worst change lies between."
    )
    return Chart(
        id="certified_accuracy",
        title="Certified and attacked accuracy",
        caption=said,
        alt=f"Two falling curves of accuracy against the size of change, with 95 % intervals. {said}",
        data={
            "kind": "accuracy_under_attack",
            "budget_label": "Size of change (share of feature range)",
            "y_label": "Accuracy",
            "series": series,
        },
    )
