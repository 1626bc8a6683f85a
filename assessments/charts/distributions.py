"""Two distributions over the same bins or categories: the share of the rows in each, one bar above the other."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from assessments.charts import _drawing as d
from assessments.charts._reading import MOST_GROUPS, number, one_line, parts
from assessments.charts.selection_rate import rows_axis

SHOWN = 25
ROW = 0.4  # inches
COLOURS = (d.BLUE, d.ORANGE)


def draw(title: str, data: Mapping[str, Any]) -> Figure:
    bins = parts(data, "bins", most=MOST_GROUPS)
    left_out, bins = max(0, len(bins) - SHOWN), bins[:SHOWN]
    names = [d.fit(each.get("name"), 2.0) for each in bins]
    left = max([d.width_of(name) for name in names], default=0) + 0.36
    figure, axes = d.paper(title, height=1.4 + ROW * max(len(bins), 2), left=left, right=0.6, bottom=0.82)
    keys = [key for key in ("first", "second") if one_line(data.get(key))]
    top = 0.0
    for at, key in enumerate(keys):
        shares = np.clip([number(each.get(key)) for each in bins], 0, 1)
        offset = (at - (len(keys) - 1) / 2) * 0.36
        axes.barh(np.arange(len(bins)) + offset, np.nan_to_num(shares), height=0.34, color=COLOURS[at])
        for row, share in enumerate(shares):
            if np.isfinite(share):
                d.write(axes, share, row + offset, _share(share), size=7.5, dx=4, va="center")
        top = max([top, *shares[np.isfinite(shares)]])
    axes.set_xlim(0, top * 1.02 or 1)
    rows_axis(axes, names)
    d.percent_ticks(axes, top or 1)
    d.name_axes(axes)
    _key(figure, [one_line(data.get(key)) for key in keys], left_out)
    return figure


def _share(share: float) -> str:
    return "<0.1%" if 0 < share < 0.001 else f"{share:.1%}"


def _key(figure: Figure, names: list[str], left_out: int) -> None:
    """What the bars are, on one line under the axis."""
    x, y = 0.2, 0.16 / figure.get_figheight()
    for name, colour in zip(names, COLOURS, strict=False):
        name = d.fit(name, 2.1, d.SMALL)
        figure.text(x / d.WIDTH, y, "■", color=colour, fontproperties=d.type_face(d.SMALL))
        figure.text((x + 0.16) / d.WIDTH, y, name, color=d.MUTED, fontproperties=d.type_face(d.SMALL))
        x += 0.16 + d.width_of(name, d.SMALL) + 0.22
    if left_out:
        note = d.fit(f"{left_out} more are in the data only", d.WIDTH - x - 0.1, d.SMALL)
        figure.text(x / d.WIDTH, y, note, color=d.MUTED, fontproperties=d.type_face(d.SMALL))


def table(data: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    keys = [key for key in ("first", "second") if one_line(data.get(key))]
    return ["value", *(one_line(data.get(key)) for key in keys)], [
        [one_line(each.get("name")), *(each.get(key) for key in keys)] for each in parts(data, "bins", most=MOST_GROUPS)
    ]
