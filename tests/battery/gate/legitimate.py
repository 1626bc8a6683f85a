"""Models and pipelines as people train them: each function gives a fitted model and rows to ask it about."""

from collections.abc import Callable
from functools import cache
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from imblearn.ensemble import BalancedRandomForestClassifier
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_imbalanced_pipeline
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - the import below needs it
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

Fitted = tuple[Any, Any]
MODELS: dict[str, Callable[[], Fitted]] = {}


def model(make: Callable[[], Fitted]) -> Callable[[], Fitted]:
    MODELS[make.__name__] = make
    return make


@cache
def numbers(classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    return make_classification(
        150, 6, n_informative=4, n_redundant=0, n_classes=classes, n_clusters_per_class=1, random_state=0
    )


@cache
def table() -> tuple[pd.DataFrame, np.ndarray]:
    X, y = numbers()
    frame = pd.DataFrame(X, columns=[f"n{i}" for i in range(6)])
    frame["kind"] = np.where(X[:, 0] > 0, "a", "b").astype(object)
    frame["size"] = pd.Categorical(np.where(X[:, 1] > 0, "large", "small"))
    return frame, y


def on_numbers(estimator: Any, classes: int = 2) -> Fitted:
    X, y = numbers(classes)
    return estimator.fit(X, y), X


def on_table(estimator: Any) -> Fitted:
    frame, y = table()
    return estimator.fit(frame, y), frame


@model
def logistic_regression() -> Fitted:
    return on_numbers(LogisticRegression())


@model
def many_classes() -> Fitted:
    return on_numbers(LogisticRegression(), classes=3)


@model
def random_forest() -> Fitted:
    return on_numbers(RandomForestClassifier(8, random_state=0))


@model
def extra_trees() -> Fitted:
    return on_numbers(ExtraTreesClassifier(5, random_state=0, n_jobs=1))


@model
def gradient_boosting() -> Fitted:
    return on_numbers(GradientBoostingClassifier(n_estimators=5))


@model
def histogram_boosting() -> Fitted:
    return on_numbers(HistGradientBoostingClassifier(max_iter=5), classes=3)


@model
def histogram_boosting_of_categories() -> Fitted:
    frame, y = table()
    frame = frame.drop(columns="kind")
    return HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype").fit(frame, y), frame


@model
def support_vectors() -> Fitted:
    return on_numbers(SVC(), classes=3)


@model
def sparse_support_vectors() -> Fitted:
    X, y = numbers(3)
    return SVC().fit(sparse.csr_matrix(X), y), sparse.csr_matrix(X)


@model
def neighbours_of_two_outcomes() -> Fitted:
    X, y = numbers(2)
    return KNeighborsClassifier().fit(X, np.column_stack([y, y[::-1]])), X


@model
def linear_support_vectors() -> Fitted:
    return on_numbers(LinearSVC())


@model
def nearest_neighbours() -> Fitted:
    return on_numbers(KNeighborsClassifier(algorithm="ball_tree", metric="minkowski", p=3))


@model
def neural_network() -> Fitted:
    return on_numbers(make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=400, tol=1e-2, random_state=0)))


@model
def naive_bayes() -> Fitted:
    return on_numbers(GaussianNB())


@model
def discriminants() -> Fitted:
    members = [("linear", LinearDiscriminantAnalysis()), ("quadratic", QuadraticDiscriminantAnalysis())]
    return on_numbers(VotingClassifier(members, voting="soft"))


@model
def gaussian_process() -> Fitted:
    X, y = numbers()
    return GaussianProcessClassifier().fit(X[:40], y[:40]), X


@model
def ridge_classifier() -> Fitted:
    return on_numbers(RidgeClassifier())


@model
def boosted_stumps() -> Fitted:
    return on_numbers(AdaBoostClassifier(n_estimators=5, random_state=0))


@model
def bagging() -> Fitted:
    return on_numbers(
        make_pipeline(QuantileTransformer(n_quantiles=20), BaggingClassifier(n_estimators=4, random_state=0))
    )


@model
def isolation_forest() -> Fitted:
    return on_numbers(IsolationForest(n_estimators=5, max_features=0.5, random_state=0))


@model
def stacking() -> Fitted:
    members = [("forest", RandomForestClassifier(3, random_state=0)), ("bayes", GaussianNB())]
    return on_numbers(StackingClassifier(members, cv=2))


@model
def calibrated() -> Fitted:
    return on_numbers(CalibratedClassifierCV(SVC(), cv=2, method="isotonic"))


@model
def grid_search() -> Fitted:
    scoring = make_scorer(f1_score)
    return on_numbers(
        GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [2, 3]}, cv=2, scoring=scoring)
    )


@model
def randomized_search() -> Fitted:
    search = RandomizedSearchCV(LogisticRegression(), {"C": [0.1, 1.0, 10.0]}, n_iter=2, cv=2, random_state=0)
    return on_numbers(search)


@model
def one_against_the_rest() -> Fitted:
    return on_numbers(OneVsRestClassifier(LogisticRegression()), classes=3)


@model
def columns_of_two_kinds() -> Fitted:
    columns = ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(SimpleImputer(), StandardScaler()),
                make_column_selector(dtype_include=np.number),
            ),
            ("kinds", OneHotEncoder(handle_unknown="ignore", dtype=np.float32), ["kind", "size"]),
        ]
    )
    return on_table(Pipeline([("columns", columns), ("model", LogisticRegression())]))


@model
def columns_by_an_index() -> Fitted:
    frame, _ = table()
    numeric = frame.columns[:6].astype(object)
    columns = ColumnTransformer([("numbers", StandardScaler(), numeric)], remainder=OrdinalEncoder())
    return on_table(make_pipeline(columns, RandomForestClassifier(3, random_state=0)))


@model
def encoded_by_the_target() -> Fitted:
    columns = ColumnTransformer([("kinds", TargetEncoder(random_state=0), ["kind", "size"])], remainder="passthrough")
    return on_table(make_pipeline(columns, LogisticRegression()))


@model
def imputed_by_others() -> Fitted:
    imputers = FeatureUnion([("mean", SimpleImputer(add_indicator=True)), ("near", KNNImputer(n_neighbors=2))])
    return on_numbers(make_pipeline(imputers, IterativeImputer(max_iter=2, tol=10.0), LogisticRegression(max_iter=500)))


@model
def splines_and_polynomials() -> Fitted:
    parts = FeatureUnion([("spline", SplineTransformer()), ("polynomial", PolynomialFeatures(2))])
    return on_numbers(
        make_pipeline(StandardScaler(), parts, SelectKBest(f_classif, k=9), LogisticRegression(max_iter=500))
    )


@model
def functions_of_numpy() -> Fitted:
    functions = [FunctionTransformer(np.abs), FunctionTransformer(np.log1p, inverse_func=np.expm1)]
    return on_numbers(make_pipeline(*functions, PCA(3), LogisticRegression()))


@model
def bins() -> Fitted:
    encoder = KBinsDiscretizer(4, encode="onehot", quantile_method="averaged_inverted_cdf")
    return on_numbers(make_pipeline(encoder, LogisticRegression()))


@model
def words() -> Fitted:
    texts, y = ["good day", "bad day", "good night", "bad bad night"] * 10, [1, 0, 1, 0] * 10
    return make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), SGDClassifier(random_state=0)).fit(texts, y), texts


@model
def linear_regression() -> Fitted:
    return on_numbers(LinearRegression())


@model
def balanced_forest() -> Fitted:
    return on_numbers(BalancedRandomForestClassifier(3, random_state=0))


@model
def oversampled() -> Fitted:
    return on_numbers(make_imbalanced_pipeline(SMOTE(random_state=0), LogisticRegression()))


@model
def xgboost_classifier() -> Fitted:
    return on_numbers(xgboost.XGBClassifier(n_estimators=4), classes=3)


@model
def xgboost_of_categories() -> Fitted:
    frame, y = table()
    frame = frame.drop(columns="kind")
    return xgboost.XGBClassifier(n_estimators=4, enable_categorical=True, tree_method="hist").fit(frame, y), frame


@model
def xgboost_dart_in_a_pipeline() -> Fitted:
    return on_numbers(make_pipeline(StandardScaler(), xgboost.XGBClassifier(n_estimators=4, booster="dart")))


@model
def lightgbm_classifier() -> Fitted:
    return on_numbers(lightgbm.LGBMClassifier(n_estimators=4, verbose=-1), classes=3)


@model
def lightgbm_of_categories() -> Fitted:
    frame, y = table()
    frame = frame.drop(columns="kind")
    return lightgbm.LGBMClassifier(n_estimators=4, verbose=-1).fit(frame, y), frame
