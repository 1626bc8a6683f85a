"""ROC curves on logarithmic axes: how many are found where almost nobody is wrongly accused."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from assessments.charts import _drawing as d
from assessments.charts import roc
from assessments.charts._reading import MOST_SERIES, curve, number, parts
from assessments.charts.roc import corner_lines

LOWEST = 1e-6
MOST_POINTS = 10


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    figure, axes = d.paper(title, height=4.5, left=0.95)
    series = parts(data, "series", most=MOST_SERIES)
    lines = [curve(one, "fpr", "tpr") for one in series]
    least = _least(lines)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(least, 1.0)
    axes.set_ylim(least, 1.35)
    axes.plot([least, 1], [least, 1], color=d.PALE, linewidth=1.4, dashes=(4, 3))
    for i, (fpr, tpr) in enumerate(lines):
        known = (fpr >= least) & (tpr > 0)  # nothing found has no place on a logarithmic axis
        axes.plot(fpr[known], np.clip(tpr[known], least, 1), color=d.SERIES[i % len(d.SERIES)], linewidth=2,
                  **d.dashes(i))  # fmt: skip
    for point in parts(data, "points", most=MOST_POINTS):
        _point(axes, point, least)
    _decades(axes, least)
    d.list_lines(axes, corner_lines(series, "auc", "AUC"), corner="lower right")
    d.name_axes(axes, x="False alarms: others called members", y="Members found")
    return figure


def _least(lines: list[tuple[np.ndarray, ...]]) -> float:
    """The decade below the smallest rate that is drawn."""
    smallest = [float(fpr[fpr > 0].min()) for fpr, _ in lines if (fpr > 0).any()]
    return float(np.clip(10.0 ** np.floor(np.log10(min(smallest, default=0.001))), LOWEST, 0.1))


def _point(axes: Axes, point: Mapping[str, Any], least: float) -> None:
    """The interval of the first series at one rate of false alarms."""
    fpr, tpr, low, high = (number(point.get(key)) for key in ("fpr", "tpr", "low", "high"))
    if not least <= fpr <= 1 or not np.isfinite(tpr):
        return
    if np.isfinite(low) and np.isfinite(high):
        ends = np.clip([low, high], least, 1)
        axes.plot([fpr, fpr], ends, color=d.INK, linewidth=1.6, alpha=0.8, solid_capstyle="butt", zorder=3)
    axes.plot([fpr], [min(max(tpr, least), 1)], "o", color=d.INK, markersize=5, zorder=4)
    d.write(axes, fpr, float(np.clip(np.nanmax([high, tpr]), least, 1)), f"{tpr:.2%}", size=d.SMALL, dy=5, ha="center",
            va="bottom", halo=True)  # fmt: skip


def _decades(axes: Axes, least: float) -> None:
    ticks = [10.0**power for power in range(round(np.log10(least)), 1)]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}%"))


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    return roc.table(data)
