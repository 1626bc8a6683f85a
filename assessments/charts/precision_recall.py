"""Precision-recall curve: how pure the selection stays as more of the positives are found."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from assessments.charts import _drawing as d
from assessments.charts._reading import MOST_SERIES, curve, number, one_line, parts
from assessments.charts.roc import corner_lines


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    figure, axes = d.paper(title, height=4.3, left=0.85)
    series = parts(data, "series", most=MOST_SERIES)
    curves = [curve(one, "recall", "precision") for one in series]
    for i, points in enumerate(curves):
        colour = d.SERIES[i % len(d.SERIES)]
        axes.plot(*points, color=colour, linewidth=2, drawstyle="steps-pre", **d.dashes(i))
    lines = corner_lines(series, "average_precision", "AP")
    if len(series) == 1:
        base = number(series[0].get("base_rate"))
        axes.axhline(base, color=d.MUTED, linewidth=1.2, dashes=(4, 3))
        # In the middle: the corner is taken, and the curve comes down to the line at the right.
        d.write(axes, 0.5, base, f"base rate {base:.2f}", size=d.SMALL, color=d.MUTED, ha="center", va="bottom", dy=3)
    d.unit_square(axes, x="Recall", y="Precision")
    d.list_lines(axes, lines, corner="lower left", curves=curves)
    return figure


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    return ["series", "recall", "precision"], [
        [one_line(one.get("name")), recall, precision]
        for one in parts(data, "series", most=MOST_SERIES)
        for recall, precision in zip(one["recall"], one["precision"], strict=True)
    ]
