"""events: what the battery says while it runs, one JSON object a line. Public wire format `modelrisk.events/1`.

    {"event": "started",  "schema": "modelrisk.events/1", "subject": {…}, "environment": {…}}
    {"event": "progress", "test": "robustness.hopskipjump", "done": 61, "of": 200}
    {"event": "result",   "test": "…", "outcome": {…}}       outcome: one entry of results.json's "tests"
    {"event": "failed",   "code": "…", "message": "…", "hint": "…"}   nothing can be run: ends the stream
    {"event": "finished"}

A test that crashes, runs out of time or does not apply is still a `result`, with its status and reason.
No number is NaN or infinite: what could not be computed is null.
"""

import json
import math
from dataclasses import asdict
from typing import IO, Any

from assessments.battery.spec import BatteryTest, Measure, Outcome

SCHEMA = "modelrisk.events/1"
RESULTS_SCHEMA = "modelrisk.results/1"


class Emitter:
    """Writes events to a stream that nothing else in the process can reach."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def _emit(self, event: dict[str, Any]) -> None:
        self._stream.write(json.dumps(finite(event), allow_nan=False, ensure_ascii=True) + "\n")
        self._stream.flush()

    def started(self, subject: dict[str, Any], environment: dict[str, Any]) -> None:
        self._emit({"event": "started", "schema": SCHEMA, "subject": subject, "environment": environment})

    def progress(self, test: str, done: int, of: int) -> None:
        self._emit({"event": "progress", "test": test, "done": done, "of": of})

    def result(self, outcome: dict[str, Any]) -> None:
        self._emit({"event": "result", "test": outcome["id"], "outcome": outcome})

    def failed(self, code: str, message: str, hint: str = "") -> None:
        self._emit({"event": "failed", "code": code, "message": message, "hint": hint})

    def finished(self) -> None:
        self._emit({"event": "finished"})


def result_entry(
    test: BatteryTest,
    *,
    status: str,
    params: dict[str, Any],
    seconds: float,
    queries: int,
    outcome: Outcome | None = None,
    reason: str = "",
    hint: str = "",
) -> dict[str, Any]:
    """One entry of results.json's "tests"."""
    found = outcome or Outcome(measures=[])
    return {
        "id": test.id,
        "family": test.family,
        "title": test.title,
        "status": status,
        "reason": reason,
        "hint": hint,
        "seconds": round(seconds, 3),
        "queries": queries,
        "params": params,
        "measures": [_measure(measure) for measure in found.measures],
        "charts": [asdict(chart) for chart in found.charts],
        "tables": [asdict(table) for table in found.tables],
        "notes": list(found.notes),
        **({"comparisons": found.comparisons} if found.comparisons else {}),
    }


def _measure(measure: Measure) -> dict[str, Any]:
    """p_value is there only where there is one: documents from before it was known stay the same."""
    told = {**asdict(measure), "ci": list(measure.ci) if measure.ci else None}
    if measure.p_value is None:
        del told["p_value"]
    return told


def finite(value: Any) -> Any:
    """The value with numpy numbers made Python's and every NaN or infinity made null."""
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, bool | str) or value is None:
        return value
    if hasattr(value, "tolist"):
        return finite(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
