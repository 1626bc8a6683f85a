"""What a data file holds, a column at a time: type, missing, range, most frequent values. Needs pandas only.

Where it is asked for, also the relations between columns that the data suggests, and what it says of given ones.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from assessments.battery.labels import as_text
from assessments.battery.tables import is_number, read_frame

TOP = 20
MOST_ROWS = 200_000  # that relations are counted on


def profile_dataset(
    path: Path, format: str = "csv", *, suggest: bool = False, relations: Sequence[str] = ()
) -> dict[str, Any]:
    """The facts as JSON. Raises LoadError where the file holds no usable table.

    suggest: with "relations", those that the data suggests. relations: with "checked", what the data says of each.
    """
    frame, notes = read_frame(path, format)
    columns = [profile_column(frame[name]) for name in frame]
    found = {"rows": len(frame), "columns": columns, "notes": notes}
    if not (suggest or relations):
        return found
    from assessments.battery.relations.mining import suggest as suggestions

    kinds = {column["name"]: column["kind"] for column in columns}
    if len(frame) > MOST_ROWS:
        frame = frame.take(np.linspace(0, len(frame) - 1, MOST_ROWS).astype(int)).reset_index(drop=True)
    found["checked"] = [check_relation(text, frame, kinds) for text in relations]
    found["relations"] = [each.to_json() for each in suggestions(frame, kinds)] if suggest else []
    return found


def check_relation(text: str, frame: pd.DataFrame, kinds: dict[str, str]) -> dict[str, Any]:
    """{text, columns, rows, broken, problem, hint}: problem is empty where the data bears the relation out."""
    from assessments.battery.relations.checking import Relation, refuse_wrong, tally
    from assessments.battery.relations.language import BadRelation, parse

    answer: dict[str, Any] = {"text": text, "columns": [], "rows": 0, "broken": 0, "problem": "", "hint": ""}
    try:
        relation = Relation(parse(text, kinds))
        counted = tally(relation, frame)
        answer |= {"text": relation.text, "columns": list(relation.columns)}
        answer |= {"rows": counted.rows, "broken": counted.broken}
        refuse_wrong(relation, frame)
    except BadRelation as error:
        answer |= {"problem": error.message, "hint": error.hint}
    return answer


def profile_column(values: pd.Series) -> dict[str, Any]:
    """min, max, mean and std are null for text; top holds the most frequent values as text, ties by value."""
    numeric = is_number(values)
    counts = values.value_counts(dropna=True)
    pairs = sorted(
        ((as_text(value), int(n)) for value, n in counts.head(TOP * 10).items()), key=lambda p: (-p[1], p[0])
    )
    found: dict[str, Any] = {
        "name": str(values.name),
        "dtype": str(values.dtype),
        "kind": "number" if numeric else "category",
        "integer": False,
        "missing": int(values.isna().sum()),
        "distinct": len(counts),
        "min": None,
        "max": None,
        "mean": None,
        "std": None,
        "top": [[text[:200], n] for text, n in pairs[:TOP]],
    }
    if numeric:
        numbers = values.to_numpy(dtype=float)
        numbers = numbers[np.isfinite(numbers)]
        if len(numbers):
            found |= {
                "integer": bool((numbers == np.round(numbers)).all()),
                "min": float(numbers.min()),
                "max": float(numbers.max()),
                "mean": float(numbers.mean()),
                "std": float(numbers.std(ddof=1)) if len(numbers) > 1 else 0.0,
            }
    return found
