"""Does a random search with big steps turn right decisions within the budget?

Square attack (Andriushchenko, Croce, Flammarion, Hein 2020, arXiv 1912.00049), made for tables: again and again a
random part of the columns goes to the ends of its budget, numbers by a share of their range, categories to another
value, and what brings the model's score nearer to another decision is kept. It asks for scores and needs no gradient,
so that models which hide theirs are attacked too. Every row that is asked about could exist: only what a person could
change moves, within bounds, whole numbers in whole steps. Smaller budgets come first; what they do not turn is tried
with larger ones, and what was found is made as small as it can be.

evasion_success_rate: turned within the budget; feasible_success_rate: at any size tried, up to the whole range. Each
flip is asked of the model itself again. Random changes of the same size are the baseline. An attack gives an upper
bound of robustness; a stronger attack may find more.

What to do: where few decisions withstand, look at the cheapest flips: is the change one that a person would make to get
another answer? If so, check those columns against their source before deciding, retrain with such rows in the training
data, or send cases near the threshold to a person.
"""

import time
from dataclasses import replace
from typing import Any

import numpy as np

from assessments.battery.robustness._arsenal import (
    CHARTS,
    CONTROLS,
    TASKS,
    Progress,
    notes_on_columns,
    outcome_of,
    usual,
)
from assessments.battery.robustness._judging import METRICS, Judged, nothing_yet
from assessments.battery.robustness._square import Search, shrunk
from assessments.battery.robustness._target import Target
from assessments.battery.spec import Needs, Outcome, Param, battery_test
from assessments.battery.subject import Subject

ASKED_OF_OTHERS = ("raw_success_rate", "valid_as_returned")  # all that this attack makes could exist


@battery_test(
    title="Square attack",
    needs=Needs(tasks=TASKS),
    params=[
        *usual(200, quick=60, thorough=500),
        Param("iterations", 40, "Trials for each budget", quick=20, thorough=150, minimum=1, maximum=10_000),
    ],
    metrics=[metric for metric in METRICS if metric.id not in ASKED_OF_OTHERS],
    controls=CONTROLS,
    charts=CHARTS,
)
def run(subject: Subject, params: dict[str, Any], rng: np.random.Generator, progress: Progress) -> Outcome:
    target = Target.of_sample(subject, params, rng)
    found, over = search(target, params, rng, progress)
    notes = [target.goal.describe, *notes_on_columns(target)]
    if over:
        notes.append(f"Incomplete: the time was over after {int(found.tried.sum())} of {len(found.tried)} rows.")
    return outcome_of(found, params, rng, notes, name="Square", native=True)


def search(target: Target, params: dict[str, Any], rng: np.random.Generator, progress: Progress) -> tuple[Judged, bool]:
    """What the attack finds, and whether it ran out of time: then the rows it had not turned are left out."""
    ends = time.monotonic() + params["seconds"]
    attack = Search(target, params["swaps"], rng)
    budgets = sorted({*(params["budget"] * share for share in (0.1, 0.3, 1.0)), 0.3, 1.0})
    attack.run([b for b in budgets if b > 0], params["iterations"], lambda: time.monotonic() > ends, progress)
    over = bool(time.monotonic() > ends and not attack.done.all())
    rows = np.flatnonzero(attack.done)
    found = replace(
        nothing_yet(target, params["swaps"]), tried=attack.done | ~np.full(len(attack.done), over), raw=attack.done
    )
    return found.offered(shrunk(target, attack.codes[rows], rows), rows), over
