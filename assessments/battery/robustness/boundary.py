"""Does a walk along the boundary come close to the cases?

The boundary attack (Brendel, Rauber, Bethge 2018, arXiv 1712.04248) knows nothing but decisions. It starts anywhere
that flips and walks at random towards the case, staying on the side that flips: slow, and an independent check of
HopSkipJump.

Only real changes count: numbers that a person could change, within their bounds, whole where they are whole;
categories swapped for others of the data. What the attack returns is judged twice: as returned (raw_success_rate, and
how much of it could exist, valid_as_returned), and after it was brought to the nearest rows that could exist, each
asked of the model itself again (feasible_success_rate; within the budget: evasion_success_rate). The budget is the
largest move of a number as a share of its range, with so many categories swapped at most. Random changes of the same
size are the baseline. An attack gives an upper bound of robustness; a stronger attack may find more.

What to do: where few decisions withstand, look at the cheapest flips: is the change one that a person would make to get
another answer? If so, check those columns against their source before deciding, retrain with such rows in the training
data, or send cases near the threshold to a person.
"""

from typing import Any

import numpy as np

from assessments.battery.robustness._arsenal import (
    CHARTS,
    CONTROLS,
    TASKS,
    Make,
    Progress,
    Step,
    attack_with_art,
    usual,
)
from assessments.battery.robustness._art import art, decisions
from assessments.battery.robustness._judging import METRICS
from assessments.battery.spec import Needs, Outcome, Param, battery_test
from assessments.battery.subject import Subject


@battery_test(
    title="Boundary attack",
    needs=Needs(tasks=TASKS),
    params=[
        *usual(50, quick=20, thorough=100, seconds=120.0),
        Param("iterations", 60, "Steps of the walk", thorough=150, minimum=1, maximum=10_000),
    ],
    metrics=METRICS,
    controls=CONTROLS,
    charts=CHARTS,
    plans=("thorough",),
)
def run(subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Progress) -> Outcome:
    return attack_with_art(subject, params, rng, progress, name="Boundary", make=maker(params))


def maker(params: dict[str, Any]) -> Make:
    """ART's attack with these parameters, one row at a time."""
    attack = art("attacks.evasion").BoundaryAttack

    def make(step: Step) -> Any:
        model = decisions(step.ask, step.width)
        made = attack(
            model,
            targeted=False,
            max_iter=params["iterations"],
            num_trial=10,
            sample_size=10,
            init_size=100,
            verbose=False,
        )
        return made.generate(step.origin, np.eye(2)[[0]])

    return make
