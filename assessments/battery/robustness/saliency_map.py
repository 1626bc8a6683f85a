"""Does it take a few columns, raised as far as they go, to turn right decisions?

The Jacobian saliency map attack JSMA (Papernot et al. 2016, arXiv 1511.07528) picks, two at a time, the columns whose
growth speaks most for the other decision and least for the present one. It raises values only.

Only real changes count: numbers that a person could change, within their bounds, whole where they are whole;
categories swapped for others of the data. What the attack returns is judged twice: as returned (raw_success_rate, and
how much of it could exist, valid_as_returned), and after it was brought to the nearest rows that could exist, each
asked of the model itself again (feasible_success_rate; within the budget: evasion_success_rate). The budget is the
largest move of a number as a share of its range, with so many categories swapped at most. Random changes of the same
size are the baseline. It follows the gradient, so it applies to models that show one: linear models, support vectors,
multi-layer perceptrons, Gaussian naive Bayes. Where it finds nothing a stronger attack may; for any other model it is
not applicable, not passed.

What to do: where few decisions withstand, look at the cheapest flips: is the change one that a person would make to get
another answer? If so, check those columns against their source before deciding, retrain with such rows in the training
data, or send cases near the threshold to a person.
"""

from typing import Any

import numpy as np

from assessments.battery.robustness._arsenal import CHARTS, CONTROLS, Make, Progress, Step, attack_with_art, usual
from assessments.battery.robustness._art import art, sloped
from assessments.battery.robustness._judging import METRICS
from assessments.battery.spec import Needs, Outcome, Param, battery_test
from assessments.battery.subject import Subject


@battery_test(
    title="Jacobian saliency map attack (JSMA)",
    needs=Needs(tasks=("binary", "multiclass")),
    params=[
        *usual(100, quick=40, thorough=200, seconds=60.0),
        Param("theta", 0.1, "Move of a column, share of its range", minimum=0.001, maximum=1.0),
        Param("gamma", 1.0, "Share of coordinates that may be moved", minimum=0.01, maximum=1.0),
    ],
    metrics=METRICS,
    controls=CONTROLS,
    charts=CHARTS,
    plans=("thorough",),
)
def run(subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Progress) -> Outcome:
    return attack_with_art(subject, params, rng, progress, name="Saliency map", make=maker(params), gradient=True)


def maker(params: dict[str, Any]) -> Make:
    """ART's attack with these parameters, one row at a time."""
    attack = art("attacks.evasion").SaliencyMapMethod

    def make(step: Step) -> Any:
        model = sloped(step.ask, step.width, step.classes, "probabilities")
        if step.width < 2:  # it moves two coordinates at a time
            return step.origin
        return attack(model, theta=params["theta"], gamma=params["gamma"], verbose=False).generate(
            step.origin, step.target
        )

    return make
