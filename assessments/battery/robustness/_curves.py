"""Curves with their intervals as chart data of the kind `lines`."""

from dataclasses import dataclass, field
from typing import Any

from assessments.battery.spec import Chart
from assessments.battery.stats import Interval


@dataclass
class Curve:
    """One named line; low and high are None where a point has no interval."""

    name: str
    x: list[float] = field(default_factory=list)
    y: list[float | None] = field(default_factory=list)
    low: list[float | None] = field(default_factory=list)
    high: list[float | None] = field(default_factory=list)

    def add(self, x: float, y: float | None, ci: Interval | None) -> None:
        self.x.append(float(x))
        self.y.append(None if y is None else float(y))
        low, high = ci or (None, None)
        self.low.append(low)
        self.high.append(high)


def lines_chart(
    id: str,
    title: str,
    said: str,
    x: str,
    y: str,
    curves: list[Curve],
    *,
    log: bool = False,
    percent: bool = False,
    judged_at: float | None = None,
) -> Chart:
    """said: the figures as sentences. log: the x axis is logarithmic; percent: x is a share, shown in per cent.

    judged_at: the x that the measures, and so the verdict, are about.
    """
    series: list[dict[str, Any]] = [
        {"name": curve.name, "x": curve.x, "y": curve.y, "low": curve.low, "high": curve.high}
        for curve in curves
        if curve.x
    ]
    data = {"kind": "lines", "x_label": x, "y_label": y, "log": log, "percent": percent, "series": series}
    data["judged_at"] = judged_at
    names = ", ".join(curve.name for curve in curves if curve.x)
    alt = f"Lines of {y} against {x} with 95 % intervals: {names}. {said}"
    return Chart(id=id, title=title, caption=said, alt=alt, data=data)
