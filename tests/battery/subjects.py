"""Subjects with known answers, small enough to be computed by hand or by another library."""

from functools import cache

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from assessments.battery import spec
from assessments.battery.plan import Column, Target
from assessments.battery.subject import Subject
from assessments.battery.tables import read_frame


class HardRule(ClassifierMixin, BaseEstimator):
    """A classifier that is a formula: decide(frame) gives the score of class 1; it decides 1 above one half."""

    def __init__(self, decide, features):
        self.decide = decide
        self.features = features
        self.classes_ = np.array([0, 1])
        self.feature_names_in_ = np.array(features, dtype=object)
        self.n_features_in_ = len(features)

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, frame):
        return (np.asarray(self.decide(frame), dtype=float) > 0.5).astype(int)


class Rule(HardRule):
    """The same, with its score."""

    def predict_proba(self, frame):
        score = np.asarray(self.decide(frame), dtype=float)
        return np.column_stack([1 - score, score])


def subject_of(frame: pd.DataFrame, estimator, *columns: Column, target="y", favourable="1", **options) -> Subject:
    return Subject(estimator, frame, Target(target, favourable), columns, **options)


def outcome_of(test: str, subject: Subject, *, plan="quick", seed=7, **params) -> spec.Outcome:
    """Run one test of the catalogue as the battery does."""
    entry = spec.discover()[test]
    return entry.run(subject, entry.resolve(params, plan), np.random.default_rng(seed), lambda done, of: None)


def measure_of(outcome: spec.Outcome, metric: str, **group: str) -> spec.Measure:
    (found,) = [m for m in outcome.measures if m.metric == metric and m.group == group]
    return found


def value_of(outcome: spec.Outcome, metric: str, **group: str) -> float | None:
    return measure_of(outcome, metric, **group).value


@cache
def adult_subject(path, rows: int = 1500) -> Subject:
    """A logistic pipeline trained on 3,000 rows of Adult and asked about others."""
    frame = read_frame(path, "csv")[0].drop(columns="fnlwgt")
    features = [name for name in frame if name != "income"]
    encode = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_include=object)),
    )
    train, other = frame[:3000], frame[3000 : 3000 + rows].reset_index(drop=True)
    model = make_pipeline(encode, LogisticRegression(max_iter=500)).fit(train[features], train["income"])
    fixed = [Column(name, "sensitive", mutable="fixed") for name in ("age", "race", "sex")]
    columns = (*fixed, Column("education_num", mutable="up"))
    return Subject(model, other, Target("income", ">50K"), columns, reference=train)
