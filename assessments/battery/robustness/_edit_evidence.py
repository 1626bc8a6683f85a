"""The charts and the table of a search for feasible changes."""

from typing import Any

import numpy as np

from assessments.battery.robustness._edit_measures import Group, quantile_with_interval
from assessments.battery.robustness._editing import Edited
from assessments.battery.robustness._moves import Floats, Rows
from assessments.battery.robustness._sentences import changes_of, sentence
from assessments.battery.spec import Chart, Table
from assessments.battery.stats import wilson

EXAMPLES = 6
FEWEST_SHOWN, MOST_SHOWN = 3, 6  # columns changed
Shares = dict[str, Floats]


def series_of(shares: Shares, budgets: Floats, rows: int) -> list[dict[str, Any]]:
    """Curves with Wilson's intervals. shares: (budgets,) by the name of the curve; the last is the baseline."""
    found: list[dict[str, Any]] = []
    for name, values in shares.items():
        low, high = zip(*(wilson(value * rows, rows) or (0.0, 1.0) for value in values), strict=True)
        found.append(
            {
                "name": name,
                "budget": [float(budget) for budget in budgets],
                "accuracy": [float(value) for value in values],
                "low": list(low),
                "high": list(high),
                "baseline": len(found) == len(shares) - 1,
            }
        )
    return found


def under_attack(shares: Shares, budgets: Floats, rows: int, said: str, y_label: str, budget: float) -> Chart:
    """budget: the one that the measures are about."""
    return Chart(
        id="accuracy_under_feasible_edits",
        title="Accuracy under feasible edits",
        caption=said,
        alt=f"Falling curves against the price of the changes, with 95 % intervals. {said}",
        data={
            "kind": "accuracy_under_attack",
            "budget_label": "Price of the changes (share of feature range)",
            "y_label": y_label,
            "judged_at": budget,
            "series": series_of(shares, budgets, rows),
        },
    )


def cost_chart(id: str, title: str, costs: Shares, what: str) -> Chart:
    """How many rows reach the goal for how much: one step curve each. costs: (n,) by name, infinite where none."""
    series: list[dict[str, Any]] = []
    for name, cost in costs.items():
        value, ci = quantile_with_interval(cost)
        known = np.sort(cost[np.isfinite(cost)])
        points, counts = np.unique(known, return_counts=True)
        series.append(
            {
                "name": name,
                "cost": [0.0, *(float(point) for point in points)],
                "share": [0.0, *(float(done) for done in np.cumsum(counts) / max(len(cost), 1))],
                "median": value,
                "low": ci[0] if ci else None,
                "high": ci[1] if ci else None,
            }
        )
    first = series[0]
    reached = first["share"][-1]
    said = f"{100 * reached:.3g} % of {len(next(iter(costs.values())))} {what} at some price"
    said += f", half of them within {first['median']:.3g}." if first["median"] is not None else "."
    return Chart(
        id=id,
        title=title,
        caption=said,
        alt=f"Rising step curves of the share of rows against the price of the cheapest change. {said}",
        data={
            "kind": "cost_ecdf",
            "cost_label": "Price of the cheapest change (share of feature range)",
            "share_label": f"Share of {what.split(' can ')[0].split(' flip')[0]}",
            "series": series,
        },
    )


def edits_chart(id: str, title: str, edits: Shares, what: str) -> Chart:
    """The share that reaches the goal by changing at most k columns. edits: (n,) by name, infinite where none."""
    series: list[dict[str, Any]] = []
    needed = max([float(fewest[np.isfinite(fewest)].max(initial=0)) for fewest in edits.values()])
    most = int(min(max(needed, FEWEST_SHOWN), MOST_SHOWN))  # no bars that repeat the last one
    for name, fewest in edits.items():
        counts = [int((fewest <= k).sum()) for k in range(1, most + 1)]
        limits = [wilson(count, len(fewest)) or (0.0, 1.0) for count in counts]
        series.append(
            {
                "name": name,
                "edits": list(range(1, most + 1)),
                "share": [count / max(len(fewest), 1) for count in counts],
                "low": [low for low, _ in limits],
                "high": [high for _, high in limits],
            }
        )
    share = series[0]["share"]
    said = f"Changing one column is enough for {100 * share[0]:.3g} % of the {what}, two for {100 * share[1]:.3g} %."
    return Chart(
        id=id,
        title=title,
        caption=said,
        alt=f"Bars of the share of rows by the number of columns changed, with 95 % intervals. {said}",
        data={"kind": "success_by_edits", "series": series},
    )


def group_chart(id: str, title: str, groups: list[Group], costs: Floats, what: str) -> Chart:
    """Median cost of each group with its interval, the middle half, and the share that reaches the goal at all."""
    rows: list[dict[str, Any]] = []
    for group in groups:
        mine = costs[group.rows]
        value, ci = quantile_with_interval(mine)
        lower, upper = (quantile_with_interval(mine, q)[0] for q in (0.25, 0.75))
        rows.append(
            {
                "name": group.name,
                "n": len(mine),
                "median": value,
                "low": ci[0] if ci else None,
                "high": ci[1] if ci else None,
                "lower": lower,
                "upper": upper,
                "reached": float(np.isfinite(mine).mean()) if len(mine) else 0.0,
                "small": group.small,
            }
        )
    judged = [row for row in rows if not row["small"]]
    known = sorted((row for row in judged if row["median"] is not None), key=lambda row: row["median"])
    said = f"Median price of what {what}."
    if len(known) > 1:
        low, high = known[0], known[-1]
        said += f" Lowest for {low['name']} ({low['median']:.3g}), highest for {high['name']} ({high['median']:.3g})."
    return Chart(
        id=id,
        title=title,
        caption=said,
        alt=f"A dot a group at its median price, with its 95 % interval. {said}",
        data={"kind": "cost_by_group", "column": groups[0].column if groups else "", "groups": rows},
    )


def edits_table(edited: Edited, id: str, title: str, most: int = EXAMPLES) -> Table:
    """The cheapest changes: before and after in original units, in a sentence, and what the model says of both."""
    best = edited.found.cheapest()
    best = best[best >= 0]
    best = _varied(edited, best[np.lexsort((edited.found.of[best], edited.found.cost[best]))], most)
    before, after = edited.frames(best)
    changed = edited.moves.changed(edited.found.points[best], edited.found.of[best])
    outcomes, verdicts = _outcomes(edited, before, after)
    rows: list[list[Any]] = []
    for index, which in enumerate(best):
        pair = before.iloc[index], after.iloc[index]
        rows.append(
            [
                int(edited.goal.rows[edited.found.of[which]]),
                changes_of(edited.moves, changed[index], *pair),
                verdicts[index],
                sentence(edited.moves, changed[index], *pair, outcomes[index]),
                float(edited.found.cost[which]),
            ]
        )
    return Table(id, title, ["Row", "Edit", edited_heading(edited), "In words", "Price"], rows, note_of(edited))


def note_of(edited: Edited) -> str:
    """What nobody could change, in a line: only what a person could change; sex, race, age held fixed."""
    moves = edited.moves
    held = [name for at, name in enumerate(moves.names) if not (moves.movable | moves.derived)[at]]
    more = f" and {len(held) - 6} more" if len(held) > 6 else ""
    return "only what a person could change" + (f"; {', '.join(held[:6])}{more} held fixed" if held else "")


def edited_heading(edited: Edited) -> str:
    if edited.goal.shift:
        return "Prediction"
    return "Score" if edited.subject.has_scores else "Decision"


def _varied(edited: Edited, ordered: Rows, most: int) -> Rows:
    """The first `most`, in order, as far as possible no more than half of them with the same set of columns."""
    changed = edited.moves.changed(edited.found.points[ordered], edited.found.of[ordered])
    seen: dict[bytes, int] = {}
    first: list[int] = []
    rest: list[int] = []
    for index in range(len(ordered)):
        key = changed[index].tobytes()
        seen[key] = seen.get(key, 0) + 1
        (first if seen[key] <= most // 2 else rest).append(index)
    return ordered[np.sort(np.array([*first, *rest][:most], dtype=np.intp))]


def _outcomes(edited: Edited, before: Any, after: Any) -> tuple[list[str], list[str]]:
    """For each row what the change does, as a verb and a rest; and the model's answer before → after."""
    subject, goal = edited.subject, edited.goal
    if not len(before):
        return [], []
    if goal.shift:
        old, new = subject.predict(before), subject.predict(after)
        shifts = [f"moves the prediction by {b - a:+.4g}" for a, b in zip(old, new, strict=True)]
        return shifts, [f"{a:.5g} → {b:.5g}" for a, b in zip(old, new, strict=True)]
    said = subject.predict(after)
    if goal.kind == "favourable":
        outcomes = [f"gives “{subject.favourable}”"] * len(before)
    elif subject.task == "binary":
        outcomes = ["flips this decision"] * len(before)
    else:
        outcomes = [f"makes it “{subject.labels[k]}”" for k in said]
    if subject.has_scores:
        scored = subject.favourable_index if subject.task == "binary" or goal.kind == "favourable" else said
        each = np.arange(len(before))
        old, new = (subject.predict_scores(frame)[each, scored] for frame in (before, after))
        return outcomes, [_scores(float(a), float(b)) for a, b in zip(old, new, strict=True)]
    decided = subject.predict(before)
    return outcomes, [f"{subject.labels[a]} → {subject.labels[b]}" for a, b in zip(decided, said, strict=True)]


def _scores(before: float, after: float) -> str:
    """With two decimals, or as many as tell the two apart."""
    digits = next((k for k in (2, 3, 4) if f"{before:.{k}f}" != f"{after:.{k}f}"), 6)
    return f"{before:.{digits}f} → {after:.{digits}f}"
