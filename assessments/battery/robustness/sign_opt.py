"""Does a search for the direction with the nearest boundary come close to the cases?

Sign-OPT (Cheng et al. 2020, arXiv 1909.10773) knows nothing but decisions: it estimates, from the sign of the change
of the distance alone, how to turn a direction so that the boundary comes nearer.

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
    title="Sign-OPT attack",
    needs=Needs(tasks=TASKS),
    params=[
        *usual(30, quick=10, thorough=60, seconds=120.0),
        Param("trials", 20, "Directions tried at first", minimum=1, maximum=1000),
        Param("iterations", 20, "Steps", thorough=40, minimum=1, maximum=10_000),
        Param("queries", 2000, "Questions a row", thorough=4000, minimum=100, maximum=1_000_000),
    ],
    metrics=METRICS,
    controls=CONTROLS,
    charts=CHARTS,
    plans=("thorough",),
)
def run(subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Progress) -> Outcome:
    return attack_with_art(subject, params, rng, progress, name="Sign-OPT", make=maker(params))


def maker(params: dict[str, Any]) -> Make:
    """ART's attack with these parameters, one row at a time."""
    attack = art("attacks.evasion").SignOPTAttack

    def make(step: Step) -> Any:
        model = decisions(step.ask, step.width, classes=3)  # ART refuses two
        made = attack(
            model,
            targeted=False,
            num_trial=params["trials"],
            max_iter=params["iterations"],
            query_limit=params["queries"],
            k=20,
            verbose=False,
        )
        return made.generate(step.origin, np.eye(3)[[0]])

    return make
