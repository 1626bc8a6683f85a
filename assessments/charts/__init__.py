"""Chart data (numbers, out of the sandbox) -> SVG, PNG, CSV. One module here is one kind of chart, found by its name.

A chart is {"id", "title", "caption", "alt", "data"}; data["kind"] names the module. The module has
    draw(title, data) -> Figure      and      table(data) -> (headings, rows)
The same chart gives the same bytes, in every process.
"""

import csv as csv_format
import functools
import importlib
import io
import pkgutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Literal

from assessments.charts._reading import BadChart, one_line

__all__ = ["BadChart", "csv", "draw", "kinds"]

FORMULA_STARTS = ("=", "+", "-", "@")


@functools.cache
def kinds() -> tuple[str, ...]:
    """The kinds of chart that can be drawn."""
    return tuple(sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_")))


def _kind(chart: Mapping[str, Any]) -> ModuleType:
    kind = chart["data"].get("kind") if isinstance(chart.get("data"), Mapping) else None
    if kind not in kinds():  # a name from the sandbox must not become an import of something else
        raise BadChart(f"There is no chart of the kind {str(kind)[:40]!r}; there are {', '.join(kinds())}.")
    return importlib.import_module(f"{__name__}.{kind}")


def draw(chart: Mapping[str, Any], *, format: Literal["svg", "png"]) -> bytes:
    """The picture. Raises BadChart where the data cannot be drawn."""
    from assessments.charts import _drawing  # matplotlib takes a second: only for those who draw

    with _refusing():
        figure = _kind(chart).draw(chart.get("title", ""), chart["data"])
        if format == "png":
            return _drawing.as_png(figure)
        return _drawing.as_svg(figure, name=str(chart["id"]), title=chart.get("title", ""), alt=chart.get("alt", ""))


def csv(chart: Mapping[str, Any]) -> str:
    """The numbers behind the picture, a heading first; null is an empty cell. Raises BadChart like draw."""
    with _refusing():
        headings, rows = _kind(chart).table(chart["data"])
    out = io.StringIO()
    writer = csv_format.writer(out, lineterminator="\n")
    writer.writerow([_cell(heading) for heading in headings])
    writer.writerows([[_cell(value) for value in row] for row in rows])
    return out.getvalue()


@contextmanager
def _refusing() -> Iterator[None]:
    """Whatever the data breaks, in our code or in Matplotlib's, is the data's fault: an unknown hand wrote it."""
    try:
        yield
    except BadChart:
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {str(error)[:200]}"
        raise BadChart(f"The chart's data lacks a part, or one has the wrong form ({what}).") from error


def _cell(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula is quoted; a number stays a number."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = one_line(value)
    return "'" + text if text.startswith(FORMULA_STARTS) else text
