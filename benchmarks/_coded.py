"""Adult as other tools take it, numbers scaled to [0, 1] and categories one-hot; models and subjects of it."""

import os
import resource
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from assessments.battery.plan import Column, Target
from assessments.battery.subject import Subject

DATA = Path(os.environ.get("MODELRISK_DATA", Path(__file__).parents[2] / "shared" / "data")) / "adult.csv"
TRAIN = 20_000


def table(rows: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Codes (n, d) in [0, 1], labels, and where they are from. Without Adult a table of the same size is made up."""
    if not DATA.exists():
        from sklearn.datasets import make_classification

        x, y = make_classification(rows, 103, n_informative=20, random_state=0)
        return (x - x.min(0)) / np.ptp(x, axis=0), y, "make_classification"
    frame = pd.read_csv(DATA).drop(columns="fnlwgt").sample(frac=1.0, random_state=0).head(rows)
    y = (frame.pop("income") == ">50K").to_numpy(dtype=int)
    codes = pd.get_dummies(frame, dtype=float).to_numpy()
    spread = np.ptp(codes, axis=0)
    codes, spread = codes[:, spread > 0], spread[spread > 0]
    return (codes - codes.min(0)) / spread, y, DATA.name


def models() -> dict[str, Any]:
    from lightgbm import LGBMClassifier
    from sklearn.ensemble import (
        ExtraTreesClassifier,
        GradientBoostingClassifier,
        HistGradientBoostingClassifier,
        RandomForestClassifier,
    )
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import SVC, LinearSVC
    from sklearn.tree import DecisionTreeClassifier
    from xgboost import XGBClassifier

    return {
        "logistic": LogisticRegression(max_iter=1000),
        "linear svc": LinearSVC(random_state=0),
        "mlp": MLPClassifier((64, 32), max_iter=30, early_stopping=True, random_state=0),
        "tree": DecisionTreeClassifier(max_depth=10, random_state=0),
        "forest": RandomForestClassifier(200, random_state=0, n_jobs=1),
        "extra trees": ExtraTreesClassifier(200, max_depth=20, random_state=0, n_jobs=1),
        "gradient boosting": GradientBoostingClassifier(random_state=0),
        "histograms": HistGradientBoostingClassifier(random_state=0),
        "xgboost": XGBClassifier(n_estimators=100, n_jobs=1),
        "lightgbm": LGBMClassifier(n_estimators=100, n_jobs=1, verbose=-1),
        "svc": SVC(),
    }


def fitted(name: str, x: np.ndarray, y: np.ndarray) -> Any:
    few = 3000 if name == "svc" else TRAIN
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return models()[name].fit(x[:few], y[:few])


def subject_of(model: Any, x: np.ndarray, y: np.ndarray) -> Subject:
    """The rows beyond the training rows, as a table of plain numbers without names."""
    names = [f"c{k}" for k in range(x.shape[1])]
    columns = tuple(Column(name, kind="number", min=0.0, max=1.0, integer=False) for name in names)
    frame = pd.DataFrame(x, columns=names).assign(y=y)
    return Subject(model, frame, Target("y", "1"), columns)


class Clock:
    """Seconds since it was made: of wall time, and of processor time of this process and its ended children."""

    def __init__(self) -> None:
        self.begun = self._now()

    def read(self) -> np.ndarray:
        """(2,): wall, processor."""
        return self._now() - self.begun

    @staticmethod
    def _now() -> np.ndarray:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return np.array([time.perf_counter(), time.process_time() + children.ru_utime + children.ru_stime])


def quiet() -> None:
    """Libraries warn of what is not there, each in its own way; a table is easier to read without."""
    warnings.simplefilter("ignore")
