"""A small table of numbers and categories, for models that are saved in their own formats."""

import numpy as np
import pandas as pd


def people(rows: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, rows),
            "job": rng.choice(["clerk", "smith", "nurse"], rows),
            "hours a week": rng.normal(40, 9, rows),
        }
    )


def outcome(frame: pd.DataFrame, classes: int = 2) -> np.ndarray:
    """Of age and job: 0 or 1, or 0 to classes - 1."""
    found = (frame["age"] > 40).astype(int) + (frame["job"] == "clerk")
    return np.asarray(found % 2 if classes == 2 else found % classes)


def with_categories(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(job=pd.Categorical(frame["job"]))
