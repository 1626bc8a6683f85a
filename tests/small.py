"""A small real model and its data: 240 applicants, a text column, a label in words."""

import functools
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pandas as pd
from django.core.files.uploadedfile import SimpleUploadedFile
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

FEATURES = ["age", "income", "housing"]


def applicants(rows: int = 240, seed: int = 0) -> pd.DataFrame:
    """age, income, housing, sex and the label `decision` (approved or declined), which rests on income and housing."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, rows),
            "income": rng.normal(3000, 700, rows).round(2),
            "housing": rng.choice(["own", "rent", "free"], rows),
            "sex": rng.choice(["female", "male"], rows),
        }
    )
    worth = frame.income + 400 * (frame.housing == "own") + rng.normal(0, 400, rows)
    frame["decision"] = np.where(worth > 3100, "approved", "declined")
    return frame


def write_data(path: Path, seed: int = 0) -> Path:
    applicants(seed=seed).to_csv(path, index=False)
    return path


def write_model(path: Path, seed: int = 0) -> Path:
    """A fitted pipeline that takes the raw rows."""
    frame = applicants(seed=seed)
    prepare = ColumnTransformer(
        [("numbers", StandardScaler(), ["age", "income"]), ("text", OneHotEncoder(), ["housing"])]
    )
    model = Pipeline([("prepare", prepare), ("decide", LogisticRegression())])
    joblib.dump(model.fit(frame[FEATURES], frame.decision), path)
    return path


def write_held_model(path: Path, seed: int = 0) -> Path:
    """A fitted pipeline that the gate holds until a waiver is granted: loading it makes a function."""
    frame = applicants(seed=seed)
    capped = functools.partial(np.clip, a_min=0, a_max=10_000)
    prepare = ColumnTransformer(
        [("numbers", FunctionTransformer(capped), ["age", "income"]), ("text", OneHotEncoder(), ["housing"])]
    )
    model = Pipeline([("prepare", prepare), ("decide", LogisticRegression(max_iter=5_000))])
    joblib.dump(model.fit(frame[FEATURES], frame.decision), path)
    return path


def write_model_with_code(path: Path, seed: int = 0) -> Path:
    """A fitted pipeline with a function of its own, which cloudpickle writes into the file."""
    frame = applicants(seed=seed)
    prepare = ColumnTransformer(
        [
            ("numbers", FunctionTransformer(lambda table: table / 1000), ["age", "income"]),
            ("text", OneHotEncoder(), ["housing"]),
        ]
    )
    model = Pipeline([("prepare", prepare), ("decide", LogisticRegression(max_iter=5_000))])
    path.write_bytes(cloudpickle.dumps(model.fit(frame[FEATURES], frame.decision)))
    return path


def write_refused_model(path: Path) -> Path:
    """A file that runs a command when it is loaded, as joblib would."""
    path.write_bytes(b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.")
    return path


def upload(path: Path, name: str = "") -> SimpleUploadedFile:
    """The file as a form would hand it over."""
    return SimpleUploadedFile(name or path.name, path.read_bytes())
