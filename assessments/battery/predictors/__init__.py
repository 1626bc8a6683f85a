"""Compiled forms of models, equal to them to the last bit, and many times faster at the small questions of attacks.

`compiled(model)` gives a Predictor, or raises Unsupported, which says why the model has to be asked as it is. A form is
used only after it has answered 1,500 trial rows exactly as the estimator does (see `_checking`). What it is not sure of
it leaves to the estimator: rows with a value that the model refuses, or that a transformer has no answer for.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.coder import Codes
from assessments.battery.errors import short
from assessments.battery.predictors import _checking, _direct
from assessments.battery.predictors._core import Core
from assessments.battery.predictors._encoding import Encoder, Reader, check_single
from assessments.battery.predictors._families import core_of, last_step
from assessments.battery.predictors._unsupported import AskTheEstimator, Unsupported

__all__ = ["AskTheEstimator", "Predictor", "Unsupported", "compiled"]

NUMBERS_AT_ONCE = 4_000_000  # of the matrix, 32 MB, where its rows may be asked in lots
KNOWN_ROWS = 2_000
SEED = 20_240_229


class Predictor:
    """Answers coded rows. decide: positions in the estimator's classes_; scores: what its predict_proba or
    decision_function gives; values: a regressor's predictions. Each may raise AskTheEstimator.

    note: what it is, for the report. seconds: what it took to make and to check.
    """

    def __init__(self, encoder: Encoder, core: Core, note: str) -> None:
        self.encoder, self.core, self.note = encoder, core, note
        self.seconds = 0.0
        self.gives_scores = core.scores is not None
        self.direct = None
        if core.ensemble is not None and _direct.can_run(encoder):
            self.direct = _direct.Direct(encoder, core.ensemble, core.absent_is_missing)

    def decide(self, codes: Codes) -> NDArray[np.int64]:
        certain, encoder = self.core.certain, self.encoder
        if certain is None or encoder.sparse or encoder.steps:
            return np.asarray(self._in_lots(codes, self.core.decide))
        largest = encoder.check(codes)
        reach = largest if encoder.is_the_codes else None
        at_once = self._at_once()
        lots = [certain(encoder.dense(codes[k : k + at_once]), reach) for k in range(0, len(codes), at_once)]
        decided, sure = lots[0] if len(lots) == 1 else (np.concatenate(each) for each in zip(*lots, strict=True))
        if not sure.all():
            decided[~sure] = self._in_lots(codes[~sure], self.core.decide)
        return decided

    def scores(self, codes: Codes) -> NDArray[Any]:
        if not self.gives_scores:
            raise AskTheEstimator
        return self._in_lots(codes, self.core.scores)

    def values(self, codes: Codes) -> NDArray[Any]:
        return self._in_lots(codes, self.core.values)

    def raw(self, codes: Codes) -> NDArray[Any]:
        """What all answers are read from: sums of leaves or of products, before a logistic or a softmax."""
        return self._in_lots(codes, lambda raw: raw)

    def _in_lots(self, codes: Codes, read: Callable[[NDArray[Any]], NDArray[Any]] | None) -> NDArray[Any]:
        if read is None:
            raise AskTheEstimator
        self.encoder.check(codes)
        if self.core.as_trained:  # BLAS may add up a row otherwise beside other rows: all as the estimator has them
            return read(self.core.raw(self.encoder.as_trained(codes)))
        at_once = self._at_once()
        parts = [read(self._raw(codes[start : start + at_once])) for start in range(0, len(codes), at_once)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _at_once(self) -> int:
        return max(256, NUMBERS_AT_ONCE // max(1, self.encoder.width))

    def _raw(self, codes: Codes) -> NDArray[Any]:
        if self.direct is not None and self.core.after is not None:
            return self.core.after(self.direct.sums(codes))
        matrix = self.encoder.dense(codes)
        if self.core.single:
            check_single(matrix)
        if self.core.absent_is_missing and self.encoder.sparse:
            matrix = np.where(matrix == 0, np.nan, matrix)
        return self.core.raw(matrix)


def compiled(model: Any) -> Predictor:
    """The compiled form of a FittedModel that is bound to its rows. Raises Unsupported."""
    begun = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            predictor = _checked(model)
        except (Unsupported, MemoryError):
            raise
        except Exception as error:
            raise Unsupported(f"compiling it failed: {short(error)}") from error
    predictor.seconds = time.perf_counter() - begun
    return predictor


def _checked(model: Any) -> Predictor:
    steps, last = last_step(model.estimator)
    core, steps, note = core_of(last, steps, getattr(model, "scores_from", ""))
    trial = model.coder.copy()
    reader = Reader(model, trial)
    encoder = reader.encoder(steps)
    predictor = Predictor(encoder, core, note)
    known = trial.encode(model.sample(KNOWN_ROWS))

    def ask(method: str) -> Callable[[Codes], NDArray[Any]]:
        return lambda codes: model.ask_as_is(method, trial.decode(codes))

    with _checking.one_thread(model.estimator):
        encoder.refuses = _checking.refusals(ask("predict"), trial, known)
        rows = _checking.trial_rows(trial, known, encoder.refuses, np.random.default_rng(SEED))
        for name, ours, method in _questions(model, predictor):
            _checking.check(name, ours, ask(method), rows)
    reader.coder = model.coder
    encoder.forget()
    return predictor


def _questions(model: Any, predictor: Predictor) -> list[tuple[str, Callable[[Codes], Any], str]]:
    """What to compare: a name, our answer, and the estimator's method that gives the same."""
    if predictor.core.decide is None:
        return [("prediction", predictor.values, "predict")]
    classes = np.asarray(model.estimator.classes_)
    found: list[tuple[str, Callable[[Codes], Any], str]] = [
        ("decision", lambda codes: classes[predictor.decide(codes)], "predict")
    ]
    if predictor.gives_scores and model.scores_from:
        found.append(("score", predictor.scores, model.scores_from))
    return found
