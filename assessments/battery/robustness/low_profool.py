"""Can the decision be turned by changing columns that an expert would not look at?

LowProFool (Ballet et al. 2019, arXiv 1911.03274) charges each column's change by how strongly it is correlated with
the outcome, so that what it finds hides in the others.

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
    title="LowProFool",
    needs=Needs(tasks=("binary", "multiclass")),
    params=[
        *usual(100, quick=40, thorough=200, seconds=60.0),
        Param("iterations", 60, "Steps", thorough=120, minimum=1, maximum=1000),
        Param("eta", 0.1, "Length of the first step", minimum=0.0001, maximum=10.0),
    ],
    metrics=METRICS,
    controls=CONTROLS,
    charts=CHARTS,
    plans=("thorough",),
)
def run(subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Progress) -> Outcome:
    return attack_with_art(subject, params, rng, progress, name="LowProFool", make=maker(params), gradient=True)


def maker(params: dict[str, Any]) -> Make:
    """ART's attack with these parameters, one row at a time."""
    attack = art("attacks.evasion").LowProFool

    def make(step: Step) -> Any:
        model = sloped(step.ask, step.width, step.classes, "probabilities")
        made = attack(
            model,
            n_steps=params["iterations"],
            threshold=None,
            lambd=0.5,
            eta=params["eta"],
            eta_decay=0.98,
            importance=step.importance,
            verbose=False,
        )
        return made.generate(step.origin, step.target)

    return make
