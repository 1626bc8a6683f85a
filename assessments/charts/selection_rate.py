"""Selection rate by group: who gets the favourable decision how often, with the four-fifths screen shaded."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from assessments.charts import _drawing as d
from assessments.charts._reading import MOST_GROUPS, number, one_line, parts

SHOWN = 40
ROW, MARGIN = 0.34, 2.5  # inches: a row; the names beside the axes at most
AND = " · "  # between the values of a group of several columns


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
    notes = [d.fit(note, d.WIDTH - 0.3, d.SMALL) for note in notes]
    widest = max((d.width_of(note, d.SMALL) for note in notes), default=0.0)
    start = min(left, d.WIDTH - 0.15 - widest)  # under the axis where they have room there
    for line, note in enumerate(reversed(notes)):
        figure.text(start / d.WIDTH, (0.14 + 0.19 * line) / figure.get_figheight(), note, color=d.MUTED,
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
        names.append(_fit_parts(one_line(group.get("name")), MARGIN - d.width_of(count, d.SMALL)) + count)
    return names, max([d.width_of(name, d.SMALL) for name in names], default=0) + 0.36


def _fit_parts(name: str, inches: float) -> str:
    """A group of several columns keeps a piece of each: cut at the end, two groups would read the same."""
    pieces = name.split(AND)
    most = inches
    while len(pieces) > 1 and most > 0.3 and d.width_of(d.printable(AND.join(pieces)), d.SMALL) > inches:
        most *= 0.9
        pieces = [d.fit(piece, most, d.SMALL) for piece in pieces]
    return d.fit(AND.join(pieces), inches, d.SMALL)


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
        notes.append(f"shaded: below four-fifths of the best-off group ({one_line(data.get('best'))})")
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
