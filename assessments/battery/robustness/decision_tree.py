"""Does the tree itself tell which small changes turn its decisions?

The decision tree attack (Papernot, McDaniel, Goodfellow 2016, arXiv 1605.07277) reads the tree: from a case's leaf it
goes up to the nearest fork behind which another decision lies, and moves the columns that lead there just over their
thresholds. It applies to single decision trees, alone or behind scaling and coding; it finds a change, not the
smallest one (see the certificate for that).

Only real changes count: numbers that a person could change, within their bounds, whole where they are whole;
categories swapped for others of the data. What the attack returns is judged twice: as returned (raw_success_rate, and
how much of it could exist, valid_as_returned), and after it was brought to the nearest rows that could exist, each
asked of the model itself again (feasible_success_rate; within the budget: evasion_success_rate). The budget is the
largest move of a number as a share of its range, with so many categories swapped at most. Random changes of the same
size are the baseline.

What to do: where few decisions withstand, look at the cheapest flips: is the change one that a person would make to get
another answer? If so, check those columns against their source before deciding, retrain with such rows in the training
data, or send cases near the threshold to a person.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.robustness._affine import Affine, NotAffine
from assessments.battery.robustness._arsenal import (
    CHARTS,
    CONTROLS,
    Make,
    Progress,
    Step,
    notes_of,
    outcome_of,
    strike,
    usual,
)
from assessments.battery.robustness._art import art
from assessments.battery.robustness._judging import METRICS, Judged, judged
from assessments.battery.robustness._lockstep import Rows
from assessments.battery.robustness._microbatch import Answer, Served
from assessments.battery.robustness._target import Target
from assessments.battery.spec import Needs, NotApplicable, Outcome, battery_test
from assessments.battery.subject import Subject


@battery_test(
    title="Decision tree attack",
    needs=Needs(tasks=("binary", "multiclass")),
    params=usual(200, quick=60, thorough=500),
    metrics=METRICS,
    controls=CONTROLS,
    charts=CHARTS,
    plans=("standard", "thorough"),
)
def run(subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Progress) -> Outcome:
    target = Target.of_sample(subject, params, rng)
    found, served = walked(target, params, rng, progress)
    notes = [target.goal.describe, *notes_of(served, target, found)[1:]]
    return outcome_of(found, params, rng, notes, name="Decision tree attack")


def walked(
    target: Target, params: dict[str, Any], rng: np.random.Generator, progress: Progress
) -> tuple[Judged, Served]:
    """What the attack found on the target, judged. Raises NotApplicable."""
    make, tree = tree_walk(target, rng)
    points, served = strike(target, {}, make, params, rng, progress, gradient=False)
    return judged(target, points, served.finished, params["swaps"], tree), served


def tree_walk(target: Target, rng: np.random.Generator) -> tuple[Make, Answer]:
    """What makes a row's adversarial point, found in the tree's own columns, and what the tree says of such points.

    Raises NotApplicable.
    """
    from sklearn.tree import DecisionTreeClassifier

    try:
        affine = Affine.of(target.subject, target.encoding, rng)
    except NotAffine as error:
        raise NotApplicable(f"This attack reads a tree's thresholds in the columns of the data: {error}.") from error
    if not isinstance(affine.final, DecisionTreeClassifier):
        name = type(affine.final).__name__
        raise NotApplicable(f"This attack reads a single decision tree; this model is of the class {name}.")
    wrapped = art("estimators.classification.scikitlearn").ScikitlearnDecisionTreeClassifier(affine.final)
    attack = art("attacks.evasion").DecisionTreeAttack(wrapped, offset=0.001, verbose=False)
    order = getattr(target.subject.answers, "class_of_label")  # noqa: B009 - a classifier's, see Needs
    back = np.linalg.pinv(affine.slopes)

    def make(step: Step) -> Any:
        row = np.array([step.row])
        given = affine.inputs(step.origin.astype(float), row)
        moved = attack.generate(given) - given
        return step.origin + moved @ back

    def shares(points: NDArray[Any], rows: Rows) -> NDArray[Any]:
        given = affine.inputs(points, rows).astype(np.float32)
        return np.asarray(affine.final.tree_.predict(given).reshape(len(points), -1)[:, order])

    return make, shares
