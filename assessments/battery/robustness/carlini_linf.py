"""How small a largest change does an optimiser need to turn right decisions?

Carlini and Wagner (2017, arXiv 1608.04644), in the sense of L∞: changes above a bound are charged, and the bound is
lowered as long as the decision still turns.

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
    title="Carlini-Wagner attack, L∞",
    needs=Needs(tasks=("binary", "multiclass")),
    params=[
        *usual(60, quick=20, thorough=100, seconds=60.0),
        Param("iterations", 15, "Steps for each bound and constant", thorough=30, minimum=1, maximum=1000),
    ],
    metrics=METRICS,
    controls=CONTROLS,
    charts=CHARTS,
    plans=("thorough",),
)
def run(subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Progress) -> Outcome:
    return attack_with_art(subject, params, rng, progress, name="Carlini-Wagner L∞", make=maker(params), gradient=True)


def maker(params: dict[str, Any]) -> Make:
    """ART's attack with these parameters, one row at a time."""
    attack = art("attacks.evasion").CarliniLInfMethod

    def make(step: Step) -> Any:
        model = sloped(step.ask, step.width, step.classes, "logits")
        made = attack(
            model,
            max_iter=params["iterations"],
            learning_rate=0.05,
            initial_const=0.1,
            largest_const=20.0,
            const_factor=4.0,
            decrease_factor=0.7,
            batch_size=1,
            verbose=False,
        )
        return made.generate(step.origin, step.own)

    return make
