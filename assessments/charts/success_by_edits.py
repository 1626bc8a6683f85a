"""How many columns have to change: the share of rows that reach the goal by changing at most one, two, three…"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from assessments.charts import _drawing as d
from assessments.charts._reading import MOST_SERIES, curve, one_line, parts

WIDTH = 0.72  # of the group of bars of one number of edits


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    series = parts(data, "series", most=MOST_SERIES)
    figure, axes = d.paper(title, height=4.0, left=0.85, right=0.4)
    width = WIDTH / max(len(series), 1)
    most = 1
    for i, one in enumerate(series):
        edits, share, low, high = curve(one, "edits", "share", "low", "high")
        colour = d.SERIES[i % len(d.SERIES)]
        at = edits - WIDTH / 2 + width * (i + 0.5)
        axes.bar(at, share, width=width * 0.9, color=colour, alpha=0.9, zorder=2, label=d.fit(one.get("name"), 1.8))
        axes.vlines(at, low, high, color=d.INK, linewidth=1.2, zorder=3)
        most = max(most, int(np.nanmax(edits, initial=1)))
        for x, y, top in zip(at, share, high, strict=True):
            if np.isfinite(y):
                d.write(axes, x, max(y, top), f"{y:.0%}", size=d.SMALL, color=d.MUTED, dy=4, ha="center")
    axes.set_xlim(0.5, most + 0.5)
    axes.set_xticks(range(1, most + 1), [f"{k} column{'s' * (k > 1)}" for k in range(1, most + 1)])
    axes.grid(False, axis="x")
    axes.set_ylim(0, 1.24)
    axes.set_yticks(np.linspace(0, 1, 6))
    d.name_axes(axes, x="Changed, at most", y="Share of rows")
    _legend(axes, series)
    return figure


def _legend(axes: Any, series: list[Mapping[str, Any]]) -> None:
    left = 0.55
    for i, one in enumerate(series):
        name = d.fit(one.get("name"), 1.8)
        d.write(axes, left, 1.18, "■ " + name, size=d.SMALL, color=d.SERIES[i % len(d.SERIES)], va="center")
        left += (d.width_of("■ " + name, d.SMALL) + 0.3) / 4.2 * (axes.get_xlim()[1] - axes.get_xlim()[0])


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    columns = ("edits", "share", "low", "high")
    return ["series", *columns], [
        [one_line(one.get("name")), *row]
        for one in parts(data, "series", most=MOST_SERIES)
        for row in zip(*(one[column] for column in columns), strict=True)
    ]
