"""Counts by group: how many rows, how many of them truly favourable, how many the model selects."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from assessments.charts import _drawing as d
from assessments.charts._reading import MOST_GROUPS, number, one_line, parts
from assessments.charts.selection_rate import largest, rows_axis

ROW = 0.46  # inches
KEYS = (("rows", d.PALE), ("favourable in the data", d.BLUE), ("selected by the model", d.ORANGE))


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    groups, left_out = largest(parts(data, "groups", most=MOST_GROUPS))
    names = [d.fit(group.get("name"), 2.0) for group in groups]
    left = max([d.width_of(name) for name in names], default=0) + 0.36
    figure, axes = d.paper(title, height=1.4 + ROW * max(len(groups), 2), left=left, right=0.75, bottom=0.82)
    rows = np.arange(len(groups))
    total, favourable, selected = (
        np.nan_to_num([number(group.get(key)) for group in groups]) for key in ("n", "favourable", "selected")
    )
    axes.barh(rows, total, height=0.78, color=d.PALE, alpha=0.75)
    axes.barh(rows - 0.17, favourable, height=0.28, color=d.BLUE)
    axes.barh(rows + 0.17, selected, height=0.28, color=d.ORANGE)
    axes.set_xlim(0, max(total.max(initial=0) * 1.04, 1))
    for row, group in enumerate(groups):
        d.write(axes, total[row], row, f"{number(group.get('n')):,.0f}", size=d.SMALL, dx=5, va="center")
    rows_axis(axes, names)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    d.name_axes(axes)
    _key(figure, left_out)
    return figure


def _key(figure: Figure, left_out: int) -> None:
    """What the three bars are, on one line under the axis; by place where there is room for names only there."""
    x, y = 0.2, 0.16 / figure.get_figheight()
    for word, colour in KEYS:
        figure.text(x / d.WIDTH, y, "■", color=colour, fontproperties=d.type_face(d.SMALL))
        figure.text((x + 0.16) / d.WIDTH, y, word, color=d.MUTED, fontproperties=d.type_face(d.SMALL))
        x += 0.16 + d.width_of(word, d.SMALL) + 0.22
    if left_out:
        note = d.fit(f"{left_out} smaller groups not drawn", d.WIDTH - x - 0.1, d.SMALL)
        figure.text(x / d.WIDTH, y, note, color=d.MUTED, fontproperties=d.type_face(d.SMALL))


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    return [one_line(data.get("column")) or "group", "n", "favourable", "selected"], [
        [one_line(group.get("name")), group.get("n"), group.get("favourable"), group.get("selected")]
        for group in parts(data, "groups", most=MOST_GROUPS)
    ]
