"""ROC curve: the share of positives found against the share of negatives wrongly flagged, over all thresholds."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from assessments.charts import _drawing as d
from assessments.charts._reading import MOST_SERIES, curve, number, one_line, parts

LISTED = 10  # series named in the corner


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    figure, axes = d.paper(title, height=4.3, left=0.85)
    axes.plot([0, 1], [0, 1], color=d.PALE, linewidth=1.2, dashes=(4, 3))
    series = parts(data, "series", most=MOST_SERIES)
    curves = [curve(one, "fpr", "tpr") for one in series]
    for i, points in enumerate(curves):
        axes.plot(*points, color=d.SERIES[i % len(d.SERIES)], linewidth=2, **d.dashes(i))
    d.unit_square(axes, x="False positive rate", y="True positive rate")
    d.list_lines(axes, corner_lines(series, "auc", "AUC"), corner="lower right", curves=curves)
    return figure


def corner_lines(series: list[Mapping[str, Any]], key: str, word: str) -> list[tuple[str, str]]:
    """(text, colour) of each series: its name where there are several, and its number."""
    lines = []
    for i, one in enumerate(series[:LISTED]):
        name = d.fit(one.get("name"), 1.9) + "  " if len(series) > 1 else ""
        lines.append((f"{name}{word} {number(one.get(key)):.3f}", d.SERIES[i % len(d.SERIES)]))
    if len(series) > LISTED:
        lines.append((f"and {len(series) - LISTED} more in the data", d.MUTED))
    return lines


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    return ["series", "false_positive_rate", "true_positive_rate"], [
        [one_line(one.get("name")), fpr, tpr]
        for one in parts(data, "series", most=MOST_SERIES)
        for fpr, tpr in zip(one["fpr"], one["tpr"], strict=True)
    ]
