"""The battery's end: an estimator whose answers come from the process that holds the model. Every answer is checked.

A test that looks inside `subject.estimator` finds nothing there but this: `remote` is True, and it has to ask.
"""

import json
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Tags, TargetTags

from assessments.battery.errors import LoadError, ModelLost, UnfitAnswers
from assessments.battery.labels import as_text
from assessments.battery.oracle import rows
from assessments.battery.oracle.channel import Asking, Lost
from assessments.battery.oracle.repeating import Question, Repeats, same

MOST_CLASSES, MOST_FEATURES, MOST_NAME, MOST_STEPS = 10_000, 100_000, 1_000, 500
FLOATS = {f"{rows.ORDER}{kind}" for kind in ("f2", "f4", "f8")}
WHOLE = f"{rows.ORDER}i8"
ERRORS = {"kind", "code", "message", "hint"}
MOST_ERROR = 5_000  # characters
CODE = re.compile("[a-z_]{1,40}")
ROUNDING = {2: 1e-2, 4: 1e-4, 8: 1e-4}  # bytes of a number -> how far probabilities may be off what they should be


class AnswerError(RuntimeError):
    """The model raised; the message is what it said."""


def connect(read: int, write: int) -> tuple[Any, list[str]]:
    """The remote estimator and the notes of its loading. Raises LoadError; loads the model over there."""
    line = _Line(Asking(read, write))
    described = _Description(line.ask({"ask": "describe"}, b"", most=0)[0])
    return described.estimator(line), described.notes


class _Line:
    """Questions with an answer or an exception. gone: why nothing is asked any more, or believed."""

    def __init__(self, channel: Asking) -> None:
        self._channel, self._repeats = channel, Repeats()
        self.gone: ModelLost | None = None

    def ask(self, header: dict[str, Any], body: bytes, *, most: int) -> tuple[dict[str, Any], bytes]:
        if self.gone:
            raise type(self.gone)(self.gone.why)
        try:
            found, answer = self._channel.ask(header, body, most=most)
        except Lost as lost:
            self.gone = ModelLost(str(lost))
            raise self.gone from lost
        if "error" in found:
            raise _error_said(found) or self.nonsense("an error that is not understood")
        return found, answer

    def nonsense(self, what: str) -> ModelLost:
        """What came cannot be an answer: nothing further is believed."""
        self.gone = ModelLost(f"it gave {what}")
        return self.gone

    def unfit(self, why: str) -> UnfitAnswers:
        """What came is an answer that no measure may rest on, nor any other of this model."""
        self.gone = UnfitAnswers(why)
        return self.gone

    def numbers(self, asked: str, given: Any, columns: int, check: Callable[[NDArray[Any]], None]) -> NDArray[Any]:
        """Of shape (rows,) where columns is 0, else (rows, columns), or (rows,) for the scores of 2 classes.

        `check` raises for what the numbers may not be. Some questions are asked twice.
        """
        header, body = rows.written(given)
        found = self._numbers(asked, len(given), header, body, columns)
        check(found)
        if again := self._repeats.due(asked, Question(header, body, found)):
            second = self._numbers(asked, len(again.answer), again.header, again.body, columns)
            if not same(again.answer, second):
                raise self.unfit("are not reproducible: asked the same question twice, it gave two answers")
        return found

    def _numbers(self, asked: str, count: int, header: dict[str, Any], body: bytes, columns: int) -> NDArray[Any]:
        found, answer = self.ask({"ask": asked, "given": header}, body, most=8 * count * max(1, columns))
        kind, shape = found.get("dtype"), found.get("shape")
        shapes = [[count, columns]] if columns else [[count]]
        if columns == 2 and asked == "decision_function":
            shapes.append([count])
        known = isinstance(kind, str) and kind in {*FLOATS, WHOLE}
        if set(found) != {"dtype", "shape"} or not known or json.dumps(shape) not in map(json.dumps, shapes):
            raise self.nonsense(f"answers to {asked} of another form than {count} rows take")
        size = np.dtype(str(kind)).itemsize * math.prod(list(shape or []))
        if len(answer) != size:
            raise self.nonsense(f"answers to {asked} of another form than {count} rows take")
        return np.frombuffer(answer, np.dtype(str(kind))).reshape(list(shape or [])).copy()


def _error_said(found: dict[str, Any]) -> Exception | None:
    """The exception that the other side tells of; None where it tells of none in the way that serving.py does."""
    error = found["error"]
    if set(found) != {"error"} or not isinstance(error, dict) or set(error) != ERRORS:
        return None
    if not all(isinstance(text, str) and len(text) <= MOST_ERROR for text in error.values()):
        return None
    if error["kind"] == "memory":
        return MemoryError()
    if error["kind"] == "load" and CODE.fullmatch(error["code"]):
        return LoadError(error["code"], error["message"], error["hint"])
    return AnswerError(error["message"]) if error["kind"] == "other" else None


class _Description:
    """What the other side says of the model. Raises ModelLost for what is not understood."""

    def __init__(self, said: dict[str, Any]) -> None:
        try:
            self._take(said)
        except (ArithmeticError, KeyError, TypeError, ValueError) as error:
            raise ModelLost("it gave a description that is not understood") from error

    def _take(self, said: dict[str, Any]) -> None:
        names = {"task", "classes", "features", "n_features", "scores", "spelling", "identity", "notes"}
        identity = said["identity"]
        if set(said) != names or set(identity) != {"class", "module", "steps"}:
            raise ValueError("other parts")
        self.task = _one_of(said["task"], {"", "classifier", "regressor"})
        self.scores = _one_of(said["scores"], {"", "predict_proba", "decision_function"})
        self.spelling = _one_of(said["spelling"], {"", "lightgbm", "onnx"})
        self.features = None if said["features"] is None else _texts(said["features"], MOST_FEATURES)
        self.n_features = None if said["n_features"] is None else _count(said["n_features"], MOST_FEATURES)
        self.identity = {
            "class": _texts([identity["class"]], 1)[0],
            "module": _texts([identity["module"]], 1)[0],
            "steps": _texts(identity["steps"], MOST_STEPS),
        }
        self.notes = _texts(said["notes"], 50)
        self.classes = None if said["classes"] is None else self._classes(said["classes"])

    def _classes(self, said: list[Any]) -> NDArray[Any]:
        found = rows.untagged(said)
        texts = [as_text(value) for value in found]
        if not 2 <= len(found) <= MOST_CLASSES or len(set(texts)) < len(texts) or max(map(len, texts)) > MOST_NAME:
            raise ValueError("no classes")
        classes = np.empty(len(found), dtype=object)
        classes[:] = found
        return classes

    def estimator(self, line: _Line) -> "RemoteEstimator":
        kinds = {"predict_proba": RemoteWithProbabilities, "decision_function": RemoteWithScores, "": RemoteClassifier}
        return (RemoteRegressor if self.classes is None else kinds[self.scores])(line, self)


def _one_of(text: Any, allowed: set[str]) -> str:
    if text not in allowed:
        raise ValueError("not one of them")
    return str(text)


def _texts(said: Any, most: int) -> list[str]:
    if not isinstance(said, list) or len(said) > most:
        raise ValueError("no list")
    if not all(isinstance(text, str) and len(text) <= MOST_NAME for text in said):
        raise ValueError("no texts")
    return list(said)


def _count(said: Any, most: int) -> int:
    if isinstance(said, bool) or not isinstance(said, int) or not 0 <= said <= most:
        raise ValueError("no count")
    return said


class RemoteEstimator:
    """A model in another process. identity: what the loaded object is there; spelling: how it writes column names."""

    remote = True

    def __init__(self, line: _Line, described: _Description) -> None:
        self._line, self._task = line, described.task
        self.identity, self.spelling = described.identity, described.spelling
        if described.features is not None:
            self.feature_names_in_ = np.array(described.features, dtype=object)
        if described.n_features is not None:
            self.n_features_in_ = described.n_features

    @property
    def lost(self) -> ModelLost | None:
        """Why the model cannot be asked any more; None while it can."""
        return self._line.gone

    def __sklearn_tags__(self) -> Tags:
        return Tags(estimator_type=self._task or None, target_tags=TargetTags(required=False))

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def categories(self, frame: pd.DataFrame) -> dict[str, pd.Index | None]:
        """The category columns of a booster, as `booster_categories` tells them of one in this process."""
        header, body = rows.written(frame.head(5))
        said, _ = self._line.ask({"ask": "categories", "given": header}, body, most=0)
        try:
            found: dict[str, pd.Index | None] = {}
            for name, values in said["categories"].items():
                if name not in frame.columns:
                    raise ValueError("no such column")
                found[name] = None if values is None else pd.Index(rows.untagged(values))
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._line.nonsense("categories that are not understood") from error
        return found


class RemoteClassifier(RemoteEstimator):
    """classes_: its classes, in its order."""

    def __init__(self, line: _Line, described: _Description) -> None:
        super().__init__(line, described)
        self.classes_: NDArray[Any] = described.classes if described.classes is not None else np.empty(0, dtype=object)

    def predict(self, given: Any) -> NDArray[Any]:
        return np.asarray(self.classes_[self._line.numbers("predict", given, 0, self._check_codes)])

    def _check_codes(self, codes: NDArray[Any]) -> None:
        if codes.dtype != WHOLE or (len(codes) and not (codes.min() >= 0 and codes.max() < len(self.classes_))):
            raise self._line.nonsense("a class that is none of its classes")

    def _check_scores(self, scores: NDArray[Any]) -> None:
        if scores.dtype == WHOLE:
            raise self._line.nonsense("scores that are whole numbers")
        if not np.isfinite(scores).all():
            raise ValueError("the model gives scores that are not finite numbers")


class RemoteWithProbabilities(RemoteClassifier):
    def predict_proba(self, given: Any) -> NDArray[Any]:
        return self._line.numbers("predict_proba", given, len(self.classes_), self._check_probabilities)

    def _check_probabilities(self, scores: NDArray[Any]) -> None:
        self._check_scores(scores)
        rounding = ROUNDING[scores.dtype.itemsize]
        if scores.size and (scores.min() < -rounding or scores.max() > 1 + rounding):
            lowest, highest = float(scores.min()), float(scores.max())
            raise self._line.unfit(
                f"are not probabilities: they lie between {lowest:.6g} and {highest:.6g}, not 0 and 1"
            )
        sums = scores.sum(axis=1, dtype=float)
        if len(sums) and (off := np.abs(sums - 1)).max() > rounding:
            raise self._line.unfit(f"are not probabilities: those of one row add up to {sums[off.argmax()]:.6g}, not 1")


class RemoteWithScores(RemoteClassifier):
    def decision_function(self, given: Any) -> NDArray[Any]:
        return self._line.numbers("decision_function", given, len(self.classes_), self._check_scores)


class RemoteRegressor(RemoteEstimator):
    def predict(self, given: Any) -> NDArray[Any]:
        return self._line.numbers("predict", given, 0, self._check_values)

    def _check_values(self, values: NDArray[Any]) -> None:
        if not np.isfinite(values).all():
            raise ValueError("the model gives predictions that are not finite numbers")
