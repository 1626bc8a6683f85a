"""How far is the nearest boundary, if the model were linear around each case?

DeepFool (Moosavi-Dezfooli, Fawzi, Frossard 2016, arXiv 1511.04599) steps onto the nearest boundary of the model as its
gradients draw it, again and again until the decision turns: small changes, in the sense of L2.

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
    title="DeepFool",
    needs=Needs(tasks=("binary", "multiclass")),
    params=[
        *usual(100, quick=40, thorough=200, seconds=60.0),
        Param("iterations", 50, "Steps", minimum=1, maximum=1000),
    ],
    metrics=METRICS,
    controls=CONTROLS,
    charts=CHARTS,
    plans=("standard", "thorough"),
)
def run(subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Progress) -> Outcome:
    return attack_with_art(subject, params, rng, progress, name="DeepFool", make=maker(params), gradient=True)


def maker(params: dict[str, Any]) -> Make:
    """ART's attack with these parameters, one row at a time."""
    attack = art("attacks.evasion").DeepFool

    def make(step: Step) -> Any:
        model = sloped(step.ask, step.width, step.classes, "logits")
        made = attack(model, max_iter=params["iterations"], nb_grads=step.classes, epsilon=1e-3, verbose=False)
        return made.generate(step.origin)

    return make
