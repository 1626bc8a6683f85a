"""A table of applicants whose parts were drawn alike, for tests that plant a fault in one of them."""

import numpy as np
import pandas as pd

from assessments.battery.plan import Column
from tests.battery.subjects import HardRule, Rule, subject_of

FEATURES = ["age", "income", "kind"]


def drawn(rows, seed):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, rows),
            "income": rng.lognormal(10, 0.5, rows).round(2),
            "kind": rng.choice(["house", "car", "boat"], rows, p=[0.5, 0.4, 0.1]),
            "sex": rng.choice(["f", "m"], rows),
        }
    )
    return frame.assign(y=(frame["income"] * rng.lognormal(0, 0.4, rows) > 22_000).astype(int))


def subject(now, before=None, *columns, features=None, scores=True, **options):
    """A model that decides by income; sex is sensitive."""
    columns = columns or (Column("sex", "sensitive"),)
    rule = (Rule if scores else HardRule)(lambda f: f["income"] / (f["income"] + 22_000.0), features or FEATURES)
    return subject_of(now, rule, *columns, reference=before, **options)
