"""The answer along one column: each case as a thin line or a dot, what holds on average as a thick line."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from assessments.charts import _drawing as d
from assessments.charts._reading import MOST_GROUPS, MOST_SERIES, curve, numbers, one_line, parts

SLANT = 28  # degrees, of names of categories that have no room side by side
DASHES = ((None, None), (5, 2), (1.5, 1.5))


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    categories = [d.fit(name, 1.1, d.SMALL) for name in _categories(data)]
    series = parts(data, "series", most=MOST_SERIES)
    slanted = len(categories) > 4
    hanging = max((d.width_of(name, d.SMALL) for name in categories), default=0.0) * np.sin(np.radians(SLANT))
    bottom = 0.62 + 0.24 * bool(series) + slanted * hanging
    figure, axes = d.paper(title, height=3.3 + bottom, left=0.95, right=0.3, bottom=bottom)
    cases = [numbers(case, "y") for case in parts(data, "cases", most=MOST_GROUPS)]
    grid = numbers(data, "x")
    for y in cases:
        if len(y) == len(grid):
            axes.plot(grid, y, color=d.PALE, linewidth=0.8, zorder=1)
    dots = curve(data, "dots_x", "dots_y") if "dots_x" in data else None
    if dots is not None:
        axes.scatter(*dots, s=11, color=d.BLUE, alpha=0.55, linewidths=0, zorder=2)
    for at, one in enumerate(series):
        x, y = curve(one, "x", "y")
        marker = "o" if categories or len(x) == 1 else None
        axes.plot(x, y, color=_colour(at, dots), linewidth=0 if categories else 2.2, marker=marker,
                  markersize=7, dashes=DASHES[at % 3], zorder=3)  # fmt: skip
    if categories:
        turn = {"rotation": SLANT, "ha": "right"} if slanted else {}
        axes.set_xticks(range(len(categories)), categories, **turn)
        axes.set_xlim(-0.6, len(categories) - 0.4)
        for label in axes.get_xticklabels():
            label.set_parse_math(False)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=len(grid) > 0 and bool((grid == grid.round()).all())))
        axes.xaxis.set_major_formatter(FuncFormatter(_number))
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_formatter(FuncFormatter(_number))
    d.name_axes(axes, x=d.fit(data.get("x_label"), 4.0), y=d.fit(data.get("y_label"), 3.1))
    _key(figure, [(_colour(at, dots), one_line(one.get("name"))) for at, one in enumerate(series)], bool(cases))
    return figure


def _number(value: float, _: Any = None) -> str:
    return f"{value:,.10g}".replace("-", "−")


def _categories(data: Mapping[str, Any]) -> list[str]:
    found = data.get("categories")
    return [one_line(name) for name in found[:MOST_SERIES]] if isinstance(found, list) else []


def _colour(at: int, dots: Any) -> str:
    """Dots are blue: what is drawn over them is not."""
    return d.SERIES[(at + (dots is not None)) % len(d.SERIES)]


def _key(figure: Figure, words: list[tuple[str, str]], cases: bool) -> None:
    """What the lines are, under the axis."""
    at = 0.15
    if cases:
        words.append((d.MUTED, "thin: single cases"))
    most = min(2.6, (d.WIDTH - at) / max(len(words), 1) - 0.25)
    for colour, text in words:
        text = d.fit(text, most, d.SMALL)
        figure.text(at / d.WIDTH, 0.12 / figure.get_figheight(), text, color=colour,
                    fontproperties=d.type_face(d.SMALL))  # fmt: skip
        at += d.width_of(text, d.SMALL) + 0.25


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    names = _categories(data)
    x_label, y_label = (one_line(data.get(key)) or key for key in ("x_label", "y_label"))

    def at(x: Any) -> Any:
        return names[int(x)] if names and isinstance(x, int | float) and 0 <= x < len(names) else x

    rows = [
        [one_line(one.get("name")), at(x), y]
        for one in parts(data, "series", most=MOST_SERIES)
        for x, y in zip(one["x"], one["y"], strict=True)
    ]
    rows += [["case", at(x), y] for x, y in zip(data.get("dots_x", []), data.get("dots_y", []), strict=True)]
    for number, case in enumerate(parts(data, "cases", most=MOST_GROUPS), 1):
        rows += [[f"case {number}", at(x), y] for x, y in zip(data["x"], case["y"], strict=True)]
    return ["series", x_label, y_label], rows
