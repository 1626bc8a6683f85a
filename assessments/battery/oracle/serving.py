"""The process that holds a model of a waiver, and answers what the battery's process asks it. Nothing else is its task.

It may be wholly in the hands of the model's code. What it can reach is this pipe, the model's file and a folder of its
own that nobody reads.
"""

import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from assessments.battery import introspection
from assessments.battery.errors import LoadError, short
from assessments.battery.estimator import FittedClassifier, FittedModel, FittedRegressor
from assessments.battery.loading import check_digest, load_model
from assessments.battery.oracle import rows
from assessments.battery.oracle.channel import Answering
from assessments.battery.plan import File, Trust

SCORES = ("predict_proba", "decision_function")
KINDS = ("f2", "f4", "f8", "i8")


def serve(path: Path, format: str, trust: Trust, sha256: str, descriptors: tuple[int, int]) -> int:
    """Answer until the other side ends; the exit code. descriptors: to read questions from, to write answers to."""
    channel = Answering(*descriptors)
    warnings.simplefilter("ignore")
    model: _Held | None = None
    for question, body in channel.questions():
        number = int(question.pop("number"))
        try:
            if model is None:
                check_digest(path, File(path.name, format, sha256))
                model = _Held(*load_model(path, format, trust=trust))
            header, answer = model.answer(question, body)
        except BaseException as error:
            header, answer = {"error": _said(error)}, b""
        channel.answer(number, header, answer)
    return 0


def _said(error: BaseException) -> dict[str, str]:
    """The error, so that it has the same effect on the other side as it would have in one process."""
    if isinstance(error, LoadError):
        return {"kind": "load", "code": error.code, "message": error.message[:2000], "hint": error.hint[:2000]}
    if isinstance(error, MemoryError):
        return {"kind": "memory", "code": "", "message": "", "hint": ""}
    traceback.print_exc()
    return {"kind": "other", "code": "", "message": short(error), "hint": ""}


class _Held:
    def __init__(self, estimator: Any, notes: list[str]) -> None:
        self.estimator, self.notes = estimator, notes
        self.classifier = FittedClassifier(estimator) if _has_classes(estimator) else None
        self.model: FittedModel = self.classifier or FittedRegressor(estimator)

    def answer(self, question: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        asked = question["ask"]
        if asked == "describe":
            return self._description(), b""
        given = rows.read(question["given"], body)
        if asked == "categories":
            known = introspection.booster_categories(self.estimator, given)
            return {"categories": {n: None if v is None else rows.tagged(list(v)) for n, v in known.items()}}, b""
        if asked == "predict":
            return self._numbers(self._predicted(given))
        if asked in SCORES:
            return self._numbers(self._scored(asked, given))
        raise ValueError(f"{asked!r} is no question")

    def _description(self) -> dict[str, Any]:
        classifier = self.classifier
        return {
            "task": introspection.kind_of_task(self.estimator),
            "classes": rows.tagged(list(np.asarray(self.estimator.classes_).ravel())) if classifier else None,
            "features": introspection.named_features(self.estimator),
            "n_features": introspection.feature_count(self.estimator),
            "scores": classifier.scores_from if classifier else "",
            "spelling": introspection.spelling(self.estimator),
            "identity": introspection.identity(self.estimator),
            "notes": self.notes,
        }

    def _predicted(self, given: Any) -> Any:
        """Positions of the classes, or numbers."""
        if self.classifier:
            return self.classifier.codes_of(given)
        return self.model.one_a_row(given)

    def _scored(self, asked: str, given: Any) -> Any:
        found = np.asarray(getattr(self.estimator, asked)(given))
        wanted = (len(given), len(self.estimator.classes_))
        if found.shape != wanted and not (asked == "decision_function" and found.shape == (len(given),)):
            raise ValueError(f"the model gives scores of shape {found.shape} for {wanted[1]} classes")
        return found if found.dtype.kind == "f" else found.astype(float)

    def _numbers(self, found: Any) -> tuple[dict[str, Any], bytes]:
        kind = found.dtype.str[1:]
        found = np.ascontiguousarray(found, dtype=f"{rows.ORDER}{kind}" if kind in KINDS else float)
        return {"dtype": found.dtype.str, "shape": found.shape}, found.tobytes()


def _has_classes(estimator: Any) -> bool:
    """False for what predicts numbers, or says neither which kind it is nor which classes it knows."""
    return not introspection.predicts_numbers(estimator) and (
        bool(introspection.kind_of_task(estimator)) or hasattr(estimator, "classes_")
    )
