"""The charts of the data and privacy families as numbers: bars by column, and two distributions side by side."""

import re
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assessments.battery.spec import Chart
from assessments.battery.stats import Interval

SLUG = 60  # characters of a column's name in a chart's id
NAMED = 3  # bars that the alternative text names
TRAINING, TESTED = "training data", "data under test"


@dataclass(frozen=True)
class Bar:
    """One bar: its name, length and interval. marked: it stands out."""

    name: str
    value: float
    ci: Interval | None = None
    marked: bool = False


def bars(
    id: str,
    title: str,
    said: str,
    what: str,
    rows: list[Bar],
    limits: list[tuple[float, str]],
    *,
    marked: str = "",
    percent: bool = False,
    start: float = 0.0,
    end: float | None = None,
    base: float | None = None,
) -> Chart:
    """what: the number that a bar's length is; limits: (value, name) of dashed lines; start, end: of the axis.

    base: where bars grow from, if not from the start.
    """
    data = {
        "kind": "bars",
        "x_label": what,
        "percent": percent,
        "start": start,
        "end": end,
        "from": base,
        "marked": marked,
        "limits": [{"value": value, "name": name} for value, name in limits],
        "bars": [
            {"name": bar.name, "value": bar.value, "low": bar.ci and bar.ci[0], "high": bar.ci and bar.ci[1],
             "marked": bar.marked}
            for bar in rows
        ],
    }  # fmt: skip
    longest = ", ".join(f"{bar.name} {bar.value:.3f}" for bar in rows[:NAMED])
    return Chart(id, title, said, f"Bars of {what} for {len(rows)} rows. Longest: {longest}. {said}", data)


def compared(
    id: str, title: str, said: str, names: list[str], first: NDArray[np.int64], second: NDArray[np.int64] | None
) -> Chart:
    """The shares of the rows in each bin, of the training data and of the data under test, or of the latter alone."""
    after = second if second is not None else first
    before = first / max(int(first.sum()), 1) if second is not None else np.full(len(names), np.nan)
    now = after / max(int(after.sum()), 1)
    data = {
        "kind": "distributions",
        "first": TRAINING if second is not None else "",
        "second": TESTED,
        "bins": [
            {"name": name, "first": None if np.isnan(one) else float(one), "second": float(other)}
            for name, one, other in zip(names, before, now, strict=True)
        ],
    }
    return Chart(id, title, said, f"Shares of the rows over {len(names)} values or bins. {said}", data)


def slug(name: str) -> str:
    """A name as part of a chart's id; a digest keeps two alike apart."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:SLUG]
    return plain if plain == name else f"{plain}_{zlib.crc32(name.encode()):08x}"
