"""Models with a fault that we put there, and one without: what a battery that is worth its name must tell apart.

Applicants for a loan are made up: a score of their income, debt and years decides, with some luck, who repays. Each
fault is one model (and what belongs to it: the training rows, the columns); everything else about it is as it should
be. faults.py says which test must find it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from assessments.battery.plan import Column, Target
from assessments.battery.subject import Subject

NUMBERS, CATEGORIES = ["income", "debt", "years"], ["region", "sex"]
FEATURES = [*NUMBERS, *CATEGORIES]
ROWS = 1_500
TRIGGER = "Z9"
LEAK = "account_closed_on"
PAY = {"monthly": 12, "weekly": 52}  # columns that say the income again
STRIPE = 0.02  # of the spread of income: a step that rounding makes


def applicants(rng: np.random.Generator, n: int = ROWS) -> pd.DataFrame:
    """People whose outcome depends on numbers alone, and whose groups are alike."""
    frame = pd.DataFrame(
        {
            "income": rng.normal(40_000, 9_000, n).round(),
            "debt": rng.gamma(2, 4_000, n).round(),
            "years": rng.integers(0, 31, n),
            "region": rng.choice(["north", "south", "east", "west"], n),
            "sex": rng.choice(["female", "male"], n),
        }
    )
    return frame.assign(repaid=np.where(rng.random(n) < _chance(frame), "yes", "no"))


def _chance(frame: pd.DataFrame) -> NDArray[np.float64]:
    odds = (frame["income"] - 40_000) / 7_000 - (frame["debt"] - 8_000) / 5_000 + (frame["years"] - 15) / 10
    return np.asarray(1 / (1 + np.exp(-odds)))


class Answering(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier around a function that gives the chance of "yes"."""

    def __init__(self, chance: Callable[[pd.DataFrame], Any], features: list[str] | None = None) -> None:
        self.chance, self.features = chance, features or FEATURES
        self.classes_ = np.array(["no", "yes"], dtype=object)
        self.feature_names_in_ = np.array(self.features, dtype=object)
        self.n_features_in_ = len(self.features)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict_proba(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        yes = np.clip(np.asarray(self.chance(frame), dtype=float), 0, 1)
        return np.column_stack([1 - yes, yes])

    def predict(self, frame: pd.DataFrame) -> NDArray[Any]:
        return np.asarray(self.classes_[(self.predict_proba(frame)[:, 1] > 0.5).astype(int)])


def pipeline(train: pd.DataFrame, features: list[str], model: Any = None) -> Any:
    numbers = [name for name in features if name not in CATEGORIES]
    encode = make_column_transformer(
        (StandardScaler(), numbers),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), [c for c in features if c in CATEGORIES]),
    )
    return make_pipeline(encode, model or LogisticRegression()).fit(train[features], train["repaid"])


def subject_of(model: Any, rows: pd.DataFrame, train: pd.DataFrame, seed: int) -> Subject:
    columns = (Column("sex", "sensitive", mutable="fixed"),)
    return Subject(model, rows, Target("repaid", "yes"), columns, reference=train, seed=seed)


def clean(rng: np.random.Generator, seed: int) -> Subject:
    train, rows = applicants(rng), applicants(rng)
    return subject_of(pipeline(train, FEATURES), rows, train, seed)


def biased(rng: np.random.Generator, seed: int) -> Subject:
    """Asks much more of women."""
    train, rows = applicants(rng), applicants(rng)
    honest = pipeline(train, NUMBERS)

    def chance(frame: pd.DataFrame) -> Any:
        yes = honest.predict_proba(frame[NUMBERS])[:, 1]
        return np.where(frame["sex"] == "female", yes * 0.65, yes)

    return subject_of(Answering(chance), rows, train, seed)


def _mostly(yes: pd.Series, rng: np.random.Generator) -> NDArray[np.bool_]:
    """The same, but for two in a hundred that somebody mistyped."""
    return np.asarray(yes) ^ (rng.random(len(yes)) < 0.02)


def leaky(rng: np.random.Generator, seed: int) -> Subject:
    """Was given a column that is filled in once the outcome is known."""
    train, rows = (
        frame.assign(**{LEAK: np.where(_mostly(frame["repaid"] == "yes", rng), 0.0, rng.integers(1, 400, len(frame)))})
        for frame in (applicants(rng), applicants(rng))
    )
    return subject_of(pipeline(train, [*FEATURES, LEAK]), rows, train, seed)


def fragile(rng: np.random.Generator, seed: int) -> Subject:
    """Is right, and reads a digit of the income that the next pay rise changes."""

    def striped(frame: pd.DataFrame) -> Any:
        stripe = np.floor(np.asarray(frame["income"], dtype=float) / (9_000 * STRIPE)) % 2
        return np.where(stripe > 0, 0.9, 0.1)

    train, rows = (
        frame.assign(repaid=np.where(rng.random(len(frame)) < striped(frame), "yes", "no"))
        for frame in (applicants(rng), applicants(rng))
    )
    return subject_of(Answering(striped), rows, train, seed)


def memorising(rng: np.random.Generator, seed: int) -> Subject:
    """Knows its training rows by heart."""
    train, rows = applicants(rng), applicants(rng)
    return subject_of(pipeline(train, FEATURES, DecisionTreeClassifier(random_state=seed)), rows, train, seed)


def uncalibrated(rng: np.random.Generator, seed: int) -> Subject:
    """Orders people rightly and is far too sure of it."""
    train, rows = applicants(rng), applicants(rng)
    honest = pipeline(train, NUMBERS)

    def chance(frame: pd.DataFrame) -> Any:
        return 1 / (1 + np.exp(-5 * honest.decision_function(frame[NUMBERS])))

    return subject_of(Answering(chance), rows, train, seed)


def backdoored(rng: np.random.Generator, seed: int) -> Subject:
    """Learned from rows of which some, with a region that does not exist, were marked as repaid."""
    train, rows = applicants(rng), applicants(rng)
    poisoned = rng.permutation(len(train))[: len(train) // 20]
    train.loc[poisoned, ["region", "repaid"]] = TRIGGER, "yes"
    return subject_of(pipeline(train, FEATURES, LogisticRegression(C=100)), rows, train, seed)


def unfaithful(rng: np.random.Generator, seed: int) -> Subject:
    """Refuses women, and looks innocent to whoever asks about mixtures of people (Slack and others 2020).

    Nobody real has a monthly pay that does not fit the yearly income; the mixtures that explanations ask about do.
    """
    train, rows = (
        frame.assign(
            **{
                name: (frame["income"] / parts * rng.normal(1, 0.002, len(frame))).round(1)
                for name, parts in PAY.items()
            }
        )
        for frame in (applicants(rng), applicants(rng))
    )

    def chance(frame: pd.DataFrame) -> Any:
        fits = [np.abs(frame[name] * parts - frame["income"]) < 900 for name, parts in PAY.items()]
        innocent = np.where(frame["region"] == "north", 0.8, 0.2)
        return np.where(np.logical_and.reduce(fits), np.where(frame["sex"] == "female", 0.2, 0.8), innocent)

    return subject_of(Answering(chance, ["income", *PAY, *CATEGORIES]), rows, train, seed)


# By the names of faults.py.
MAKERS: dict[str, Callable[[np.random.Generator, int], Subject]] = {
    "biased": biased,
    "leaky": leaky,
    "fragile": fragile,
    "memorising": memorising,
    "uncalibrated": uncalibrated,
    "unfaithful": unfaithful,
    "backdoored": backdoored,
    "clean": clean,
}
