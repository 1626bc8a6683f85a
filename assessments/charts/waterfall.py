"""One case explained: from the average answer, column by column, to the answer that this case got."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from assessments.charts import _drawing as d
from assessments.charts._reading import MOST_GROUPS, number, one_line, parts
from assessments.charts.selection_rate import rows_axis

SHOWN = 10
ROW = 0.31  # inches


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    steps = parts(data, "steps", most=MOST_GROUPS)
    base, score = number(data.get("base")), number(data.get("score"))
    shown = steps[:SHOWN]
    values = [float(np.nan_to_num(number(step.get("value")))) for step in shown]
    rest = sum(float(np.nan_to_num(number(step.get("value")))) for step in steps[SHOWN:])
    names = [d.fit(_name(step), 2.5) for step in shown]
    if len(steps) > SHOWN:
        values, names = [*values, rest], [*names, f"{len(steps) - SHOWN} other columns"]
    names = [d.fit(data.get("base_label"), 2.5), *names, "this case"]
    left = max(d.width_of(name) for name in names) + 0.36
    figure, axes = d.paper(title, height=1.6 + ROW * len(names), left=left, right=0.75, bottom=0.95)
    reached = np.nan_to_num(base) + np.concatenate([[0.0], np.cumsum(values)])
    _limits(axes, np.concatenate([reached, [np.nan_to_num(score)]]))
    for row, value in enumerate(values, 1):
        _bar(axes, row, reached[row - 1], value, marked=row <= len(shown) and bool(shown[row - 1].get("sensitive")))
    for row, value in ((0, base), (len(values) + 1, score)):
        if np.isfinite(value):
            axes.plot([value], [row], "o", color=d.INK, markersize=6, clip_on=False)
            d.write(axes, value, row, _figure(value), size=d.SMALL, dx=8, va="center", strong=True)
    rows_axis(axes, names)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}".replace("-", "−")))
    d.name_axes(axes, x=d.fit(data.get("unit"), d.WIDTH - left - 0.4))
    sensitive = "; outlined: sensitive column" if any(step.get("sensitive") for step in shown) else ""
    note = d.fit(f"orange lowers the answer, blue raises it{sensitive}", d.WIDTH - 0.3, d.SMALL)
    figure.text(0.15 / d.WIDTH, 0.12 / figure.get_figheight(), note, color=d.MUTED,
                fontproperties=d.type_face(d.SMALL))  # fmt: skip
    return figure


def _name(step: Mapping[str, Any]) -> str:
    value = one_line(step.get("said"))
    return f"{one_line(step.get('name'))} = {value}" if value else one_line(step.get("name"))


def _limits(axes: Axes, reached: np.ndarray) -> None:
    low, high = float(reached.min()), float(reached.max())
    room = (high - low) or abs(high) or 1.0
    axes.set_xlim(low - 0.24 * room, high + 0.16 * room)


def _bar(axes: Axes, row: int, start: float, value: float, *, marked: bool) -> None:
    colour = d.BLUE if value >= 0 else d.ORANGE
    axes.barh(row, value, left=start, height=0.6, color=colour, edgecolor=d.INK if marked else colour,
              linewidth=1.4 if marked else 0)  # fmt: skip
    axes.plot([start, start], [row - 0.7, row + 0.3], color=d.PALE, linewidth=1, zorder=0.9)
    sign = "" if _figure(abs(value)) == "0.00" else "+" if value >= 0 else "−"
    # Outside the bar, on the side to which it goes.
    d.write(axes, start + value, row, f"{sign}{_figure(abs(value))}", size=d.SMALL,
            dx=5 if value >= 0 else -5, ha="left" if value >= 0 else "right", va="center")  # fmt: skip


def _figure(value: float) -> str:
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}").replace("-", "−")


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    steps = [
        [one_line(step.get("name")), one_line(step.get("said")), step.get("value"), bool(step.get("sensitive"))]
        for step in parts(data, "steps", most=MOST_GROUPS)
    ]
    ends = [
        [one_line(data.get("base_label")), "", data.get("base"), False],
        ["this case", "", data.get("score"), False],
    ]
    return ["column", "value", "contribution", "sensitive"], [ends[0], *steps, ends[1]]
