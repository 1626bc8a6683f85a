"""What an attack leaves behind for the reader: its curve and its cheapest flips."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from assessments.battery.coder import Codes
from assessments.battery.robustness._lockstep import Floats
from assessments.battery.robustness._space import Space
from assessments.battery.spec import Chart, Table
from assessments.battery.stats import wilson
from assessments.battery.subject import Subject

EXAMPLES = 5


def under_attack_chart(
    budgets: Floats,
    shares: Mapping[str, Floats],
    rows: int,
    budget: float,
    *,
    regression: bool = False,
    attack: str = "",
) -> Chart:
    """shares: for each attack, and for random noise as the last, the share (budgets,) of rows that stay right.

    attack: whose own chart it is; empty for the one that stands for all.
    """
    series: list[dict[str, Any]] = []
    for name, kept in shares.items():
        low, high = zip(*(wilson(share * rows, rows) or (0.0, 1.0) for share in kept), strict=True)
        series.append(
            {
                "name": name,
                "budget": [float(b) for b in budgets],
                "accuracy": [float(share) for share in kept],
                "low": list(low),
                "high": list(high),
                "baseline": len(series) == len(shares) - 1,
            }
        )
    at = int(np.argmin(np.abs(budgets - budget)))
    *attacks, noise = shares.values()
    worst = np.minimum.reduce(attacks)
    what = "predictions that stay" if regression else "accuracy"
    first = f"{100 * worst[0]:.3g} % of {rows} cases are decided rightly; within" if not regression else "Within"
    of = f" of {rows} predictions stay" if regression else " withstand the attack"
    said = (
        f"{first} a budget of {100 * budgets[at]:.3g} % of each range {100 * worst[at]:.3g} %{of} "
        f"and {100 * noise[at]:.3g} % random noise."
    )
    title = "Predictions under attack" if regression else "Accuracy under attack"
    return Chart(
        id=f"accuracy_under_{re.sub(r'[^a-z0-9]+', '_', attack.lower())}" if attack else "accuracy_under_attack",
        title=f"{title}: {attack}" if attack else title,
        caption=said,
        alt=f"Falling curves of {what} against the attack budget, with 95 % intervals. {said}",
        data={
            "kind": "accuracy_under_attack",
            "budget_label": "Attack budget (share of feature range)",
            "y_label": "Predictions that stay" if regression else "Accuracy under attack",
            "judged_at": float(budgets[at]),
            "series": series,
        },
    )


def changed_rows(subject: Subject, before: Codes, after: Codes, cost: Floats, row_numbers: Sequence[int]) -> Table:
    """The EXAMPLES cheapest changes that turn a decision, in original units; all arguments hold one entry a row."""
    order = np.argsort(cost, kind="stable")[:EXAMPLES]
    tables = [subject.coder.decode(codes[order]) for codes in (before, after)]
    answers = [subject.predict(table) for table in tables]
    rows: list[list[Any]] = []
    for place, at in enumerate(order):
        changes = [
            f"{name}: {_plain(old)} → {_plain(new)}"
            for name, old, new in zip(tables[0], tables[0].iloc[place], tables[1].iloc[place], strict=True)
            if before[at, tables[0].columns.get_loc(name)] != after[at, tables[0].columns.get_loc(name)]
            and not (pd.isna(old) and pd.isna(new))
        ]
        decided = [decision_text(subject, answer[place]) for answer in answers]
        rows.append([int(row_numbers[at]), *decided, "; ".join(changes), float(cost[at])])
    headings = ["Row", "Decided", "After the change", "Change", "Largest move of a number, share of range"]
    return Table("cheapest_flips", "The cheapest changes that turn a decision", headings, rows)


def decision_text(subject: Subject, answer: Any) -> str:
    """The label, or the predicted number."""
    return f"{answer:.6g}" if subject.task == "regression" else subject.labels[int(answer)]


def _plain(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    return str(value)


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
