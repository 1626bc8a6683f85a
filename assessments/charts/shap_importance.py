"""Global SHAP importance: how far each original column moves the score, on average; sensitive columns stand out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from assessments.charts import _drawing as d
from assessments.charts._reading import MOST_GROUPS, number, one_line, parts
from assessments.charts.selection_rate import rows_axis

SHOWN = 20
ROW = 0.29  # inches


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    features = parts(data, "features", most=MOST_GROUPS)[:SHOWN]
    names = [d.fit(feature.get("name"), 2.0) for feature in features]
    left = max([d.width_of(name) for name in names], default=0) + 0.36
    marked = any(feature.get("sensitive") for feature in features)
    figure, axes = d.paper(title, height=1.55 + ROW * max(len(features), 2), left=left, right=0.6, bottom=0.9)
    top = 0.0
    for row, feature in enumerate(features):
        value, low, high = (number(feature.get(key)) for key in ("value", "low", "high"))
        colour = d.ORANGE if feature.get("sensitive") else d.BLUE
        axes.barh(row, np.nan_to_num(value), height=0.66, color=colour)
        if np.isfinite(low) and np.isfinite(high):
            axes.plot([low, high], [row, row], color=d.INK, linewidth=1.3, alpha=0.75, solid_capstyle="butt")
        end = np.nanmax([value, high, 0.0])
        d.write(axes, end, row, _figure(value) if np.isfinite(value) else "–", size=d.SMALL, dx=5, va="center")
        top = max(top, end)
    axes.set_xlim(0, top * 1.02 or 1)
    rows_axis(axes, names)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    unit = one_line(data.get("unit"))
    unit = unit[:1].upper() + unit[1:] if unit.lower().startswith("mean") else f"Mean |SHAP value|, {unit}"
    d.name_axes(axes, x=d.fit(unit, d.WIDTH - left - 0.2))
    axes.xaxis.set_label_coords(0, -0.3 / (ROW * max(len(features), 2) + 0.13))
    axes.xaxis.label.set_horizontalalignment("left")
    note = ("orange: sensitive column; " if marked else "") + "thin line: 95 % interval"
    figure.text(0.15 / d.WIDTH, 0.12 / figure.get_figheight(), note, color=d.MUTED,
                fontproperties=d.type_face(d.SMALL))  # fmt: skip
    return figure


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3f}"


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    return ["column", "mean_absolute_shap", "low", "high", "sensitive"], [
        [one_line(f.get("name")), f.get("value"), f.get("low"), f.get("high"), bool(f.get("sensitive"))]
        for f in parts(data, "features", most=MOST_GROUPS)
    ]
