"""Train the demo's models: `python -m modelrisk.demo.training FOLDER [TABLE]`; without a table, on our census.

Runs as its own process (it needs the numeric libraries, the demo command does not) on our own table with our own code.
Writes train.csv, test.csv, random_forest.joblib, gradient_boosting.joblib, scorecard.joblib, and training.json: what
was fitted, on how many rows, and with which columns. All are pipelines over the raw columns, text included. The
scorecard caps its numbers by a function that its file makes when it is loaded; so the gate holds it for a waiver.
"""

import functools
import json
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from modelrisk.demo.census import FAVOURABLE, TARGET, UNFAVOURABLE, census

SEED = 20_261_114
# How many people a census row stands for: not a fact about the person, so the models are not given it.
LEFT_OUT = ("fnlwgt",)


class WrongTable(Exception):
    """The table cannot be used for the demo; the message says why."""


def features_of(table: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The text columns and the number columns that the models are given."""
    used = table.drop(columns=[TARGET, *LEFT_OUT], errors="ignore")
    numbers = used.select_dtypes("number").columns.tolist()
    return [name for name in used if name not in numbers], numbers


def random_forest(text: list[str], numbers: list[str]) -> Pipeline:
    columns = ColumnTransformer(
        [("text", OneHotEncoder(handle_unknown="ignore", min_frequency=20), text), ("number", "passthrough", numbers)]
    )
    forest = RandomForestClassifier(n_estimators=200, min_samples_leaf=5, n_jobs=2, random_state=SEED)
    return Pipeline([("columns", columns), ("forest", forest)])


def gradient_boosting(text: list[str], numbers: list[str]) -> Pipeline:
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)
    columns = ColumnTransformer([("text", codes, text), ("number", "passthrough", numbers)])
    boosting = HistGradientBoostingClassifier(categorical_features=list(range(len(text))), random_state=SEED)
    return Pipeline([("columns", columns), ("boosting", boosting)])


def scorecard(text: list[str], numbers: list[str]) -> Pipeline:
    cap = FunctionTransformer(functools.partial(np.clip, a_min=0, a_max=20_000), feature_names_out="one-to-one")
    columns = ColumnTransformer(
        [
            ("text", OneHotEncoder(handle_unknown="ignore", min_frequency=20), text),
            ("number", make_pipeline(cap, StandardScaler()), numbers),
        ]
    )
    return Pipeline([("columns", columns), ("points", LogisticRegression(max_iter=500))])


def read(path: Path) -> pd.DataFrame:
    """The table, labels without stray blanks or the full stops of Adult's test file."""
    table = pd.read_csv(path, skipinitialspace=True)
    if TARGET not in table:
        raise WrongTable(f"{path.name} has no column {TARGET}; the demo expects the Adult census file with a header.")
    table[TARGET] = table[TARGET].str.rstrip(".")
    if set(table[TARGET]) != {FAVOURABLE, UNFAVOURABLE}:
        found = ", ".join(sorted(map(str, set(table[TARGET])))[:5])
        raise WrongTable(f"{path.name}: {TARGET} must hold {FAVOURABLE} and {UNFAVOURABLE}; it holds {found}.")
    return table


def train(table: pd.DataFrame, folder: Path) -> dict:
    """Split, fit and save; what was done, as written to training.json, which comes last."""
    fitted, held_out = train_test_split(table, test_size=0.3, random_state=SEED, stratify=table[TARGET])
    fitted.to_csv(folder / "train.csv", index=False)
    held_out.to_csv(folder / "test.csv", index=False)
    text, numbers = features_of(table)
    features = [name for name in table if name in {*text, *numbers}]
    models = {"random_forest": random_forest(text, numbers), "gradient_boosting": gradient_boosting(text, numbers)}
    models["scorecard"] = scorecard(text, numbers)
    for name, model in models.items():
        model.fit(fitted[features], fitted[TARGET])
        model.set_params(**{key: None for key in model.get_params() if key.endswith("__n_jobs")})
        joblib.dump(model, folder / f"{name}.joblib", compress=3)
    done = {"train_rows": len(fitted), "test_rows": len(held_out), "features": features}
    (folder / "training.json").write_text(json.dumps(done))
    return done


if __name__ == "__main__":
    try:
        train(read(Path(sys.argv[2])) if len(sys.argv) > 2 else census(), Path(sys.argv[1]))
    except (WrongTable, OSError, ValueError) as error:
        raise SystemExit(str(error)) from error
