"""Selection rate by group: who gets the favourable decision how often, with the four-fifths screen shaded."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from assessments.charts import _drawing as d
from assessments.charts._reading import MOST_GROUPS, number, one_line, parts

SHOWN = 40
ROW = 0.34  # inches


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    groups, left_out = largest(parts(data, "groups", most=MOST_GROUPS))
    names, left = margin_names(groups)
    notes = _notes(data, groups, left_out)
    bottom = 0.5 + 0.19 * len(notes)
    figure, axes = d.paper(title, height=0.62 + bottom + ROW * max(len(groups), 2), left=left, right=0.5, bottom=bottom)
    threshold = number(data.get("four_fifths"))
    ends = [number(g.get(key)) for g in groups for key in ("rate", "high")]
    top = min(1.0, max([0.01, threshold, *ends], key=lambda x: -1 if np.isnan(x) else x) * 1.18)
    axes.set_xlim(0, top)
    if np.isfinite(threshold):
        axes.axvspan(0, threshold, color=d.SHADE, zorder=0.2, linewidth=0)
        axes.axvline(threshold, color=d.ORANGE, linewidth=1.4, dashes=(4, 3), zorder=1)
    for row, group in enumerate(groups):
        _group(axes, row, group, threshold, top)
    rows_axis(axes, names)
    d.percent_ticks(axes, top)
    d.name_axes(axes)
    for line, note in enumerate(reversed(notes)):
        note = d.fit(note, d.WIDTH - left - 0.1, d.SMALL)
        figure.text(left / d.WIDTH, (0.14 + 0.19 * line) / figure.get_figheight(), note, color=d.MUTED,
                    fontproperties=d.type_face(d.SMALL))  # fmt: skip
    return figure


def largest(groups: list[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], int]:
    """The groups to draw, in their order, and how many of the smallest are left out."""
    if len(groups) <= SHOWN:
        return groups, 0
    smallest_shown = sorted((number(group.get("n")) for group in groups), reverse=True)[SHOWN - 1]
    return [g for g in groups if number(g.get("n")) >= smallest_shown][:SHOWN], len(groups) - SHOWN


def margin_names(groups: list[Mapping[str, Any]]) -> tuple[list[str], float]:
    """The groups' names with their rows, and the left margin that they need, in inches."""
    names = []
    for group in groups:
        count = f" n={number(group.get('n')):,.0f}"
        names.append(d.fit(group.get("name"), 2.1 - d.width_of(count)) + count)
    return names, max([d.width_of(name) for name in names], default=0) + 0.36


def rows_axis(axes: Axes, names: list[str]) -> None:
    """One row a group, the first on top, no lines between them."""
    axes.set_ylim(max(len(names), 2) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), names)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", pad=9)
    for label in axes.get_yticklabels():
        label.set_parse_math(False)


def _group(axes: Axes, row: int, group: Mapping[str, Any], threshold: float, top: float) -> None:
    rate, low, high = (number(group.get(key)) for key in ("rate", "low", "high"))
    if np.isnan(rate):
        d.write(axes, 0, row, "no rate", size=d.SMALL, color=d.MUTED, dx=8, va="center")
        return
    small = bool(group.get("small"))
    colour = d.MUTED if small else d.ORANGE if rate < threshold else d.GREEN
    if np.isfinite(low) and np.isfinite(high):
        axes.plot([low, high], [row, row], color=colour, linewidth=2.6, alpha=0.55, solid_capstyle="butt")
    axes.plot([rate], [row], "o", markersize=7, color=colour, mfc="white" if small else colour, clip_on=False, zorder=3)
    end = max(rate, high if np.isfinite(high) else rate)
    text = f"{rate:.1%}" if 0 < rate < 0.01 else f"{rate:.0%}"
    inch = top / (axes.get_position().width * d.WIDTH)  # of the axis
    start = end + 8 / 72 * inch
    if start < threshold < start + (d.width_of(text, d.SMALL) + 0.04) * inch:
        end = threshold  # not across the dashed line
    d.write(axes, end, row, text, size=d.SMALL, va="center", dx=8)


def _notes(data: Mapping[str, Any], groups: list[Mapping[str, Any]], left_out: int) -> list[str]:
    """The lines under the axis that say how to read the picture."""
    notes = []
    if data.get("four_fifths") is not None:
        notes.append(f"shaded: below four-fifths of the best-off group ({d.fit(data.get('best'), 0.9)})")
    small = any(group.get("small") for group in groups)
    marks = [
        "bars: 95 % interval" if any(group.get("low") is not None for group in groups) else "",
        "hollow: small group, not judged" if small else "",
    ]
    notes.append("; ".join(mark for mark in marks if mark))
    notes.append(f"{left_out} smaller groups are in the data only" if left_out else "")
    return [note for note in notes if note]


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    return [one_line(data.get("column")) or "group", "n", "selection_rate", "low", "high", "small"], [
        [one_line(g.get("name")), g.get("n"), g.get("rate"), g.get("low"), g.get("high"), bool(g.get("small"))]
        for g in parts(data, "groups", most=MOST_GROUPS)
    ]
