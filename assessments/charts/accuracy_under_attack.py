"""Accuracy under attack: the share of decisions that stay right as the attacker may move the features further."""

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
    ends, furthest = [], 0.0
    for i, one in enumerate(series):
        budget, accuracy, low, high = curve(one, "budget", "accuracy", "low", "high")
        colour = _colour(i, one)
        axes.fill_between(budget, low, high, color=colour, alpha=0.12, linewidth=0)
        (line,) = axes.plot(budget, accuracy, color=colour, linewidth=2, clip_on=False, zorder=2.9 - i / 100)
        if one.get("baseline") is True:
            line.set_dashes((3, 2))
        else:
            line.set(marker=d.MARKERS[i % len(d.MARKERS)], markersize=4)
        known = np.flatnonzero(np.isfinite(accuracy))
        ends.append((budget[known[-1]], accuracy[known[-1]]) if known.size else (0.0, 0.0))
        furthest = max(furthest, np.nanmax(budget, initial=0.0))
    axes.set_ylim(-0.012, 1.03)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_xlim(0, furthest or 1)
    d.judged_line(axes, number(data.get("judged_at")), furthest)
    d.name_axes(
        axes, x=d.fit(data.get("budget_label"), 4.4), y=d.fit(data.get("y_label") or "Accuracy under attack", 2.8)
    )
    for i, y in enumerate(_heights([y for _, y in ends])):
        d.write(axes, ends[i][0], y, names[i], color=_colour(i, series[i]), dx=8, va="center")
    return figure


def _colour(place: int, series: Mapping[str, Any]) -> str:
    """What the attack is compared with is grey and dashed on every chart; the others have the colours in order."""
    return d.MUTED if series.get("baseline") is True else d.SERIES[place % len(d.SERIES)]


def _heights(wanted: list[float]) -> list[float]:
    """Where the names stand: each takes 0.055 of the axis; those of lines that end together move apart, none below."""
    placed = d.spread(wanted, 0.055)
    for rank, i in enumerate(sorted(range(len(placed)), key=placed.__getitem__)):
        placed[i] = max(placed[i], rank * 0.055)
    return placed


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    columns = ("budget", "accuracy", "low", "high")
    return ["series", *columns], [
        [one_line(one.get("name")), *row]
        for one in parts(data, "series", most=MOST_SERIES)
        for row in zip(*(one[column] for column in columns), strict=True)
    ]
