"""Precision and recall against the threshold: what moving the cut-off buys and costs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from assessments.charts import _drawing as d
from assessments.charts._reading import curve, number


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    figure, axes = d.paper(title, height=4.3, left=0.85)
    threshold, precision, recall = curve(data, "threshold", "precision", "recall")
    at = number(data.get("at"))
    axes.axvline(at, color=d.MUTED, linewidth=1.2, dashes=(4, 3))
    axes.plot(threshold, precision, color=d.BLUE, linewidth=2)
    axes.plot(threshold, recall, color=d.ORANGE, linewidth=2)
    d.unit_square(axes, x="Threshold on the score", y=f"Share, favourable label {d.fit(data.get('name'), 1.2)}")
    _name_curves(axes, threshold, precision, recall)
    d.write(axes, at, 0, f"decided at {at:g}", size=d.SMALL, color=d.MUTED, dx=5, dy=3, va="bottom", halo=True)
    return figure


def _name_curves(axes: Axes, threshold: np.ndarray, precision: np.ndarray, recall: np.ndarray) -> None:
    """Each name beside its curve, on the outer side if it can be, where the two are far apart."""
    placer = d.Placer(axes, (threshold, precision), (threshold, recall))
    gap = np.nan_to_num(np.abs(precision - recall), nan=-1.0)
    widest = [int(i) for i in np.argsort(-gap, kind="stable") if gap[i] >= 0 and 0.08 < threshold[i] < 0.92][::3]
    for values, other, word, colour in (
        (precision, recall, "Precision", d.BLUE),
        (recall, precision, "Recall", d.ORANGE),
    ):
        outer = np.where(values >= other, 1, -1)
        spots = [
            (threshold[i], values[i], side, int(level * outer[i]))
            for level in (1, -1)
            for i in widest
            for side in (-1, 1)
        ]
        placer.put(word, spots, color=colour)


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    columns = ("threshold", "precision", "recall")
    return list(columns), [list(row) for row in zip(*(data[column] for column in columns), strict=True)]
