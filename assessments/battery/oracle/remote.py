"""The battery's end: an estimator whose answers come from the process that holds the model. Every answer is checked.

A test that looks inside `subject.estimator` finds nothing there but this: `remote` is True, and it has to ask.
"""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Tags, TargetTags

from assessments.battery.errors import LoadError, ModelLost
from assessments.battery.labels import as_text
from assessments.battery.oracle import rows
from assessments.battery.oracle.channel import Asking, Lost

MOST_CLASSES, MOST_FEATURES, MOST_NAME, MOST_STEPS = 10_000, 100_000, 1_000, 500
FLOATS = {f"{rows.ORDER}{kind}" for kind in ("f2", "f4", "f8")}
WHOLE = f"{rows.ORDER}i8"
ERRORS = {"kind", "code", "message", "hint"}


class AnswerError(RuntimeError):
    """The model raised; the message is what it said."""


def connect(read: int, write: int) -> tuple[Any, list[str]]:
    """The remote estimator and the notes of its loading. Raises LoadError; loads the model over there."""
    line = _Line(Asking(read, write))
    described = _Description(line.ask({"ask": "describe"}, b"", most=0)[0])
    return described.estimator(line), described.notes


class _Line:
    """Questions with an answer or an exception."""

    def __init__(self, channel: Asking) -> None:
        self._channel = channel

    @property
    def lost(self) -> str:
        return self._channel.lost

    def ask(self, header: dict[str, Any], body: bytes, *, most: int) -> tuple[dict[str, Any], bytes]:
        try:
            found, answer = self._channel.ask(header, body, most=most)
        except Lost as lost:
            raise ModelLost(str(lost)) from lost
        if "error" in found:
            self._fail(found)
        return found, answer

    def nonsense(self, what: str) -> ModelLost:
        """What came cannot be an answer: nothing further is believed."""
        self._channel.lost = f"it gave {what}"
        return ModelLost(self._channel.lost)

    def _fail(self, found: dict[str, Any]) -> None:
        error = found["error"]
        if set(found) != {"error"} or not isinstance(error, dict) or set(error) != ERRORS:
            raise self.nonsense("an error that is not understood")
        if not all(isinstance(text, str) and len(text) <= 5_000 for text in error.values()):
            raise self.nonsense("an error that is not understood")
        if error["kind"] == "memory":
            raise MemoryError
        if error["kind"] == "load":
            raise LoadError(error["code"], error["message"], error["hint"])
        raise AnswerError(error["message"])

    def numbers(self, asked: str, given: Any, columns: int) -> tuple[NDArray[Any], str]:
        """Of shape (rows,) where columns is 0, else (rows, columns), or (rows,) for 2; and the type of the numbers."""
        count = len(given)
        header, body = rows.written(given)
        found, answer = self.ask({"ask": asked, "given": header}, body, most=8 * count * max(1, columns))
        kind, shape = found.get("dtype"), found.get("shape")
        shapes = [[count]] if columns == 0 else [[count, columns], *([[count]] if columns == 2 else [])]
        known = isinstance(kind, str) and kind in {*FLOATS, WHOLE}
        if set(found) != {"dtype", "shape"} or not known or json.dumps(shape) not in map(json.dumps, shapes):
            raise self.nonsense(f"answers to {asked} of another form than {count} rows take")
        size = np.dtype(str(kind)).itemsize * math.prod(list(shape or []))
        if len(answer) != size:
            raise self.nonsense(f"answers to {asked} of another form than {count} rows take")
        return np.frombuffer(answer, np.dtype(str(kind))).reshape(list(shape or [])).copy(), str(kind)


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
    def lost(self) -> str:
        """Why the model cannot be asked any more; empty while it can."""
        return self._line.lost

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
        codes, kind = self._line.numbers("predict", given, 0)
        if kind != WHOLE or (len(codes) and not (codes.min() >= 0 and codes.max() < len(self.classes_))):
            raise self._line.nonsense("a class that is none of its classes")
        return np.asarray(self.classes_[codes])

    def _scored(self, asked: str, given: Any) -> NDArray[Any]:
        scores, kind = self._line.numbers(asked, given, len(self.classes_))
        if kind not in FLOATS:
            raise self._line.nonsense("scores that are whole numbers")
        if not np.isfinite(scores).all():
            raise ValueError("the model gives scores that are not finite numbers")
        return scores


class RemoteWithProbabilities(RemoteClassifier):
    def predict_proba(self, given: Any) -> NDArray[Any]:
        return self._scored("predict_proba", given)


class RemoteWithScores(RemoteClassifier):
    def decision_function(self, given: Any) -> NDArray[Any]:
        return self._scored("decision_function", given)


class RemoteRegressor(RemoteEstimator):
    def predict(self, given: Any) -> NDArray[Any]:
        values, _ = self._line.numbers("predict", given, 0)
        if not np.isfinite(values).all():
            raise ValueError("the model gives predictions that are not finite numbers")
        return values
