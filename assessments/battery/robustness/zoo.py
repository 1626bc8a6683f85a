"""Do gradients that are only felt, by asking for scores on both sides, lead to the boundary?

ZOO, zeroth order optimisation (Chen et al. 2017, arXiv 1708.03999), minimises Carlini and Wagner's loss with
derivatives estimated one coordinate at a time from the model's scores. Models of steps, such as trees, give it flat
scores.

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
from assessments.battery.robustness._art import art, scores
from assessments.battery.robustness._judging import METRICS
from assessments.battery.spec import Needs, Outcome, Param, battery_test
from assessments.battery.subject import Subject


@battery_test(
    title="Zeroth order optimisation attack (ZOO)",
    needs=Needs(tasks=TASKS),
    params=[
        *usual(50, quick=20, thorough=100, seconds=60.0),
        Param("iterations", 40, "Steps for each constant", thorough=80, minimum=1, maximum=10_000),
        Param("searches", 5, "Constants tried", thorough=8, minimum=1, maximum=50),
    ],
    metrics=METRICS,
    controls=CONTROLS,
    charts=CHARTS,
    plans=("thorough",),
)
def run(subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Progress) -> Outcome:
    return attack_with_art(subject, params, rng, progress, name="ZOO", make=maker(params), scores=True)


def maker(params: dict[str, Any]) -> Make:
    """ART's attack with these parameters, one row at a time."""
    attack = art("attacks.evasion").ZooAttack

    def make(step: Step) -> Any:
        made = attack(
            scores(step.ask, step.width),
            confidence=0.0,
            targeted=False,
            learning_rate=0.1,
            max_iter=params["iterations"],
            binary_search_steps=params["searches"],
            initial_const=0.1,
            abort_early=True,
            use_resize=False,
            use_importance=False,
            nb_parallel=min(8, step.width),
            batch_size=1,
            variable_h=0.1,
            verbose=False,
        )
        return made.generate(step.origin, np.eye(2)[[0]])

    return make
