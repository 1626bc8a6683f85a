"""People of whom some are trained on, and models that remember them or do not."""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from assessments.battery.plan import Column, Target
from assessments.battery.subject import Subject

FEATURES = ["a", "b", "c", "sex"]


def people(rows, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)) + shift, columns=["a", "b", "c"])
    frame["sex"] = rng.choice(["f", "m"], rows)
    lean = frame["a"] + 0.5 * frame["b"] + rng.normal(0, 1, rows)
    return frame.assign(y=np.where(lean > 0, "yes", "no"))


def tables(rows=3000, seed=1, shift=0.0):
    """Training rows, and rows of the same kind."""
    return people(rows, seed), people(rows, seed + 100, shift)


def subject(model, before, now, target="y", features=("a", "b", "c")):
    fitted = model.fit(before[[*features]], before[target])
    return Subject(fitted, now, Target(target, "yes" if target == "y" else ""), (Column("sex", "sensitive"),),
                   reference=before)  # fmt: skip


def remembering():
    """A tree with a leaf for each person."""
    return DecisionTreeClassifier(random_state=0)


def forgetting():
    return LogisticRegression()
