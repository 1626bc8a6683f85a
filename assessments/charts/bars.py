"""One bar a row, the longest first: a number of each column, its interval, and the limits it is read against."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from assessments.charts import _drawing as d
from assessments.charts._reading import MOST_GROUPS, number, one_line, parts
from assessments.charts.selection_rate import rows_axis

SHOWN = 25
ROW = 0.29  # inches
RIGHT = 0.75  # inches beside the axes, for the numbers
MOST_LIMITS = 4


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    bars = parts(data, "bars", most=MOST_GROUPS)
    left_out, bars = max(0, len(bars) - SHOWN), bars[:SHOWN]
    limits = parts(data, "limits", most=MOST_LIMITS)
    names = [d.fit(bar.get("name"), 2.0) for bar in bars]
    left = max([d.width_of(name) for name in names], default=0) + 0.36
    notes = _notes(data, bars, left_out)
    bottom = 0.74 + 0.19 * len(notes)
    heading = 0.2 if limits else 0.0
    height = 0.62 + bottom + heading + ROW * max(len(bars), 2)
    figure, axes = d.paper(title, height=height, left=left, right=RIGHT, bottom=bottom)
    if heading:
        box = axes.get_position()
        axes.set_position((box.x0, box.y0, box.width, box.height - heading / height))
    start = number(data.get("start"))
    start = start if np.isfinite(start) else 0.0
    base = number(data.get("from"))
    base = base if np.isfinite(base) else start
    percent = data.get("percent") is True
    top = max([start, *(_bar(axes, row, bar, start, base, percent=percent) for row, bar in enumerate(bars))])
    # At least up to the first limit: bars far below it must look so.
    nearest = [value for limit in limits if np.isfinite(value := number(limit.get("value")))]
    top = max([top, *sorted(nearest)[:1]])
    reach = start + (top - start) * 1.04 if top > start else start + 1.0
    if np.isfinite(end := number(data.get("end"))) and end > start:
        reach = end
    axes.set_xlim(start, reach)
    if start < base < reach:
        axes.axvline(base, color=d.MUTED, linewidth=1.0)
    _limits(axes, limits, start, reach)
    rows_axis(axes, names)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, percent=percent)))
    d.name_axes(axes)
    _foot(figure, data, notes, left)
    return figure


def _bar(axes: Axes, row: int, bar: Mapping[str, Any], start: float, base: float, *, percent: bool) -> float:
    """Draws one bar with its interval and its number; how far to the right it reaches."""
    value, low, high = (number(bar.get(key)) for key in ("value", "low", "high"))
    axes.barh(row, np.nan_to_num(value - base), left=base, height=0.66, color=d.ORANGE if bar.get("marked") else d.BLUE)
    if np.isfinite(low) and np.isfinite(high):
        axes.plot([max(low, start), max(high, start)], [row, row], color=d.INK, linewidth=1.3, alpha=0.75,
                  solid_capstyle="butt")  # fmt: skip
    end = float(np.nanmax([value, high, start]))
    said = _figure(value, percent=percent) if np.isfinite(value) else "–"
    d.write(axes, end, row, said, size=d.SMALL, dx=5, va="center", halo=True)
    return end


def _limits(axes: Axes, limits: list[Mapping[str, Any]], start: float, reach: float) -> None:
    """Dashed lines at the limits within reach, each named above the axes."""
    drawn = sorted((number(limit.get("value")), one_line(limit.get("name"))) for limit in limits)
    inch = (reach - start) / (axes.get_position().width * d.WIDTH)
    free = -np.inf
    for value, name in drawn:
        if not start <= value <= reach:
            continue
        axes.axvline(value, color=d.MUTED, linewidth=1.2, dashes=(4, 3), zorder=1)
        name = d.fit(name, 1.6, d.SMALL)
        room = (reach - value) / inch + RIGHT - 0.1
        start_of = value if d.width_of(name, d.SMALL) <= room else value - d.width_of(name, d.SMALL) * inch
        if start_of < free:
            continue  # its name would lie across the one before
        d.write(axes, value, 1.0, name, size=d.SMALL, color=d.MUTED, dy=3, va="bottom",
                ha="left" if start_of == value else "right",
                coordinates=("data", "axes fraction"))  # fmt: skip
        free = start_of + (d.width_of(name, d.SMALL) + 0.1) * inch


def _notes(data: Mapping[str, Any], bars: list[Mapping[str, Any]], left_out: int) -> list[str]:
    marked = one_line(data.get("marked")) if any(bar.get("marked") for bar in bars) else ""
    marks = [
        f"orange: {marked}" if marked else "",
        "thin line: 95 % interval" if any(bar.get("low") is not None for bar in bars) else "",
    ]
    notes = ["; ".join(mark for mark in marks if mark), f"{left_out} more are in the data only" if left_out else ""]
    return [note for note in notes if note]


def _foot(figure: Figure, data: Mapping[str, Any], notes: list[str], left: float) -> None:
    """What the bars measure, under the axis, and under that how to read them."""
    height = figure.get_figheight()
    for line, note in enumerate(reversed(notes)):
        figure.text(0.15 / d.WIDTH, (0.14 + 0.19 * line) / height, d.fit(note, d.WIDTH - 0.3, d.SMALL), color=d.MUTED,
                    fontproperties=d.type_face(d.SMALL))  # fmt: skip
    what = d.fit(data.get("x_label"), d.WIDTH - left - 0.2)
    figure.text(left / d.WIDTH, (0.19 + 0.19 * len(notes)) / height, what, color=d.MUTED,
                fontproperties=d.type_face())  # fmt: skip


def _figure(value: float, *, percent: bool) -> str:
    if percent:
        share = 100 * value
        return f"{share:.2g}%" if 0 < abs(share) < 1 else f"{share:.1f}%" if share % 1 else f"{share:.0f}%"
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}").replace("-", "−")


def _tick(value: float, *, percent: bool) -> str:
    if percent:
        return f"{round(100 * value, 4):g}%"
    return f"{round(value, 6):,g}".replace("-", "−")


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    return ["name", one_line(data.get("x_label")) or "value", "low", "high", "marked"], [
        [one_line(bar.get("name")), bar.get("value"), bar.get("low"), bar.get("high"), bool(bar.get("marked"))]
        for bar in parts(data, "bars", most=MOST_GROUPS)
    ]
