"""Noise, mistakes, missing and bad values, poison and theft on every family of models: done, or a reason why not."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from assessments.battery import spec
from assessments.battery.plan import Column, Target
from assessments.battery.subject import Subject
from tests.battery.subjects import outcome_of
from tests.battery.test_regression import FAMILIES as REGRESSORS
from tests.battery.test_regression import house_subject

TESTS = {
    "noise": {"rows": 100},
    "data_errors": {"rows": 60},
    "missing_values": {"rows": 100},
    "bad_inputs": {"rows": 2, "jump_rows": 20},
    "poisoning": {"rows": 100, "train_rows": 150, "repeats": 1},
    "extraction": {"rows": 100, "largest": 100},
}
CLASSIFIERS = {
    "logistic": LogisticRegression(max_iter=500),
    "linear svc": LinearSVC(),
    "svc": SVC(),
    "tree": DecisionTreeClassifier(max_depth=4, random_state=0),
    "forest": RandomForestClassifier(5, random_state=0),
    "extra trees": ExtraTreesClassifier(5, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=5, random_state=0),
    "hist boosting": HistGradientBoostingClassifier(max_iter=5, random_state=0),
    "adaboost": AdaBoostClassifier(n_estimators=5, random_state=0),
    "mlp": MLPClassifier((8,), max_iter=300, solver="lbfgs", random_state=0),
    "neighbours": KNeighborsClassifier(),
    "bayes": GaussianNB(),
    "calibrated": CalibratedClassifierCV(LogisticRegression(max_iter=500), cv=2),
    "stacking": StackingClassifier([("tree", DecisionTreeClassifier(max_depth=2))], LogisticRegression(), cv=2),
}
SHORT = ("logistic", "linear svc", "hist boosting")


def grades(labels: int, rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    points, hours = rng.normal(size=rows), rng.integers(0, 40, rows)
    school = rng.choice(["east", "north", "west"], rows)
    lean = points + hours / 20 + (school == "west") + rng.normal(0, 0.5, rows)
    grade = pd.qcut(lean, labels, labels=list("abcde")[:labels]).astype(str)
    return pd.DataFrame({"points": points, "hours": hours, "school": school, "grade": grade})


def grade_subject(model, labels: int, codes: bool = False) -> Subject:
    """The model behind an encoder of the text column; codes: trained on 0…k-1, as boosters ask."""
    train, other = grades(labels, 300, 1), grades(labels, 250, 2)
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["school"]),
                                     remainder="passthrough")  # fmt: skip
    y = pd.factorize(train["grade"], sort=True)[0] if codes else train["grade"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = make_pipeline(encode, StandardScaler(), model).fit(train[["points", "hours", "school"]], y)
    return Subject(fitted, other, Target("grade"), (Column("school", "sensitive"),), reference=train)


def ends_well(subject: Subject, name: str) -> bool:
    """It is done with proper numbers, or does not apply for a reason."""
    declared = {metric.id for metric in spec.discover()[f"robustness.{name}"].metrics}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # solvers that have not converged
            outcome = outcome_of(f"robustness.{name}", subject, **TESTS[name])
    except spec.NotApplicable as error:
        return len(str(error)) > 20
    assert outcome.measures
    for measure in outcome.measures:
        assert measure.metric in declared
        assert measure.value is None or math.isfinite(measure.value)
        if measure.ci:
            assert measure.ci[0] <= measure.value <= measure.ci[1]
    return True


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize("family", SHORT)
def test_it_ends_well_on_a_few_families(family, name):
    assert ends_well(grade_subject(CLASSIFIERS[family], 2 if family == "logistic" else 5), name)


@pytest.mark.parametrize("name", TESTS)
def test_it_ends_well_on_a_model_of_numbers(name):
    assert ends_well(house_subject(REGRESSORS["tree"], rows=200), name)


@pytest.mark.long
@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize("labels", [2, 5])
@pytest.mark.parametrize("family", CLASSIFIERS)
def test_it_ends_well_on_every_family(family, labels, name):
    assert ends_well(grade_subject(CLASSIFIERS[family], labels), name)


@pytest.mark.long
@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize("labels", [2, 5])
def test_it_ends_well_on_boosters(labels, name):
    lightgbm, xgboost = pytest.importorskip("lightgbm"), pytest.importorskip("xgboost")
    for model in (lightgbm.LGBMClassifier(n_estimators=5, verbose=-1), xgboost.XGBClassifier(n_estimators=5)):
        assert ends_well(grade_subject(model, labels, codes=True), name)


@pytest.mark.long
@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize("family", REGRESSORS)
def test_it_ends_well_on_every_model_of_numbers(family, name):
    assert ends_well(house_subject(REGRESSORS[family], rows=200), name)
