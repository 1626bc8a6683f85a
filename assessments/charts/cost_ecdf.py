"""What the cheapest change costs: the share of rows that reach the goal for at most each price, a step curve each."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from assessments.charts import _drawing as d
from assessments.charts._reading import MOST_SERIES, curve, number, one_line, parts


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    series = parts(data, "series", most=MOST_SERIES)
    names = [d.fit(one.get("name"), 1.5) for one in series]
    right = max([d.width_of(name) for name in names], default=0) + 0.3
    figure, axes = d.paper(title, height=4.0, left=0.85, right=right)
    curves = [curve(one, "cost", "share") for one in series]
    furthest = _shown_until(curves)
    ends = []
    for i, (one, (cost, share)) in enumerate(zip(series, curves, strict=True)):
        colour = d.SERIES[i % len(d.SERIES)]
        last = share[-1] if len(share) else 0.0
        axes.plot(np.r_[cost, furthest], np.r_[share, last], color=colour, linewidth=2, drawstyle="steps-post",
                  zorder=2.9 - i / 100)  # fmt: skip
        median = number(one.get("median"))
        if np.isfinite(median) and median <= furthest:
            axes.plot([median], [0.5], "o", color=colour, markersize=6, zorder=3)
        ends.append(float(share[cost <= furthest][-1]) if (cost <= furthest).any() else 0.0)
    axes.axhline(0.5, color=d.MUTED, linewidth=0.8, dashes=(3, 3), zorder=1)
    axes.set_ylim(-0.012, 1.03)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_xlim(0, furthest)
    d.name_axes(axes, x=d.fit(data.get("cost_label"), 4.4), y=d.fit(data.get("share_label"), 2.8))
    for i, y in enumerate(d.spread(ends, 0.055)):
        d.write(axes, furthest, y, names[i], color=d.SERIES[i % len(d.SERIES)], dx=8, va="center")
    return figure


def _shown_until(curves: list[tuple[np.ndarray, ...]]) -> float:
    """A price that leaves out at most the dearest fiftieth of each curve: a few rows must not flatten the rest."""
    ends = []
    for cost, share in curves:
        known = np.isfinite(cost) & np.isfinite(share)
        if known.any():
            cost, share = cost[known], share[known]
            ends.append(float(cost[min(int(np.searchsorted(share, 0.98 * share[-1])), len(cost) - 1)]))
    return max([*ends, 0.0]) * 1.05 or 1.0


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    return ["series", "cost", "share"], [
        [one_line(one.get("name")), cost, share]
        for one in parts(data, "series", most=MOST_SERIES)
        for cost, share in zip(one["cost"], one["share"], strict=True)
    ]
