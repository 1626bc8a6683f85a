"""Two aims that pull against each other: a numbered point for each way, with the interval of what runs across."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from assessments.charts import _drawing as d
from assessments.charts._reading import number, one_line, parts

MOST_POINTS = 40
DOT = 4.5 / 72  # inches from the middle of a dot to its edge
KINDS = {"now": d.INK, "fixed": d.BLUE, "random": d.ORANGE, "trained": d.GREEN}
KEYS = (("now", "the model as it is"), ("fixed", "the same for the same person"), ("random", "decided by lot"),
        ("trained", "trained anew"))  # fmt: skip


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    points = parts(data, "points", most=MOST_POINTS)
    numbered = [f"{at}" for at in range(1, len(points) + 1)]
    lines = [
        d.fit(f"{at}  {one_line(one.get('name'))}", 5.5, d.SMALL) for at, one in zip(numbered, points, strict=True)
    ]
    bottom = 0.95 + 0.19 * len(lines)
    figure, axes = d.paper(title, height=4.0 + bottom, left=0.85, right=0.35, bottom=bottom)
    x, y = (np.array([number(one.get(key)) for one in points]) for key in ("x", "y"))
    _frame(axes, points, x, y)
    placer = d.Placer(axes, *_dots(axes, x, y))
    for at, one in enumerate(points):
        if np.isfinite(x[at]) and np.isfinite(y[at]):
            colour = KINDS.get(str(one.get("how")), d.MUTED)
            axes.plot([x[at]], [y[at]], "o", markersize=8, color=colour, clip_on=False, zorder=3)
            spots = [(x[at], y[at], side, level) for side, level in ((1, 1), (-1, 1), (1, -1), (-1, -1), (1, 0))]
            placer.put(numbered[at], spots, color=colour, strong=True)
    d.name_axes(axes, x=d.fit(data.get("x_label"), 4.5), y=d.fit(data.get("y_label"), 3.2))
    _words(figure, lines, points)
    return figure


def _dots(axes: Axes, x: np.ndarray, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The outline of each dot: a number must not lie on the dot of another way."""
    box, (width, height) = axes.get_position(), axes.figure.get_size_inches()
    across, up = np.diff(axes.get_xlim())[0] / (box.width * width), np.diff(axes.get_ylim())[0] / (box.height * height)
    turn = np.linspace(0, 2 * np.pi, 25)
    return [(a + DOT * across * np.cos(turn), b + DOT * up * np.sin(turn)) for a, b in zip(x, y, strict=True)]


def _frame(axes: Axes, points: list[Mapping[str, Any]], x: np.ndarray, y: np.ndarray) -> None:
    """Disparity from 0 with its intervals; the other axis around its values. Its intervals are in the data: lines that
    run through the whole paper would hide the points."""
    known_x, known_y = x[np.isfinite(x)], y[np.isfinite(y)]
    top = float(known_x.max()) * 1.2 if known_x.size and known_x.max() > 0 else 1.0
    axes.set_xlim(0, top)
    low, high = (float(known_y.min()), float(known_y.max())) if known_y.size else (0.0, 1.0)
    room = 0.25 * (high - low) or 0.05
    axes.set_ylim(low - room, high + room)
    for one, b in zip(points, y, strict=True):
        colour = KINDS.get(str(one.get("how")), d.MUTED)
        left, right = (number(one.get(key)) for key in ("x_low", "x_high"))
        if np.isfinite([left, right, b]).all():
            axes.plot([left, right], [b, b], color=colour, linewidth=2.2, alpha=0.3, solid_capstyle="butt")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))


def _words(figure: Figure, lines: list[str], points: list[Mapping[str, Any]]) -> None:
    """What the numbers stand for, and the colours, under the axis."""
    height = figure.get_figheight()
    for at, line in enumerate(lines):
        colour = KINDS.get(str(points[at].get("how")), d.MUTED)
        y = (0.36 + 0.19 * (len(lines) - 1 - at)) / height
        figure.text(0.2 / d.WIDTH, y, line, color=colour, fontproperties=d.type_face(d.SMALL))
    x = 0.2
    for kind, word in KEYS:
        if any(one.get("how") == kind for one in points):
            figure.text(x / d.WIDTH, 0.12 / height, "■", color=KINDS[kind], fontproperties=d.type_face(d.SMALL))
            figure.text((x + 0.16) / d.WIDTH, 0.12 / height, word, color=d.MUTED, fontproperties=d.type_face(d.SMALL))
            x += 0.16 + d.width_of(word, d.SMALL) + 0.22


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    columns = ("x", "x_low", "x_high", "y", "y_low", "y_high")
    x, y = (one_line(data.get(key)) or key for key in ("x_label", "y_label"))
    return ["way", "how", x, "low", "high", y, "low", "high"], [
        [one_line(one.get("name")), one_line(one.get("how")), *(one.get(column) for column in columns)]
        for one in parts(data, "points", most=MOST_POINTS)
    ]
