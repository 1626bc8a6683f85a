"""One small fitted model of every family, bare and behind a preparation of text columns, and a table for it."""

import warnings
from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
)
from sklearn.linear_model import BayesianRidge, LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from assessments.battery.plan import Column, Target
from assessments.battery.subject import Subject

NUMBERS, TEXT = ["points", "hours", "age"], ["school", "region"]
COLUMNS = (Column("age", "sensitive", mutable="fixed"), Column("region", "sensitive", mutable="fixed"),
           Column("hours", mutable="up"))  # fmt: skip
HISTOGRAMS = "HistGradientBoosting"
FORMS = ("bare", "pipeline")
CLASSES = {"two classes": 2, "five classes": 5}
NUMBER = "a number"
TASKS = (*CLASSES, NUMBER)

TREE = {"max_depth": 4, "random_state": 0}
FEW = {"n_estimators": 6, "random_state": 0}

# The same families in both, so that the tables have the same columns.
CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "Linear": lambda: LogisticRegression(max_iter=500),
    "LinearSVM": lambda: LinearSVC(random_state=0),
    "SVM": SVC,
    "DecisionTree": lambda: DecisionTreeClassifier(**TREE),
    "RandomForest": lambda: RandomForestClassifier(max_depth=6, **FEW),
    "ExtraTrees": lambda: ExtraTreesClassifier(max_depth=6, **FEW),
    "GradientBoosting": lambda: GradientBoostingClassifier(**FEW),
    HISTOGRAMS: lambda: HistGradientBoostingClassifier(max_iter=6, random_state=0),
    "AdaBoost": lambda: AdaBoostClassifier(**FEW),
    "MLP": lambda: MLPClassifier((6,), max_iter=200, solver="lbfgs", random_state=0),
    "KNeighbors": KNeighborsClassifier,
    "Bayes": GaussianNB,
    "Wrapped": lambda: CalibratedClassifierCV(LogisticRegression(max_iter=500), cv=2),
    "Stacking": lambda: StackingClassifier(
        [("tree", DecisionTreeClassifier(**TREE)), ("bayes", GaussianNB())], LogisticRegression(max_iter=500), cv=2
    ),
    "XGBoost": lambda: xgboost.XGBClassifier(n_estimators=6, n_jobs=1, enable_categorical=True),
    "LightGBM": lambda: lightgbm.LGBMClassifier(n_estimators=6, n_jobs=1, verbose=-1),
}
REGRESSORS: dict[str, Callable[[], Any]] = {
    "Linear": LinearRegression,
    "LinearSVM": lambda: LinearSVR(random_state=0),
    "SVM": SVR,
    "DecisionTree": lambda: DecisionTreeRegressor(**TREE),
    "RandomForest": lambda: RandomForestRegressor(max_depth=6, **FEW),
    "ExtraTrees": lambda: ExtraTreesRegressor(max_depth=6, **FEW),
    "GradientBoosting": lambda: GradientBoostingRegressor(**FEW),
    HISTOGRAMS: lambda: HistGradientBoostingRegressor(max_iter=6, random_state=0),
    "AdaBoost": lambda: AdaBoostRegressor(**FEW),
    "MLP": lambda: MLPRegressor(hidden_layer_sizes=(6,), max_iter=200, solver="lbfgs", random_state=0),
    "KNeighbors": KNeighborsRegressor,
    "Bayes": BayesianRidge,
    "Wrapped": lambda: TransformedTargetRegressor(LinearRegression(), transformer=StandardScaler()),
    "Stacking": lambda: StackingRegressor(
        [("tree", DecisionTreeRegressor(**TREE)), ("bayes", BayesianRidge())], LinearRegression(), cv=2
    ),
    "XGBoost": lambda: xgboost.XGBRegressor(n_estimators=6, n_jobs=1, enable_categorical=True),
    "LightGBM": lambda: lightgbm.LGBMRegressor(n_estimators=6, n_jobs=1, verbose=-1),
}
ON_CATEGORIES = (HISTOGRAMS, "XGBoost", "LightGBM")  # bare, they are trained on the text columns themselves
COUNTED = ("XGBoost", "LightGBM")  # trained on classes 0, 1, …, as XGBoost asks; the table holds their names


def pupils(task: str, rows: int, seed: int, holes: bool) -> pd.DataFrame:
    """Numbers, whole numbers and text; the last column is the outcome: a text, or a number."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "points": rng.normal(size=rows),
            "hours": rng.integers(0, 40, rows),
            "age": rng.integers(12, 19, rows),
            "school": rng.choice(["art", "mixed", "science", "sports"], rows),
            "region": rng.choice(["east", "north", "west"], rows),
        }
    )
    lean = frame.points + frame.hours / 15 + (frame.school == "science") + frame.age / 30 + rng.normal(0, 0.4, rows)
    if holes:
        frame["hours"] = frame["hours"].astype(float)
        frame.loc[::9, "hours"] = np.nan
        frame.loc[::11, "school"] = np.nan
    if task == NUMBER:
        return frame.assign(outcome=10 * lean)
    labels = {2: ["fail", "pass"], 5: list("ABCDE")}[CLASSES[task]]
    return frame.assign(outcome=pd.qcut(lean, len(labels), labels=labels).astype(str))


def subject_of(task: str, family: str, form: str) -> Subject:
    """A fitted model of the family and a table that it has not seen."""
    train, other = (pupils(task, rows, seed, holes=family == HISTOGRAMS) for rows, seed in ((240, 1), (140, 2)))
    given = train.drop(columns="outcome")
    outcome = train["outcome"]
    if task != NUMBER and family in COUNTED:
        outcome = pd.Series(pd.factorize(outcome, sort=True)[0])
    model = (REGRESSORS if task == NUMBER else CLASSIFIERS)[family]()
    if form == "pipeline":
        model = _behind_text(model, family)
    elif family in ON_CATEGORIES:
        given = given.astype(dict.fromkeys(TEXT, "category"))
    else:
        given = given[NUMBERS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # solvers that have not converged
        model.fit(given, outcome)
    return Subject(model, other, Target("outcome"), COLUMNS, reference=train)


def _behind_text(model: Any, family: str) -> Any:
    if family == HISTOGRAMS:  # the trees split sets of the coded categories, and see what is missing
        model.set_params(categorical_features=[0, 1])
        code = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
        return make_pipeline(make_column_transformer((code, TEXT), remainder="passthrough"), model)
    code = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_pipeline(make_column_transformer((StandardScaler(), NUMBERS), (code, TEXT)), model)
