"""Who is cheaper to push over the line: the median price of a change in each group, its interval and middle half."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from assessments.charts import _drawing as d
from assessments.charts._reading import MOST_GROUPS, number, one_line, parts
from assessments.charts.selection_rate import ROW, largest, margin_names, rows_axis


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    groups, left_out = largest(parts(data, "groups", most=MOST_GROUPS))
    names, left = margin_names(groups)
    notes = _notes(groups, left_out)
    bottom = 0.72 + 0.19 * len(notes)
    figure, axes = d.paper(title, height=0.62 + bottom + ROW * max(len(groups), 2), left=left, right=0.6, bottom=bottom)
    ends = [number(group.get(key)) for group in groups for key in ("median", "high", "upper")]
    known = [end for end in ends if np.isfinite(end)]
    top = max([*known, 0.0]) * 1.15 or 1.0
    axes.set_xlim(0, top)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    for row, group in enumerate(groups):
        _group(axes, row, group)
    rows_axis(axes, names)
    d.name_axes(axes, x="Price of the cheapest change (share of feature range)")
    for line, note in enumerate(reversed(notes)):
        note = d.fit(note, d.WIDTH - left - 0.1, d.SMALL)
        figure.text(left / d.WIDTH, (0.14 + 0.19 * line) / figure.get_figheight(), note, color=d.MUTED,
                    fontproperties=d.type_face(d.SMALL))  # fmt: skip
    return figure


def _group(axes: Axes, row: int, group: Mapping[str, Any]) -> None:
    keys = ("median", "low", "high", "lower", "upper", "reached")
    median, low, high, lower, upper, reached = (number(group.get(key)) for key in keys)
    small = bool(group.get("small"))
    colour = d.MUTED if small else d.BLUE
    if np.isnan(median):
        said = "no median: " + (f"{reached:.0%} reach it" if np.isfinite(reached) else "too few reach it")
        d.write(axes, 0, row, said, size=d.SMALL, color=d.MUTED, dx=8, va="center")
        return
    if np.isfinite(lower) and np.isfinite(upper):
        axes.plot([lower, upper], [row, row], color=colour, linewidth=7, alpha=0.16, solid_capstyle="butt")
    if np.isfinite(low) and np.isfinite(high):
        axes.plot([low, high], [row, row], color=colour, linewidth=2.2, alpha=0.75, solid_capstyle="butt")
    axes.plot([median], [row], "o", markersize=7, color=colour, mfc="white" if small else colour, zorder=3)
    end = np.nanmax([median, high, upper])
    d.write(axes, end, row, f"{median:#.2g}".rstrip("."), size=d.SMALL, va="center", dx=8)


def _notes(groups: list[Mapping[str, Any]], left_out: int) -> list[str]:
    """The lines under the axis that say how to read the picture."""
    notes = ["dot: median; line: its 95 % interval; band: the middle half"]
    if any(group.get("small") for group in groups):
        notes.append("hollow: small group, not judged")
    return [*notes, *([f"{left_out} smaller groups are in the data only"] if left_out else [])]


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    columns = ("n", "median", "low", "high", "lower", "upper", "reached")
    heading = one_line(data.get("column")) or "group"
    return [heading, *columns, "small"], [
        [one_line(group.get("name")), *(group.get(column) for column in columns), bool(group.get("small"))]
        for group in parts(data, "groups", most=MOST_GROUPS)
    ]
