"""The folder that `manage.py assess` writes: results.json, charts and report; whole or not at all."""

import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from assessments import charts
from assessments.reports import report
from assessments.results import SCHEMA

NAME_LENGTH = 100


class Occupied(Exception):
    """The folder cannot be written: message says why, hint what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def check(out: Path) -> None:
    """Raises Occupied where `out` is neither new, nor empty, nor earlier results that may be replaced."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise Occupied(f"{out} is not a folder.", "Name a new folder with --out.")
    if out.is_dir() and any(out.iterdir()) and not _holds_results(out):
        raise Occupied(
            f"{out} holds something else than the results of an assessment.",
            "Name a new or empty folder with --out; only earlier results are replaced.",
        )
    above = next(parent for parent in out.absolute().parents if parent.exists())
    if not (above.is_dir() and os.access(above, os.W_OK)):
        raise Occupied(f"{above} cannot be written to.", "Name a folder with --out in a place that you may write to.")


def _holds_results(out: Path) -> bool:
    known = {"results.json", "report.html", "charts"}
    try:
        document = json.loads((out / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    names = {path.name for path in out.iterdir()}
    return isinstance(document, dict) and document.get("schema") == SCHEMA and names <= known


def write(results: dict[str, Any], out: Path, *, title: str, catalogue: dict[str, Any]) -> None:
    """Make the folder beside `out`, then put it in its place."""
    out = out.absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        made.chmod(0o777 & ~_umask())
        (made / "results.json").write_text(as_text(results), encoding="utf-8")
        drawn = _write_charts(results, made / "charts")
        page = report.html(results, drawn=drawn, title=title, catalogue=catalogue)
        (made / "report.html").write_text(page, encoding="utf-8")
        _put(made, out)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def as_text(results: dict[str, Any]) -> str:
    return json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _write_charts(results: dict[str, Any], folder: Path) -> dict[str, str]:
    """Each chart as SVG, PNG and CSV; its SVG by its id. One that cannot be drawn is in results.json only."""
    folder.mkdir()
    drawn: dict[str, str] = {}
    for chart in (chart for entry in results["tests"] for chart in entry["charts"]):
        try:
            svg, png, csv = charts.draw(chart, format="svg"), charts.draw(chart, format="png"), charts.csv(chart)
        except charts.BadChart:
            continue
        name = file_name(chart["id"])
        while (folder / f"{name}.svg").exists():  # two columns whose names differ in what no file name may hold
            name += "_"
        (folder / f"{name}.svg").write_bytes(svg)
        (folder / f"{name}.png").write_bytes(png)
        (folder / f"{name}.csv").write_text(csv, encoding="utf-8")
        drawn[chart["id"]] = svg.decode()
    return drawn


def file_name(chart_id: str) -> str:
    """The id as a file name of any system; nothing in it leads elsewhere."""
    return re.sub(r"[^\w. -]", "_", chart_id).strip(". ")[:NAME_LENGTH] or "chart"


def _put(made: Path, out: Path) -> None:
    """`out` is the old folder or the new one, never half of either; a crash between the two renames leaves both."""
    if not out.exists():
        made.rename(out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
    out.rename(old / "old")
    made.rename(out)
    shutil.rmtree(old)


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current
