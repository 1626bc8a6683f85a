"""What a data file holds, a column at a time: type, missing, range, most frequent values. Needs pandas only."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from assessments.battery.labels import as_text
from assessments.battery.tables import is_number, read_frame

TOP = 20


def profile_dataset(path: Path, format: str = "csv") -> dict[str, Any]:
    """The facts as JSON. Raises LoadError where the file holds no usable table."""
    frame, notes = read_frame(path, format)
    return {"rows": len(frame), "columns": [profile_column(frame[name]) for name in frame], "notes": notes}


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
