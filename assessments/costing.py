"""How long a run will take, before it runs. No Django, nothing heavy.

costs.json says of each test what it costs by itself and how many rows it asks the model about (written by
`python -m benchmarks.costs`). The model's own speed is that of the runs before, where there were any, else a typical
one. It is a guess, good to a factor of about two: the machine and what else it does are not known.
"""

import functools
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("costs.json")
START_SECONDS = 8.0  # a new process, its libraries, reading the files and the first answers
READ_SECONDS = 0.5  # for 100,000 cells of the data
UNKNOWN = {"seconds": 3.0, "seconds_per_1000_rows": 0.1, "questions": 20_000, "questions_per_1000_rows": 0}
THOROUGH = 5.0  # times the standard plan: more rows, more resamples
THOROUGH_ONLY = {**UNKNOWN, "seconds": 20.0}
COLUMNS = 14  # of the data that costs.json was measured on
# Seconds for 1,000 rows in big batches, by a word in the name of the estimator: the slowest part of a pipeline counts.
TYPICAL = {
    "neighbors": 0.3, "svc": 0.15, "forest": 0.05, "extratrees": 0.05, "bagging": 0.05, "stacking": 0.05,
    "voting": 0.05, "boost": 0.006, "xgb": 0.004, "lgbm": 0.004, "mlp": 0.002,
}  # fmt: skip
TYPICAL_OTHERWISE = 0.001
FACTOR = (0.2, 20.0)  # what the runs before may change


@functools.cache
def costs() -> dict[str, dict[str, dict[str, float]]]:
    found: dict[str, dict[str, dict[str, float]]] = json.loads(FILE.read_text())
    return found


def latency(estimator: str) -> float:
    """Typical seconds for 1,000 rows, by what the estimator is called."""
    name = estimator.lower()
    return max((seconds for word, seconds in TYPICAL.items() if word in name), default=TYPICAL_OTHERWISE)


def estimate(
    tests: Iterable[Mapping[str, Any]],
    *,
    plan_name: str,
    rows: int,
    columns: int = COLUMNS,
    estimator: str = "",
    before: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """{seconds, text, basis, tests: {id: seconds}} of a plan's tests ({id, params}).

    before: (seconds that tests of this model took, seconds that we had said of them), where it was assessed already.
    """
    speed = latency(estimator)
    factor = 1.0
    if before and before[0] > 0 and before[1] > 0:
        factor = min(max(before[0] / before[1], FACTOR[0]), FACTOR[1])
    each = {test["id"]: round(factor * _seconds(test["id"], plan_name, rows, columns, speed), 2) for test in tests}
    total = START_SECONDS + READ_SECONDS * rows * columns / 100_000 + sum(each.values())
    return {
        "seconds": round(total, 1),
        "text": text(total),
        "basis": "measured" if factor != 1.0 else "typical",
        "tests": each,
    }


def _seconds(test: str, plan_name: str, rows: int, columns: int, speed: float) -> float:
    known = costs().get(test, {})
    if plan_name == "thorough":
        cost, times = (known["standard"], THOROUGH) if "standard" in known else (THOROUGH_ONLY, 1.0)
    else:
        cost, times = known.get(plan_name) or known.get("standard") or known.get("quick") or UNKNOWN, 1.0
    thousands = rows / 1_000
    own = cost["seconds"] + cost["seconds_per_1000_rows"] * thousands
    asked = cost["questions"] + cost["questions_per_1000_rows"] * thousands
    return times * (own * max(columns / COLUMNS, 0.2) + asked / 1_000 * speed)


def text(seconds: float) -> str:
    """about 40 s; about 3 min; about 2 h: as exact as it is known."""
    if seconds < 90:
        step = 5 if seconds < 30 else 10
        return f"about {max(step, step * math.ceil(seconds / step - 0.5))} s"
    if seconds < 5_400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3_600:.1f} h".replace(".0 h", " h")
