"""Precision and recall against the threshold: what moving the cut-off buys and costs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from assessments.charts import _drawing as d
from assessments.charts._reading import curve, number


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    figure, axes = d.paper(title, height=4.3, left=0.85)
    threshold, precision, recall = curve(data, "threshold", "precision", "recall")
    at = number(data.get("at"))
    axes.axvline(at, color=d.MUTED, linewidth=1.2, dashes=(4, 3))
    drawn = [at_least(threshold, values) for values in (precision, recall)]
    for shown, colour in zip(drawn, (d.BLUE, d.ORANGE), strict=True):
        axes.plot(*shown, color=colour, linewidth=2, marker="o" if np.unique(shown[0]).size == 1 else "")
    d.unit_square(axes, x="Threshold on the score", y=f"Share, favourable label {d.fit(data.get('name'), 1.2)}")
    placer = d.Placer(axes, *drawn)
    placer.put(f"decided at {at:g}", [(at, 0, 1, 1)], size=d.SMALL, color=d.MUTED)
    _name_curves(placer, threshold, precision, recall)
    return figure


def at_least(threshold: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners of what holds from each threshold down to the one before; from the first, down to 0."""
    if not threshold.size:
        return threshold, values
    low = min(0.0, threshold[0])
    return d.stepped(np.array([low, *threshold]), np.array([values[0], *values]), ahead=False)


def _name_curves(placer: d.Placer, threshold: np.ndarray, precision: np.ndarray, recall: np.ndarray) -> None:
    """Each name beside its curve, on the outer side if it can be, where the two are far apart."""
    known = np.isfinite(precision) & np.isfinite(recall)
    threshold, precision, recall = threshold[known], precision[known], recall[known]
    if not threshold.size:
        return
    places = np.linspace(0.08, 0.92, 43)
    places = places[places <= threshold[-1]] if threshold[-1] >= 0.08 else threshold[-1:]
    at = np.searchsorted(threshold, places)
    precision, recall = precision[at], recall[at]
    widest = [int(i) for i in np.argsort(-np.abs(precision - recall), kind="stable")]
    for values, other, word, colour in (
        (precision, recall, "Precision", d.BLUE),
        (recall, precision, "Recall", d.ORANGE),
    ):
        outer = np.where(values >= other, 1, -1)
        spots = [
            (places[i], values[i], side, int(level * outer[i])) for level in (1, -1) for i in widest for side in (-1, 1)
        ]
        placer.put(word, spots, color=colour)


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    columns = ("threshold", "precision", "recall")
    return list(columns), [list(row) for row in zip(*(data[column] for column in columns), strict=True)]
