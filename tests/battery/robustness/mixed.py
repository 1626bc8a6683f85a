"""A small table of numbers and categories, and fitted models of it."""

from functools import cache

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from assessments.battery.plan import Column
from tests.battery.subjects import subject_of

NUMBERS, CATEGORIES = ["age", "income", "debt"], ["job", "home"]
COLUMNS = (
    Column("age", "sensitive", mutable="fixed"),
    Column("debt", mutable="down"),
)


@cache
def applicants(rows=300, classes=2, seed=0):
    """age fixed, debt may only fall, income is whole; y is text and depends on all of them."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, rows),
            "job": rng.choice(["clerk", "driver", "nurse", "painter"], rows),
            "income": rng.integers(0, 100, rows),
            "home": rng.choice(["own", "rent"], rows),
            "debt": rng.uniform(0, 10, rows),
        }
    )
    score = frame.income / 30 - frame.debt / 3 + frame.age / 60 + (frame.job == "nurse") + 0.5 * (frame.home == "own")
    score = score + rng.normal(0, 0.3, rows)
    cuts = np.quantile(score, np.arange(1, classes) / classes)
    return frame.assign(y=np.array(["no", "maybe", "yes", "good", "best"])[np.searchsorted(cuts, score)])


def coded():
    return make_column_transformer(
        (StandardScaler(), NUMBERS), (OneHotEncoder(sparse_output=False, handle_unknown="ignore"), CATEGORIES)
    )


def subject_with(model, rows=300, classes=2, columns=COLUMNS, prepare=None):
    """The model behind scaling and one-hot coding, fitted to the table and asked about it."""
    frame = applicants(rows, classes)
    fitted = make_pipeline(prepare or coded(), model).fit(frame.drop(columns="y"), frame.y)
    favourable = {2: "no", 3: "yes"}.get(classes, "best")
    return subject_of(frame, fitted, *columns, favourable=favourable)
