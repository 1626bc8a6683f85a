"""SHAP values case by case: a dot a case, a row a column, coloured by whether the column's own value is low or high."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from assessments.charts import _drawing as d
from assessments.charts._reading import MOST_GROUPS, curve, one_line, parts
from assessments.charts.selection_rate import rows_axis

SHOWN = 14
ROW = 0.36  # inches
BINS = 90
LOW_TO_HIGH = LinearSegmentedColormap.from_list("low to high", [d.BLUE, "#9a8fc4", d.ORANGE])


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    features = parts(data, "features", most=MOST_GROUPS)[:SHOWN]
    names = [d.fit(_name(feature), 2.0) for feature in features]
    left = max([d.width_of(name) for name in names], default=0) + 0.36
    figure, axes = d.paper(title, height=1.62 + ROW * max(len(features), 2), left=left, right=0.3, bottom=0.95)
    lines = [curve(feature, "values", "levels") for feature in features]
    every = np.concatenate([np.zeros(1), *(values[np.isfinite(values)] for values, _ in lines)])
    low, high = float(every.min()), float(every.max())
    room = (high - low) or 1.0
    axes.set_xlim(low - 0.04 * room, high + 0.04 * room)
    axes.axvline(0, color=d.MUTED, linewidth=1.1, zorder=0.6)
    for row, (values, levels) in enumerate(lines):
        known = np.isfinite(values)
        values, levels = values[known], levels[known]
        colours = np.where(np.isfinite(levels)[:, None], LOW_TO_HIGH(np.clip(np.nan_to_num(levels), 0, 1)),
                           mixed(d.MUTED))  # fmt: skip
        axes.scatter(values, row + beside(values, low, room), s=7, c=colours, linewidths=0, alpha=0.85, zorder=2)
    rows_axis(axes, names)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}".replace("-", "−")))
    d.name_axes(axes, x=d.fit(data.get("unit"), d.WIDTH - left - 0.3))
    marked = "; * sensitive column" if any(feature.get("sensitive") for feature in features) else ""
    note = d.fit(f"the column's own value: blue low, orange high, grey a category{marked}", d.WIDTH - 0.3, d.SMALL)
    figure.text(0.15 / d.WIDTH, 0.12 / figure.get_figheight(), note, color=d.MUTED,
                fontproperties=d.type_face(d.SMALL))  # fmt: skip
    return figure


def mixed(colour: str) -> np.ndarray:
    """A colour as four numbers."""
    from matplotlib.colors import to_rgba

    return np.array(to_rgba(colour))


def beside(values: np.ndarray, low: float, room: float) -> np.ndarray:
    """How far each dot stands off its row, so that dots of about the same value lie side by side; none by chance."""
    bins = np.minimum(((values - low) / room * BINS).astype(int), BINS)
    order = np.argsort(bins, kind="stable")
    place = np.zeros(len(values), dtype=int)
    counts = np.bincount(bins, minlength=BINS + 1)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    place[order] = np.arange(len(values)) - starts[bins[order]]
    step = 0.4 / max(6, (counts.max(initial=1) + 1) // 2)
    return np.where(place % 2 == 0, 1, -1) * ((place + 1) // 2) * step


def _name(feature: Mapping[str, Any]) -> str:
    return one_line(feature.get("name")) + (" *" if feature.get("sensitive") else "")


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    return ["column", "case", "shap_value", "level_of_own_value", "sensitive"], [
        [one_line(feature.get("name")), case, value, level, bool(feature.get("sensitive"))]
        for feature in parts(data, "features", most=MOST_GROUPS)
        for case, (value, level) in enumerate(zip(feature["values"], feature["levels"], strict=True), 1)
    ]
