"""Copies of the assessed model, trained anew on its training data, as it is or changed."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.answers import ClassAnswers
from assessments.battery.coder import Codes, NotCoded
from assessments.battery.errors import short
from assessments.battery.estimator import FittedClassifier, FittedRegressor
from assessments.battery.introspection import sees_the_frame
from assessments.battery.reference import known_rows
from assessments.battery.robustness._quality import Told
from assessments.battery.spec import NotApplicable
from assessments.battery.subject import Subject


@dataclass(frozen=True)
class Training:
    """frame (n rows, all columns), codes (n, columns of the model) and y (n,) of the training rows.

    blank: the estimator, not fitted, its randomness fixed.
    """

    subject: Subject
    frame: pd.DataFrame
    codes: Codes
    y: NDArray[Any]
    blank: Any

    @classmethod
    def of(cls, subject: Subject, most: int, rng: np.random.Generator) -> "Training":
        """At most `most` rows of the training data, drawn at random. Raises NotApplicable with the reason."""
        frame, y = known_rows(subject)
        rows = np.sort(rng.permutation(len(y))[:most])
        frame = frame.take(rows).reset_index(drop=True)
        try:
            codes = subject.coder.encode(frame[subject.features])
        except NotCoded as error:
            raise NotApplicable(f"The training data is not of the form of the data under test: {error}") from error
        return cls(subject, frame, codes, y[rows], blank_copy(subject.estimator, rng))

    def fit(self, codes: Codes, y: NDArray[Any]) -> "Retrained":
        """The estimator trained on these rows. Raises NotApplicable where it cannot be."""
        from sklearn.base import clone

        subject = self.subject
        frame = subject.coder.decode(codes)
        truth = y if subject.task == "regression" else _native(subject)[y]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that a solver has not converged concerns its owner, not this test
                given = as_categories(subject.estimator, subject.model.prepared(frame))
                fitted = clone(self.blank).fit(given, truth)
        except MemoryError:
            raise
        except (Exception, SystemExit) as error:
            raise NotApplicable(f"The model cannot be trained again here: {short(error, 200)}") from error
        return Retrained.of(subject, fitted, frame)


@dataclass(frozen=True)
class Retrained:
    """A model like the subject's, that answers in the subject's labels."""

    subject: Subject
    model: FittedClassifier | FittedRegressor

    @classmethod
    def of(cls, subject: Subject, fitted: Any, frame: pd.DataFrame) -> "Retrained":
        model = FittedRegressor(fitted) if subject.task == "regression" else FittedClassifier(fitted)
        model.bind(frame, [subject.features])
        return cls(subject, model)

    def ask(self, frame: pd.DataFrame) -> Told:
        """A label that the training rows lacked gets the score 0."""
        self.subject.queries += len(frame)
        answers = self.subject.answers
        if not isinstance(answers, ClassAnswers) or not isinstance(self.model, FittedClassifier):
            return Told(self.model.predict(frame), None)
        at = dict(zip(answers.model.classes, answers.label_of_class, strict=True))
        labels = np.array([at[name] for name in self.model.classes])
        predicted = labels[self.model.predict(frame)]
        if not self.subject.has_scores:
            return Told(predicted, None)
        scores = np.zeros((len(frame), len(answers.labels)))
        scores[:, labels] = self.model.scores(frame)
        return Told(predicted, scores)


def as_categories(estimator: Any, given: Any) -> Any:
    """The rows to train on, where the type of a column tells histogram boosting that it holds categories."""
    model = sees_the_frame(estimator)
    which = getattr(model, "is_categorical_", None)
    told = isinstance(getattr(model, "categorical_features", None), str) and model.categorical_features == "from_dtype"
    if which is None or not told or not isinstance(given, pd.DataFrame) or len(which) != given.shape[1]:
        return given
    return given.astype(dict.fromkeys(given.columns[np.asarray(which, dtype=bool)], "category"))


def blank_copy(estimator: Any, rng: np.random.Generator) -> Any:
    """A copy that is not fitted. A search is not repeated: its best estimator is taken. Raises NotApplicable."""
    from sklearn.base import clone

    estimator = getattr(estimator, "best_estimator_", estimator)
    try:
        copy = clone(estimator)
        parameters = copy.get_params(deep=True)
    except Exception as error:
        raise NotApplicable(f"The model cannot be copied without its training: {short(error, 200)}") from error
    unseeded = [name for name, value in parameters.items() if name.split("__")[-1] == "random_state" and value is None]
    return copy.set_params(**{name: int(rng.integers(2**31)) for name in sorted(unseeded)}) if unseeded else copy


def _native(subject: Subject) -> NDArray[Any]:
    """The estimator's own value of each label."""
    answers = subject.answers
    assert isinstance(answers, ClassAnswers)  # noqa: S101 - regression has no labels
    return np.asarray(np.asarray(subject.estimator.classes_).ravel()[answers.class_of_label])
