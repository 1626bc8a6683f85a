"""One value a row with its interval, as in a forest plot: groups, or ways to cut them, against a limit."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from assessments.charts import _drawing as d
from assessments.charts._reading import number, one_line, parts

SHOWN = 60
ROW = 0.3  # inches
MOST_ROWS = 400


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    rows = parts(data, "rows", most=MOST_ROWS)[:SHOWN]
    left_out = len(parts(data, "rows", most=MOST_ROWS)) - len(rows)
    names = [d.fit(row.get("name"), 3.1, d.SMALL) for row in rows]
    left = max([d.width_of(name, d.SMALL) for name in names], default=0) + 0.36
    notes = _notes(data, rows, left_out)
    bottom = 0.72 + 0.19 * len(notes)
    height = 0.62 + bottom + ROW * max(len(rows), 2)
    figure, axes = d.paper(title, height=height, left=left, right=0.6, bottom=bottom)
    low, high = _range(data, rows)
    axes.set_xlim(low, high)
    _limit(axes, data, low, high)
    for place, row in enumerate(rows):
        _row(axes, place, row, data)
    axes.set_ylim(max(len(rows), 2) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), names)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", pad=9)
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}".replace("-", "−")))
    d.name_axes(axes, x=d.fit(data.get("x_label"), d.WIDTH - left - 0.3))
    for line, note in enumerate(reversed(notes)):
        note = d.fit(note, d.WIDTH - left - 0.1, d.SMALL)
        figure.text(left / d.WIDTH, (0.14 + 0.19 * line) / figure.get_figheight(), note, color=d.MUTED,
                    fontproperties=d.type_face(d.SMALL))  # fmt: skip
    return figure


def _range(data: Mapping[str, Any], rows: list[Mapping[str, Any]]) -> tuple[float, float]:
    """From 0, or the least of all, to the greatest, with room for the figures beside it."""
    ends = [number(row.get(key)) for row in rows for key in ("value", "low", "high")]
    ends = [end for end in (*ends, number(data.get("limit")), number(data.get("ideal"))) if np.isfinite(end)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    room = (high - low) or 1.0
    return low - 0.06 * room * (low < 0), high + 0.12 * room


def _limit(axes: Axes, data: Mapping[str, Any], low: float, high: float) -> None:
    """The line of no difference, and the side of the limit that a screen would look at."""
    ideal, limit = number(data.get("ideal")), number(data.get("limit"))
    if np.isfinite(ideal):
        axes.axvline(ideal, color=d.MUTED, linewidth=1.1, zorder=0.6)
    if np.isfinite(limit):
        below = data.get("beyond") == "below"
        axes.axvspan(low if below else limit, limit if below else high, color=d.SHADE, zorder=0.2, linewidth=0)
        axes.axvline(limit, color=d.ORANGE, linewidth=1.4, dashes=(4, 3), zorder=1)


def _row(axes: Axes, place: int, row: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    value, low, high = (number(row.get(key)) for key in ("value", "low", "high"))
    if np.isnan(value):
        d.write(axes, axes.get_xlim()[0], place, "no value", size=d.SMALL, color=d.MUTED, dx=8, va="center")
        return
    small, limit = bool(row.get("small")), number(data.get("limit"))
    beyond = value < limit if data.get("beyond") == "below" else value > limit
    colour = d.MUTED if small else d.ORANGE if beyond else d.BLUE
    if np.isfinite(low) and np.isfinite(high):
        axes.plot([low, high], [place, place], color=colour, linewidth=2.4, alpha=0.55, solid_capstyle="butt")
    axes.plot(
        [value], [place], "o", markersize=6, color=colour, mfc="white" if small else colour, clip_on=False, zorder=3
    )
    end = max(value, high if np.isfinite(high) else value)
    text = _figure(value, axes.get_xlim()[1] - axes.get_xlim()[0])
    inch = (axes.get_xlim()[1] - axes.get_xlim()[0]) / (axes.get_position().width * d.WIDTH)  # of the axis
    for line in sorted(at for at in (limit, number(data.get("ideal"))) if np.isfinite(at)):
        start = end + 6 / 72 * inch
        if start < line < start + (d.width_of(text, d.SMALL) + 0.04) * inch:
            end = line  # not across it
    d.write(axes, end, place, text.replace("-", "−"), size=d.SMALL, va="center", dx=7)


def _figure(value: float, room: float) -> str:
    """With as many places as tell the values of an axis this long apart, at least two."""
    if abs(value) >= 100:
        return f"{value:,.4g}"
    places = min(6, max(2, 2 - int(np.floor(np.log10(room)))))
    return f"{round(value, places) + 0.0:.{places}f}"


def _notes(data: Mapping[str, Any], rows: list[Mapping[str, Any]], left_out: int) -> list[str]:
    """The lines under the axis that say how to read the picture."""
    notes = [one_line(data.get("limit_label"))] if data.get("limit") is not None else []
    if np.isfinite(number(data.get("ideal"))) and (ideal := one_line(data.get("ideal_label"))):
        notes.append(f"grey line: {ideal}")
    marks = [
        "bars: 95 % interval" if any(row.get("low") is not None for row in rows) else "",
        "hollow: not judged" if any(row.get("small") for row in rows) else "",
    ]
    notes.append("; ".join(mark for mark in marks if mark))
    notes.append(f"{left_out} more are in the data only" if left_out else "")
    return [note for note in notes if note]


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    heading = one_line(data.get("row_label")) or "row"
    return [heading, "n", one_line(data.get("x_label")) or "value", "low", "high", "small"], [
        [one_line(row.get("name")), row.get("n"), row.get("value"), row.get("low"), row.get("high"),
         bool(row.get("small"))]
        for row in parts(data, "rows", most=MOST_ROWS)
    ]  # fmt: skip
