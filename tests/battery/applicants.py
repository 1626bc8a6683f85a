"""A small table of made-up loan applicants with text, missing values and three kinds of label."""

import numpy as np
import pandas as pd


def applicants(rows: int = 400, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, rows)
    income = rng.normal(40, 12, rows).round(1)
    job = rng.choice(["clerk", "cook", "driver", "?"], rows)
    sex = rng.choice(["Female", "Male"], rows)
    strength = 0.05 * (age - 45) + 0.08 * (income - 40) + (job == "clerk") + rng.normal(0, 1, rows)
    frame = pd.DataFrame({"age": age, "income": income, "job": pd.Series(job, dtype=object), "sex": sex})
    frame["sex"] = frame["sex"].astype(object)
    frame.loc[::17, "income"] = np.nan
    frame["repaid"] = pd.Series(np.where(strength > 0, "yes", "no"), dtype=object)
    frame["grade"] = pd.Series(np.select([strength < -0.7, strength < 0.7], ["C", "B"], "A"), dtype=object)
    return frame
