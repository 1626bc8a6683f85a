"""Predicted against actual numbers: points on the diagonal are right, above it too high."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from assessments.charts import _drawing as d
from assessments.charts._reading import curve


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    figure, axes = d.paper(title, height=4.3, left=0.95)
    actual, predicted = curve(data, "actual", "predicted")
    known = np.isfinite(actual) & np.isfinite(predicted)
    actual, predicted = actual[known], predicted[known]
    low, high = _range(actual, predicted)
    axes.plot([low, high], [low, high], color=d.INK, linewidth=1.2, alpha=0.75)
    axes.plot(actual, predicted, linestyle="none", marker="o", markersize=3.2, markeredgewidth=0, color=d.BLUE,
              alpha=0.45, clip_on=False)  # fmt: skip
    room = 0.02 * (high - low)
    axes.set_xlim(low - room, high + room)
    axes.set_ylim(low - room, high + room)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}".replace("-", "−")))
    what = d.fit(data.get("target"), 2.5)
    d.name_axes(axes, x=f"Actual {what}", y=f"Predicted {what}")
    placer = d.Placer(axes)
    placer.put("too high", [(low, high, 1, -1)], color=d.MUTED, size=d.SMALL)
    placer.put("too low", [(high, low, -1, 1)], color=d.MUTED, size=d.SMALL)
    return figure


def _range(*values: np.ndarray) -> tuple[float, float]:
    """What both axes span: the same, so that the diagonal is one."""
    every = np.concatenate(values)
    low, high = (float(every.min()), float(every.max())) if every.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    columns = ("actual", "predicted")
    return list(columns), [list(row) for row in zip(*(data[column] for column in columns), strict=True)]
