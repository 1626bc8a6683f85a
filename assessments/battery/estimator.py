"""A fitted model asked in the form it was trained on: column names, column order, categories, labels."""

import warnings
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.coder import Coder, Codes
from assessments.battery.errors import LoadError, listed, short
from assessments.battery.introspection import (
    booster_categories,
    check_classifier,
    check_regressor,
    feature_count,
    in_words_of,
    named_features,
    ordered,
    scores_method,
)
from assessments.battery.labels import as_text

if TYPE_CHECKING:
    from assessments.battery.predictors import Predictor

BATCH_ROWS = 50_000  # of one question to the model,
BATCH_CELLS = 4_000_000  # and fewer where rows are wide: preparing them takes several copies, 32 MB each
# A compiled form takes about a second to make: it is made after this many questions, or rows, whichever comes first.
COMPILE_QUESTIONS = 8
COMPILE_ROWS = 200_000
Rows: TypeAlias = pd.DataFrame | NDArray[np.float64]  # as they are, or coded
Ask: TypeAlias = Callable[[Any], NDArray[Any]]
Answer: TypeAlias = Callable[[Any, Codes], NDArray[Any]]


class FittedModel:
    """An estimator and how to ask it, whatever it predicts.

    feature_names: what it says it was trained on; None where it was trained without names. form: whether a compiled
    form of it answers, or why not. A compiled form gives the same answers to the last bit (see `predictors`); it is
    made once so much has been asked that it pays.
    """

    may_compile = True

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator
        self.feature_names = named_features(estimator)
        self.n_features: int | None = feature_count(estimator)
        self.features: list[str] = []
        self.notes: list[str] = []
        self._categories: dict[str, pd.Index] = {}
        self._as_array = False
        self.form = "asked as it is: too few questions to be worth compiling"
        self._predictor: Predictor | None = None
        self.rows_asked_as_is = 0
        self._questions = self._rows = 0

    def predict(self, frame: pd.DataFrame) -> NDArray[Any]:
        """One answer a row."""
        raise NotImplementedError

    def bind(self, frame: pd.DataFrame, candidates: list[list[str]]) -> None:
        """Settle which columns of the frame the model is given, and in what form.

        candidates: lists of columns to try, best first, for a model that knows no names.
        """
        if self.feature_names is not None:
            wanted = in_words_of(frame, self.feature_names, self.estimator)
            missing = [name for name in wanted if name not in frame.columns]
            if missing:
                raise LoadError(
                    "missing_column",
                    f"The model needs {listed(missing)}, which the data does not have.",
                    f"Add the column with the values the model was trained on. The data has {listed(list(frame))}.",
                )
            self.features = wanted
        else:
            self.features = self._by_position(candidates)
            self._as_array = self.n_features is not None
        self._bound = frame[self.features]
        self._settle_form(self._bound)

    @cached_property
    def coder(self) -> Coder:
        """Rows as numbers and back, in the form of the frame that the model was bound to."""
        return Coder(self._bound)

    def sample(self, rows: int) -> pd.DataFrame:
        """The first rows that the model was bound to, with the columns it is given."""
        return self._bound.head(rows)

    @property
    def booster_categories(self) -> dict[str, pd.Index]:
        """The categories of columns that the model is given as pandas categories."""
        return self._categories

    def ask_as_is(self, method: str, frame: pd.DataFrame) -> NDArray[Any]:
        """What a method of the estimator itself gives for rows, as it gives it."""
        return np.asarray(getattr(self.estimator, method)(self.prepared(frame)))

    def _by_position(self, candidates: list[list[str]]) -> list[str]:
        for names in candidates:
            if self.n_features is None or len(names) == self.n_features:
                self.notes.append(
                    "The model names no columns: it is given the feature columns in the order of the data."
                )
                return names
        raise LoadError(
            "missing_column",
            f"The model takes {self.n_features} columns in a fixed order, and the data has {len(candidates[0])} "
            f"that may be features: {listed(candidates[0])}.",
            "Mark the columns it does not take as ignored, or train the model on a DataFrame so that it knows names.",
        )

    def _settle_form(self, frame: pd.DataFrame) -> None:
        """Find the category columns that a booster expects, then the first form that the model answers."""
        known = booster_categories(self.estimator, frame)
        text = [name for name in frame.columns if frame[name].dtype == object]
        if unknown := [name for name, categories in known.items() if categories is None]:
            self.notes.append(
                f"The model does not hold the categories of {listed(unknown)}: those of the data are taken, in order."
            )
        fixed = {name: ordered(frame[name]) if values is None else values for name, values in known.items()}
        forms: list[dict[str, pd.Index]] = [fixed] if known else [{}, {name: ordered(frame[name]) for name in text}]
        sample = frame.head(5)
        first: Exception | None = None
        for form in forms:
            self._categories = form
            try:
                self.predict(sample)
            except LoadError:
                raise
            except Exception as error:
                first = first or error
            else:
                return
        raise unanswered(first or RuntimeError("no answer")) from first

    def prepared(self, frame: pd.DataFrame) -> Any:
        """The frame in the form that the estimator was trained on."""
        given = frame[self.features]
        if self._as_array:
            return given.to_numpy()
        changed: dict[str, Any] = {}
        for name in self.features:
            if name in self._categories:
                changed[name] = pd.Categorical(given[name], categories=self._categories[name])
            elif isinstance(given[name].dtype, pd.StringDtype):
                changed[name] = given[name].astype(object)
        return given.assign(**changed) if changed else given

    def predict_codes(self, codes: Codes) -> NDArray[Any]:
        """As `predict`, for rows that `coder` has coded."""
        raise NotImplementedError

    def compile(self) -> None:
        """Make the compiled form, unless that was tried before."""
        if self._questions < 0 or not self.may_compile:
            return
        self._questions, self.form = -1, "asked as it is: compiling it took too long"
        from assessments.battery.predictors import Unsupported, compiled

        try:
            self._predictor = compiled(self)
        except Unsupported as reason:
            self.form = f"asked as it is: {reason}"
        else:
            self.form = f"compiled: {self._predictor.note}"

    @property
    def predictor(self) -> "Predictor | None":
        """The compiled form, made now where that was not tried; None where there is none."""
        self.compile()
        return self._predictor

    def _in_batches(self, rows: Rows, ask: Ask, answer: Answer, nothing: NDArray[Any]) -> NDArray[Any]:
        """Rows, or codes of rows, in lots of bounded size: by the compiled form where it can, else by the estimator."""
        if not len(rows):
            return nothing
        at_once = max(1, min(BATCH_ROWS, BATCH_CELLS // max(1, rows.shape[1])))
        starts = range(0, len(rows), at_once)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            at = rows if isinstance(rows, np.ndarray) else rows.iloc
            parts = [self._one_batch(at[start : start + at_once], ask, answer) for start in starts]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _one_batch(self, rows: Rows, ask: Ask, answer: Answer) -> NDArray[Any]:
        if self._questions >= 0:
            self._questions += 1
            self._rows += len(rows)
            if self._questions > COMPILE_QUESTIONS or self._rows > COMPILE_ROWS:
                self.compile()
        if self._predictor is not None:
            try:
                return answer(self._predictor, self._coded(rows))
            except MemoryError:
                raise
            except Exception:  # noqa: S110 - whatever it is, the estimator says it best
                pass
        self.rows_asked_as_is += len(rows)
        return ask(self.prepared(self.coder.decode(rows) if isinstance(rows, np.ndarray) else rows))

    def _coded(self, rows: Rows) -> Codes:
        if isinstance(rows, np.ndarray):
            return np.asarray(rows, dtype=float)
        return self.coder.encode(rows, strict=True)

    def one_a_row(self, given: Any) -> NDArray[Any]:
        """The estimator's own answers, one a row. Raises LoadError for a model with several outputs."""
        answers = np.asarray(self.estimator.predict(given))
        if answers.size != len(given):
            raise LoadError(
                "unsupported_task",
                f"The model gives {answers.shape} answers for {len(given)} rows, not one a row.",
                "Models with several outputs cannot be assessed yet.",
            )
        return answers.ravel()


class FittedClassifier(FittedModel):
    """classes: its classes as text, in its order.

    scores_are_probabilities: False where they come from decision_function.
    """

    def __init__(self, estimator: Any) -> None:
        check_classifier(estimator)
        super().__init__(estimator)
        self.classes = [as_text(value) for value in np.asarray(estimator.classes_).ravel()]
        self.scores_from = scores_method(estimator)
        self.scores_are_probabilities = self.scores_from == "predict_proba"

    @property
    def has_scores(self) -> bool:
        return bool(self.scores_from)

    def predict(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        """Positions in `classes`, one a row."""
        return self._decided(frame)

    def predict_codes(self, codes: Codes) -> NDArray[np.int64]:
        return self._decided(codes)

    def _decided(self, rows: Rows) -> NDArray[np.int64]:
        nothing = np.empty(0, dtype=np.int64)
        return self._in_batches(rows, self._predict_batch, lambda ours, codes: ours.decide(codes), nothing)

    def scores(self, frame: pd.DataFrame) -> NDArray[np.floating[Any]]:
        """One column a class, in the order of `classes`. From decision_function: 0.5 + d / (2 + 2 |d|),
        which keeps the order of the rows and sets d = 0 at 0.5, without the ties that a logistic would make."""
        return self._scored(frame)

    def scores_codes(self, codes: Codes) -> NDArray[np.floating[Any]]:
        """As `scores`, for rows that `coder` has coded."""
        return self._scored(codes)

    def _scored(self, rows: Rows) -> NDArray[np.floating[Any]]:
        nothing = np.empty((0, len(self.classes)))
        return self._in_batches(
            rows, self._score_batch, lambda ours, codes: self._as_scores(ours.scores(codes), len(codes)), nothing
        )

    def _predict_batch(self, given: Any) -> NDArray[np.int64]:
        return self.codes_of(given)

    def codes_of(self, given: Any) -> NDArray[np.int64]:
        """Positions in `classes` for rows in the form of the estimator. Raises LoadError for an unknown class."""
        codes, uniques = pd.factorize(self.one_a_row(given), use_na_sentinel=False)
        where = {name: position for position, name in enumerate(self.classes)}
        texts = [as_text(unique) for unique in uniques]
        if unknown := [text for text in texts if text not in where]:
            raise LoadError(
                "label_mismatch",
                f"The model predicts {listed(unknown)}, which is not among its classes_ {listed(self.classes)}.",
                "Save a model whose predict gives the values of its classes_.",
            )
        return np.asarray(np.array([where[text] for text in texts], dtype=np.int64)[codes])

    def _score_batch(self, given: Any) -> NDArray[Any]:
        return self._as_scores(np.asarray(getattr(self.estimator, self.scores_from)(given)), len(given))

    def _as_scores(self, found: NDArray[Any], rows: int) -> NDArray[Any]:
        if not self.scores_are_probabilities:
            found = 0.5 + found / (2 + 2 * np.abs(found))
            if found.ndim == 1:
                found = np.column_stack([1 - found, found])
        if found.shape != (rows, len(self.classes)):
            raise ValueError(f"the model gives scores of shape {found.shape} for {len(self.classes)} classes")
        if not np.isfinite(found).all():
            raise ValueError("the model gives scores that are not finite numbers")
        return found


class FittedRegressor(FittedModel):
    """Answers are numbers, in the units of the target."""

    def __init__(self, estimator: Any) -> None:
        check_regressor(estimator)
        super().__init__(estimator)

    def predict(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """(rows,) predictions."""
        return self._predicted(frame)

    def predict_codes(self, codes: Codes) -> NDArray[np.float64]:
        return self._predicted(codes)

    def _predicted(self, rows: Rows) -> NDArray[np.float64]:
        return self._in_batches(
            rows, self._predict_batch, lambda ours, codes: self._as_numbers(ours.values(codes)), np.empty(0)
        )

    def _predict_batch(self, given: Any) -> NDArray[np.float64]:
        return self._as_numbers(self.one_a_row(given))

    def _as_numbers(self, answers: NDArray[Any]) -> NDArray[np.float64]:
        numbers: NDArray[np.float64] = answers.astype(float)
        if not np.isfinite(numbers).all():
            raise ValueError("the model gives predictions that are not finite numbers")
        return numbers


def unanswered(error: BaseException) -> LoadError:
    """A model that raises when it is asked about the data."""
    return LoadError(
        "crashed",
        f"The model cannot predict these rows: {short(error)}",
        "Try model.predict on the same file. Columns, their types and missing values must be as in training.",
    )
