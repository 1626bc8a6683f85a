"""What an attack leaves behind for the reader: its curve and its cheapest flips."""

from typing import Any

import numpy as np

from assessments.battery.robustness._lockstep import Floats
from assessments.battery.robustness._space import Space
from assessments.battery.spec import Chart, Table
from assessments.battery.stats import wilson

EXAMPLES = 5


def under_attack_chart(budgets: Floats, standing: Floats, surviving: Floats, rows: int, budget: float) -> Chart:
    """standing and surviving (budgets,): the share still decided rightly under attack and under random noise."""
    series = []
    for name, shares in (("HopSkipJump", standing), ("Random noise", surviving)):
        low, high = zip(*(wilson(share * rows, rows) or (0.0, 1.0) for share in shares), strict=True)
        series.append(
            {
                "name": name,
                "budget": [float(b) for b in budgets],
                "accuracy": [float(share) for share in shares],
                "low": list(low),
                "high": list(high),
            }
        )
    at = int(np.argmin(np.abs(budgets - budget)))
    said = (
        f"{100 * standing[0]:.3g} % of {rows} cases are decided rightly; within a budget of {100 * budgets[at]:.3g} % "
        f"of each range {100 * standing[at]:.3g} % withstand the attack and {100 * surviving[at]:.3g} % random noise."
    )
    return Chart(
        id="accuracy_under_attack",
        title="Accuracy under attack",
        caption=said,
        alt=f"Falling curves of accuracy against the attack budget, with 95 % intervals. {said}",
        data={
            "kind": "accuracy_under_attack",
            "budget_label": "Attack budget (share of feature range)",
            "series": series,
        },
    )


def cheapest_flips(
    space: Space, points: Floats, cost: Floats, row_numbers: list[int], before: list[str], after: list[str]
) -> Table:
    """The EXAMPLES cheapest flips: what was changed, in original units. All arguments hold one entry a flip."""
    order = np.argsort(cost, kind="stable")[:EXAMPLES]
    values = space.values(points, np.arange(len(points)))
    rows: list[list[Any]] = []
    for index in order:
        changes = [
            f"{name}: {_shown(space.own[index, k], space.integer[k])} → {_shown(values[index, k], space.integer[k])}"
            for k, name in enumerate(space.names)
            if not space.missing[index, k] and values[index, k] != space.own[index, k]
        ]
        rows.append([row_numbers[index], before[index], after[index], "; ".join(changes), float(cost[index])])
    headings = ["Row", "Decided", "After the change", "Change", "Largest change, share of range"]
    return Table("cheapest_flips", "The cheapest changes that flip a right decision", headings, rows)


def _shown(value: float, integer: bool) -> str:
    return f"{value:.0f}" if integer else f"{value:.6g}"
