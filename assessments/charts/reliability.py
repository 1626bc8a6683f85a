"""Reliability curve: how often something came against the probability that was given to it; the diagonal is right."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from assessments.charts import _drawing as d
from assessments.charts._reading import MOST_SERIES, curve, one_line, parts

COLUMNS = ("predicted", "observed", "low", "high", "n")


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    figure, axes = d.paper(title, height=4.5, left=0.85)
    axes.plot([0, 1], [0, 1], color=d.INK, linewidth=1.2, alpha=0.6, dashes=(4, 3))
    series = parts(data, "series", most=MOST_SERIES)
    for i, one in enumerate(series):
        predicted, observed, low, high, _ = curve(one, *COLUMNS)
        colour = d.SERIES[i % len(d.SERIES)]
        if len(series) == 1:  # of several the bars would lie across each other
            axes.vlines(predicted, low, high, color=colour, linewidth=5, alpha=0.22)
        axes.plot(predicted, observed, color=colour, linewidth=1.8, marker="o", markersize=4.5, clip_on=False,
                  **d.dashes(i))  # fmt: skip
    named = [(d.fit(one.get("name"), 2.4), d.SERIES[i % len(d.SERIES)]) for i, one in enumerate(series)]
    d.unit_square(axes, x="Probability given by the model, mean of the bin", y="Share of the outcomes")
    d.list_lines(axes, named[:10], corner="lower right")
    placer = d.Placer(axes, (np.array([0.0, 1.0]), np.array([0.0, 1.0])))
    placer.put("the model says too little", [(0.02, 0.97, 1, -1)], color=d.MUTED, size=d.SMALL)
    return figure


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    return ["series", "predicted", "observed", "low", "high", "rows"], [
        [one_line(one.get("name")), *row]
        for one in parts(data, "series", most=MOST_SERIES)
        for row in zip(*(one[column] for column in COLUMNS), strict=True)
    ]
