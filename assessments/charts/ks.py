"""KS curve: the cumulative share of each class up to a score; the bar is their largest distance."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from assessments.charts import _drawing as d
from assessments.charts._reading import curve, number


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    figure, axes = d.paper(title, height=4.3, left=0.85)
    score, negative, positive = curve(data, "score", "cdf_negative", "cdf_positive")
    drawn = [cumulative(score, shares) for shares in (negative, positive)]
    for shown, colour in zip(drawn, (d.BLUE, d.ORANGE), strict=True):
        axes.plot(*shown, color=colour, linewidth=2)
    d.unit_square(axes, x=f"Score for {d.fit(data.get('positive'), 2)}", y="Cumulative share")
    low, high = (np.nanmin(score), np.nanmax(score)) if np.isfinite(score).any() else (0.0, 1.0)
    if low < 0 or high > 1:  # scores of a decision function
        axes.set_xlim(low - 0.012 * (high - low), high + 0.012 * (high - low))
        axes.xaxis.set_major_locator(d.mpl.ticker.MaxNLocator(6))
        d.name_axes(axes, x=axes.get_xlabel(), y=axes.get_ylabel())
    _name(axes, data, score, negative, positive, d.Placer(axes, *drawn))
    return figure


def cumulative(score: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners of a cumulative share: 0 below the first score, a jump at each, 1 beyond the last."""
    if not score.size:
        return score, shares
    low, high = min(0.0, score[0]), max(1.0, score[-1])
    return d.stepped(np.array([low, *score, high]), np.array([0.0, *shares, shares[-1]]), ahead=True)


def _name(
    axes: Axes,
    data: Mapping[str, Any],
    score: np.ndarray,
    negative: np.ndarray,
    positive: np.ndarray,
    placer: d.Placer,
) -> None:
    """The bar with its length, then each class beside its curve: the upper on the left, the lower on the right."""
    at, ks = number(data.get("at")), number(data.get("ks"))
    if np.isfinite(at) and np.isfinite(ks) and score.size:
        i = int(np.nanargmin(np.abs(score - at)))
        low, high = sorted((negative[i], positive[i]))
        axes.plot([at, at], [low, high], color=d.INK, linewidth=1.8, solid_capstyle="butt")
        middle = (low + high) / 2
        spots = [(at, middle, 1, 0), (at, middle, -1, 0), (at, low, 1, -1), (at, high, -1, 1), (at, low - 0.06, 1, -1)]
        placer.put(f"KS {ks:.2f}", spots, size=11, strong=True)
    classes = [
        (negative, d.fit(data.get("negative"), 1.4), d.BLUE),
        (positive, d.fit(data.get("positive"), 1.4), d.ORANGE),
    ]
    classes.sort(key=lambda each: -np.nansum(each[0]))
    for (curve_of, name, colour), heights, outer in (
        (classes[0], (0.85, 0.75, 0.9, 0.65, 0.5, 0.4), (-1, 1)),
        (classes[1], (0.3, 0.4, 0.2, 0.5, 0.6, 0.7), (1, -1)),
    ):
        where = [(score[np.argmax(curve_of >= height)], height) for height in heights] if score.size else []
        # Outside first; between the two curves where there is no room, at last level with either.
        spots = [(x, y, side * outer[0], side * outer[1]) for side in (1, -1) for x, y in where]
        spots += [(x, y, side, 0) for side in (1, -1) for x, y in where]
        placer.put(name, spots, color=colour)


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    columns = ("score", "cdf_negative", "cdf_positive")
    return list(columns), [list(row) for row in zip(*(data[column] for column in columns), strict=True)]
