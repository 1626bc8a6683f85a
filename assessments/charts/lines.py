"""Lines with their intervals: how a number changes as something grows, such as noise, missing values or queries."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from assessments.charts import _drawing as d
from assessments.charts._reading import MOST_SERIES, curve, number, one_line, parts

NAMES = 1.85  # inches at most for the names beside the lines


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    series = parts(data, "series", most=MOST_SERIES)
    names = [d.fit(one.get("name"), NAMES) for one in series]
    right = max([d.width_of(name) for name in names], default=0) + 0.3
    figure, axes = d.paper(title, height=4.0, left=0.85, right=right)
    lines = [curve(one, "x", "y", "low", "high") for one in series]
    if data.get("diagonal") is True:
        axes.plot([0, 1], [0, 1], color=d.MUTED, linewidth=1.2, dashes=(4, 3))
    for i, (x, y, low, high) in enumerate(lines):
        colour = d.SERIES[i % len(d.SERIES)]
        axes.fill_between(x, low, high, color=colour, alpha=0.12, linewidth=0)
        axes.plot(x, y, color=colour, linewidth=2, marker=d.MARKERS[i % len(d.MARKERS)], markersize=4, clip_on=False)
    _x_axis(axes, np.concatenate([np.empty(0), *(x for x, *_ in lines)]), data)
    d.judged_line(axes, number(data.get("judged_at")), axes.get_xlim()[1], percent=data.get("percent") is True)
    low, high = _y_axis(axes, np.concatenate([np.empty(0), *(value for _, *values in lines for value in values)]))
    d.name_axes(axes, x=d.fit(data.get("x_label"), 4.4), y=d.fit(data.get("y_label"), 3.0))
    for i, y in enumerate(_heights([_end(y) for _, y, *_ in lines], low, high)):
        colour = d.SERIES[i % len(d.SERIES)]
        # At the edge also where a line ends before it: beside its end the name would lie across the others.
        d.write(axes, 1.0, (y - low) / (high - low), names[i], color=colour, dx=8, va="center",
                coordinates="axes fraction")  # fmt: skip
    return figure


def _heights(wanted: list[float], low: float, high: float) -> list[float]:
    """Where the names stand: a name takes 0.055 of the axis, those of lines that end together move apart."""
    gap = 0.055 * (high - low)
    placed = d.spread(wanted, gap)
    for rank, i in enumerate(sorted(range(len(placed)), key=lambda i: -placed[i])):
        placed[i] = min(placed[i], high - rank * gap)  # none above the axes
    return placed


def _x_axis(axes: Axes, x: np.ndarray, data: Mapping[str, Any]) -> None:
    x = x[np.isfinite(x)]
    if data.get("log") is True and x.size and x.min() > 0:
        axes.set_xscale("log")
        axes.set_xlim(x.min(), x.max() if x.max() > x.min() else 10 * x.min())
        axes.set_xticks(_apart(np.unique(x)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
        return
    low, high = (min(0.0, float(x.min())), float(x.max())) if x.size else (0.0, 1.0)
    axes.set_xlim(low, high if high > low else low + 1)
    if data.get("percent") is True and low == 0:
        d.percent_ticks(axes, high or 1)


def _apart(values: np.ndarray) -> list[float]:
    """Those of the values whose figures have room beside each other on a logarithmic axis; the last always."""
    room = 0.09 * np.log(values[-1] / values[0])
    kept: list[float] = []
    for value in values[:-1]:
        if (not kept or np.log(value / kept[-1]) >= room) and np.log(values[-1] / value) >= room:
            kept.append(float(value))
    return [*kept, float(values[-1])]


def _y_axis(axes: Axes, y: np.ndarray) -> tuple[float, float]:
    """The range of the values and their intervals with some room; shares and scores that begin at 0 begin there."""
    y = y[np.isfinite(y)]
    low, high = (float(y.min()), float(y.max())) if y.size else (0.0, 1.0)
    room = 0.08 * (high - low) or 0.05 * (abs(high) or 1)
    bottom = low - room if low < 0 or low > 0.5 * high else 0.0
    top = high + room
    if high <= 1 < top:
        top = 1.0 + 0.03 * (1 - bottom)
    bottom = bottom - 0.012 * (top - bottom) if bottom == 0 else bottom
    axes.set_ylim(bottom, top)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    ticks = axes.get_yticks()
    off = 1e-9 * (top - bottom)
    decimals = next((places for places in range(9) if (np.abs(np.round(ticks, places) - ticks) <= off).all()), 9)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.{decimals}f}".replace("-", "−")))
    return bottom, top


def _end(y: np.ndarray) -> float:
    known = y[np.isfinite(y)]
    return float(known[-1]) if known.size else 0.0


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    columns = ("x", "y", "low", "high")
    x, y = (one_line(data.get(key)) or key for key in ("x_label", "y_label"))
    return ["series", x, y, "low", "high"], [
        [one_line(one.get("name")), *row]
        for one in parts(data, "series", most=MOST_SERIES)
        for row in zip(*(one[column] for column in columns), strict=True)
    ]
