"""Accuracy under attack: the share of decisions that stay right as the attacker may move the features further."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from assessments.charts import _drawing as d
from assessments.charts._reading import MOST_SERIES, curve, one_line, parts


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    series = parts(data, "series", most=MOST_SERIES)
    names = [d.fit(one.get("name"), 1.5) for one in series]
    right = max([d.width_of(name) for name in names], default=0) + 0.3
    figure, axes = d.paper(title, height=4.0, left=0.85, right=right)
    ends, furthest = [], 0.0
    for i, one in enumerate(series):
        budget, accuracy, low, high = curve(one, "budget", "accuracy", "low", "high")
        colour = d.SERIES[i % len(d.SERIES)]
        axes.fill_between(budget, low, high, color=colour, alpha=0.12, linewidth=0)
        axes.plot(
            budget, accuracy, color=colour, linewidth=2, marker="o", markersize=3.5, clip_on=False, zorder=2.9 - i / 100
        )  # the first on top, fmt: skip
        known = np.flatnonzero(np.isfinite(accuracy))
        ends.append((budget[known[-1]], accuracy[known[-1]]) if known.size else (0.0, 0.0))
        furthest = max(furthest, np.nanmax(budget, initial=0.0))
    axes.set_ylim(-0.012, 1.03)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_xlim(0, furthest or 1)
    d.name_axes(
        axes, x=d.fit(data.get("budget_label"), 4.4), y=d.fit(data.get("y_label") or "Accuracy under attack", 2.8)
    )
    # A name takes 0.055 of the axis: names whose lines end together move apart.
    for i, y in enumerate(d.spread([y for _, y in ends], 0.055)):
        d.write(axes, ends[i][0], y, names[i], color=d.SERIES[i % len(d.SERIES)], dx=8, va="center")
    return figure


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    columns = ("budget", "accuracy", "low", "high")
    return ["series", *columns], [
        [one_line(one.get("name")), *row]
        for one in parts(data, "series", most=MOST_SERIES)
        for row in zip(*(one[column] for column in columns), strict=True)
    ]
