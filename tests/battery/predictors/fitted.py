"""Small fitted models of every family, bare and behind transformers, on real tables with holes in them."""

import warnings
from functools import cache

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from sklearn.base import clone, is_regressor
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    Lasso,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from assessments.battery.coder import Coder
from assessments.battery.estimator import FittedClassifier, FittedModel, FittedRegressor
from assessments.battery.tables import read_frame

NUMBERS = make_column_selector(dtype_include="number")
TEXT = make_column_selector(dtype_exclude="number")

CLASSIFIERS = {
    "logistic": LogisticRegression(max_iter=100),
    "hinge": SGDClassifier(random_state=0),
    "log loss": SGDClassifier(loss="log_loss", random_state=0),
    "ridge": RidgeClassifier(),
    "linear svc": LinearSVC(),
    "perceptron": Perceptron(random_state=0),
    "mlp": MLPClassifier((12, 6), max_iter=15, random_state=0),
    "tanh mlp": MLPClassifier((7,), activation="tanh", max_iter=10, random_state=0),
    "svc": SVC(),
    "linear kernel": SVC(kernel="linear", max_iter=3000),
    "neighbours": KNeighborsClassifier(),
    "bayes": GaussianNB(),
    "tree": DecisionTreeClassifier(random_state=0),
    "forest": RandomForestClassifier(12, random_state=0, n_jobs=2),
    "extra trees": ExtraTreesClassifier(12, random_state=0),
    "bagging": BaggingClassifier(n_estimators=9, max_features=0.7, random_state=0),
    "adaboost": AdaBoostClassifier(n_estimators=8, random_state=0),
    "gradient boosting": GradientBoostingClassifier(n_estimators=10, random_state=0),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=12),
    "xgboost": xgboost.XGBClassifier(n_estimators=12, n_jobs=1),
    "lightgbm": lightgbm.LGBMClassifier(n_estimators=12, verbose=-1, n_jobs=1),
}
REGRESSORS = {
    "linear": LinearRegression(),
    "ridge": Ridge(),
    "lasso": Lasso(),
    "linear svr": LinearSVR(),
    "svr": SVR(),
    "mlp": MLPRegressor(hidden_layer_sizes=(8,), max_iter=10, random_state=0),
    "tree": DecisionTreeRegressor(random_state=0, max_depth=9),
    "forest": RandomForestRegressor(8, random_state=0),
    "extra trees": ExtraTreesRegressor(8, random_state=0),
    "bagging": BaggingRegressor(n_estimators=8, random_state=0),
    "gradient boosting": GradientBoostingRegressor(n_estimators=10, random_state=0),
    "histogram boosting": HistGradientBoostingRegressor(max_iter=12),
    "poisson": HistGradientBoostingRegressor(max_iter=12, loss="poisson"),
    "xgboost": xgboost.XGBRegressor(n_estimators=12, n_jobs=1),
    "lightgbm": lightgbm.LGBMRegressor(n_estimators=12, verbose=-1, n_jobs=1),
}
STEPS_ONLY = ("neighbours", "bayes")  # the steps before them are compiled
DENSE_ONLY = ("histogram boosting", "poisson", "bayes")
NAN_TAKERS = ("tree", "forest", "extra trees", "bagging", "histogram boosting", "poisson", "xgboost", "lightgbm")


def transformers() -> dict:
    filled = make_pipeline(SimpleImputer(), StandardScaler())
    unknown = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
    return {
        "sparse": make_column_transformer((filled, NUMBERS), (OneHotEncoder(handle_unknown="ignore"), TEXT)),
        "dense": make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="median"), RobustScaler()), NUMBERS),
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), TEXT),
        ),
        "ordinal": make_column_transformer(
            (make_pipeline(SimpleImputer(), MinMaxScaler(clip=True)), NUMBERS),
            (make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder(**unknown)), TEXT),
        ),
        "rare": make_pipeline(
            make_column_transformer(
                (OneHotEncoder(min_frequency=60, drop="if_binary", handle_unknown="infrequent_if_exist"), TEXT),
                (make_pipeline(SimpleImputer(), KBinsDiscretizer(5, quantile_method="averaged_inverted_cdf")), NUMBERS),
                sparse_threshold=0,
            ),
            MaxAbsScaler(),
        ),
        "missing": make_column_transformer(
            (StandardScaler(), NUMBERS),
            (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), TEXT),
        ),
    }


@cache
def table(path, rows: int = 4000) -> tuple[pd.DataFrame, str]:
    """A real table with holes in a number and a text column, and the name of its target."""
    frame = read_frame(path, "csv")[0].head(rows)
    target = frame.columns[-1]
    text = next(name for name in frame if frame[name].dtype == object)
    number = next(name for name in frame if frame[name].dtype != object)
    frame.loc[::13, number] = np.nan
    frame.loc[::17, text] = np.nan
    return frame, target


def bound(estimator, frame: pd.DataFrame) -> FittedModel:
    """The fitted estimator as the battery holds it, bound to rows."""
    model = FittedRegressor(estimator) if is_regressor(estimator) else FittedClassifier(estimator)
    model.bind(frame, [list(frame)])
    return model


def fit(estimator, given, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return clone(estimator).fit(given, y)


def outcome(frame: pd.DataFrame, target: str, classes: int, whole: bool) -> pd.Series:
    """The target itself, or one of as many classes by a number column; as 0, 1, … where whole."""
    if classes == 2:
        return (frame[target] == frame[target].iloc[0]).astype(int) if whole else frame[target]
    number = next(name for name in frame if frame[name].dtype.kind in "if" and frame[name].nunique() > 3 * classes)
    codes = (frame[number].rank(method="first").fillna(0) * classes // (len(frame) + 1)).astype(int)
    codes = (codes + np.arange(len(frame)) % 7 // 5) % classes
    return codes if whole else codes.map(lambda code: f"class {code}")


def strange_rows(model: FittedModel, frame: pd.DataFrame, seed: int = 0) -> np.ndarray:
    """Codes of real rows, of shuffled ones, with holes, fractions, categories never seen and numbers far out."""
    rng = np.random.default_rng(seed)
    coder: Coder = model.coder
    codes = coder.encode(frame[model.features])
    mixed = np.column_stack([rng.permuted(column) for column in codes.T])
    odd = np.column_stack([rng.permuted(column) for column in codes.T])
    for at, name in enumerate(coder.names):
        chosen = rng.random(len(odd)) < 0.2
        if name in coder.categories:
            odd[chosen, at] = coder.register(name, "from another world")
        else:
            odd[chosen, at] = odd[chosen, at] * rng.choice([-7.0, 0.5, 1e4, 0.0], chosen.sum())
    holes = np.where(rng.random(odd.shape) < 0.1, np.nan, odd)
    return np.concatenate([codes, mixed, odd, holes])
