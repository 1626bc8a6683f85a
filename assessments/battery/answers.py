"""What a model answers, next to the truth: one class a row (ClassAnswers) or one number a row (NumberAnswers).

The two kinds of subject differ here and nowhere else. Both have y (the truth), predicted (the model's answers on the
subject's rows, not counted as queries here), predict(frame), task and facts().
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.coder import Codes
from assessments.battery.errors import LoadError, listed
from assessments.battery.estimator import FittedClassifier, FittedRegressor, unanswered
from assessments.battery.labels import as_text, check_guess, encode, match_classes, text_order
from assessments.battery.plan import Target
from assessments.battery.tables import is_number


class ClassAnswers:
    """labels: the classes as text, ordered; y and predicted are positions in it; favourable: one of them."""

    def __init__(self, estimator: Any, truth: pd.Series, target: Target, task: str) -> None:
        self.model = FittedClassifier(estimator)
        self.target, self._asked, self.notes = target, task, list[str]()
        codes, self._data_labels = encode(truth)
        self.known = codes >= 0
        self._codes = codes[self.known]
        if len(self._data_labels) == 1:
            raise one_value(self._data_labels[0], target.column)
        if len(self._data_labels) > max(50, len(self.model.classes)):
            raise LoadError(
                "label_mismatch",
                f"{target.column!r} holds {len(self._data_labels)} different values; the model knows "
                f"{len(self.model.classes)} classes.",
                "Check that the right column is named as the target.",
            )

    def settle(self, frame: pd.DataFrame) -> None:
        """Match classes and labels; labels, favourable, y and the answers on all rows. The model is bound."""
        target, given, classes = self.target, as_text(self.target.favourable), self.model.classes
        meant, guessed = match_classes(classes, self._data_labels, target.labels, given)
        self.labels = text_order(list(meant.values()))
        self.favourable = self._settled_favourable(given)
        position = {label: at for at, label in enumerate(self.labels)}
        self.label_of_class = np.array([position[meant[name]] for name in classes])
        self.class_of_label = np.argsort(self.label_of_class)
        self.y = np.array([position[label] for label in self._data_labels], dtype=np.int64)[self._codes]
        self.predicted = answered(self, frame)
        if guessed:
            check_guess(meant, classes, self._data_labels, self.y, self.predicted)
        pairs = ", ".join(f"{name} = {label}" for name, label in meant.items())
        if guessed:
            self.notes.append(f"The model's classes were matched with the labels in sorted order: {pairs}.")
        elif target.labels:
            self.notes.append(f"The model's classes stand for labels as the plan says: {pairs}.")
        self.task = self._settled_task()

    def _settled_favourable(self, given: str) -> str:
        if given and given not in self.labels:
            raise LoadError(
                "label_mismatch",
                f"The favourable label {given!r} is not a value of {self.target.column!r}.",
                f"It has {listed(self.labels)}.",
            )
        if not given:
            self.notes.append(
                f"No favourable label was given: {self.labels[-1]!r}, the last in order, is taken for it."
            )
        return given or self.labels[-1]

    def _settled_task(self) -> str:
        found = "binary" if len(self.labels) == 2 else "multiclass"
        if self._asked not in ("auto", found):
            raise LoadError(
                "bad_plan",
                f"The plan says {self._asked}, and the model tells {len(self.labels)} classes apart.",
                f"Say {found}, or auto.",
            )
        return found

    @property
    def scores_from(self) -> str:
        return self.model.scores_from

    def predict(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        return np.asarray(self.label_of_class[self.model.predict(frame)])

    def scores(self, frame: pd.DataFrame) -> NDArray[np.floating[Any]]:
        """(rows, labels)"""
        return self.model.scores(frame)[:, self.class_of_label]

    def predict_codes(self, codes: Codes) -> NDArray[np.int64]:
        return np.asarray(self.label_of_class[self.model.predict_codes(codes)])

    def read(self, raw: NDArray[Any]) -> NDArray[np.int64]:
        """What the estimator itself gave, as positions in `labels`."""
        position = {name: self.label_of_class[at] for at, name in enumerate(self.model.classes)}
        return np.array([position[as_text(value)] for value in np.ravel(raw)], dtype=np.int64)

    def scores_codes(self, codes: Codes) -> NDArray[np.floating[Any]]:
        return self.model.scores_codes(codes)[:, self.class_of_label]

    def facts(self) -> dict[str, Any]:
        return {
            "classes": self.model.classes,
            "labels": self.labels,
            "favourable": self.favourable,
            "favourable_rows": int((self.y == self.labels.index(self.favourable)).sum()),
        }


class NumberAnswers:
    """y and predicted are numbers in the units of the target column. There are no labels, and no scores."""

    task = "regression"
    scores_from = ""

    def __init__(self, estimator: Any, truth: pd.Series, target: Target) -> None:
        self.model = FittedRegressor(estimator)
        self.labels: list[str] = []
        self.favourable = ""
        self.notes: list[str] = []
        if not is_number(truth):
            text = next((value for value in truth.dropna() if not isinstance(value, int | float)), truth.iloc[0])
            raise LoadError(
                "label_mismatch",
                f"The model predicts numbers, and {target.column!r} holds {as_text(text)!r}.",
                "Check that the right column is named as the target.",
            )
        numbers = truth.to_numpy(dtype=float)
        self.known = np.isfinite(numbers)
        self.y = numbers[self.known]
        if len(self.y) and (self.y == self.y[0]).all():
            raise one_value(as_text(float(self.y[0])), target.column)
        if target.favourable:
            self.notes.append("The model predicts numbers: the favourable label of the plan is not used.")

    def settle(self, frame: pd.DataFrame) -> None:
        self.predicted = answered(self, frame)

    def predict(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        return self.model.predict(frame)

    def scores(self, frame: pd.DataFrame) -> NDArray[np.floating[Any]]:
        raise ValueError("the model predicts numbers, not scores")

    def predict_codes(self, codes: Codes) -> NDArray[np.float64]:
        return self.model.predict_codes(codes)

    def read(self, raw: NDArray[Any]) -> NDArray[np.float64]:
        """What the estimator itself gave, as numbers."""
        return np.asarray(raw, dtype=float).ravel()

    def scores_codes(self, codes: Codes) -> NDArray[np.floating[Any]]:
        raise ValueError("the model predicts numbers, not scores")

    def facts(self) -> dict[str, Any]:
        low, high = float(self.y.min()), float(self.y.max())
        return {"classes": [], "labels": [], "favourable": "", "target_range": [low, high]}


Answers = ClassAnswers | NumberAnswers


def answered(answers: Answers, frame: pd.DataFrame) -> NDArray[Any]:
    """The model's answers to the rows it is assessed on; a model that cannot answer them is no subject."""
    try:
        return answers.predict(frame)
    except LoadError:
        raise
    except (Exception, SystemExit) as error:
        raise unanswered(error) from error


def one_value(value: str, column: str) -> LoadError:
    return LoadError(
        "one_class",
        f"Every row has the outcome {value!r} in {column!r}.",
        "Give rows of different outcomes, and check that the right column is named as the target.",
    )
