"""A fitted model asked in the form it was trained on: column names, column order, categories, labels."""

import re
import warnings
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.coder import Coder, Codes
from assessments.battery.errors import LoadError, listed, short
from assessments.battery.labels import as_text

BATCH_ROWS = 50_000
ESTIMATOR_HINT = (
    "Save the fitted scikit-learn compatible estimator itself (one with predict), "
    "for example joblib.dump(pipeline, 'model.joblib')."
)


class FittedModel:
    """An estimator and how to ask it, whatever it predicts.

    feature_names: what it says it was trained on; None where it was trained without names.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator
        self.feature_names = named_features(estimator)
        self.n_features: int | None = feature_count(estimator)
        self.features: list[str] = []
        self.notes: list[str] = []
        self._categories: dict[str, pd.Index] = {}
        self._as_array = False

    def predict(self, frame: pd.DataFrame) -> NDArray[Any]:
        """One answer a row."""
        raise NotImplementedError

    def bind(self, frame: pd.DataFrame, candidates: list[list[str]]) -> None:
        """Settle which columns of the frame the model is given, and in what form.

        candidates: lists of columns to try, best first, for a model that knows no names.
        """
        if self.feature_names is not None:
            wanted = _in_words_of(frame, self.feature_names, self.estimator)
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
        fixed = {name: _ordered(frame[name]) if values is None else values for name, values in known.items()}
        forms: list[dict[str, pd.Index]] = [fixed] if known else [{}, {name: _ordered(frame[name]) for name in text}]
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
        return self._decoded(codes, self.predict)

    def _decoded(self, codes: Codes, ask: Any) -> NDArray[Any]:
        starts = range(0, max(len(codes), 1), BATCH_ROWS)
        parts = [ask(self.coder.decode(codes[start : start + BATCH_ROWS])) for start in starts]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _in_batches(self, frame: pd.DataFrame, ask: Any, nothing: NDArray[Any]) -> NDArray[Any]:
        if not len(frame):
            return nothing
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parts = [
                ask(self.prepared(frame.iloc[start : start + BATCH_ROWS])) for start in range(0, len(frame), BATCH_ROWS)
            ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

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
        self.scores_from = _scores_from(estimator)
        self.scores_are_probabilities = self.scores_from == "predict_proba"

    @property
    def has_scores(self) -> bool:
        return bool(self.scores_from)

    def predict(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        """Positions in `classes`, one a row."""
        answers: NDArray[np.int64] = self._in_batches(frame, self._predict_batch, np.empty(0, dtype=np.int64))
        return answers

    def scores(self, frame: pd.DataFrame) -> NDArray[np.floating[Any]]:
        """One column a class, in the order of `classes`. From decision_function: 0.5 + d / (2 + 2 |d|),
        which keeps the order of the rows and sets d = 0 at 0.5, without the ties that a logistic would make."""
        found: NDArray[np.floating[Any]] = self._in_batches(frame, self._score_batch, np.empty((0, len(self.classes))))
        return found

    def scores_codes(self, codes: Codes) -> NDArray[np.floating[Any]]:
        """As `scores`, for rows that `coder` has coded."""
        return self._decoded(codes, self.scores)

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
        found = np.asarray(getattr(self.estimator, self.scores_from)(given))
        if not self.scores_are_probabilities:
            found = 0.5 + found / (2 + 2 * np.abs(found))
            if found.ndim == 1:
                found = np.column_stack([1 - found, found])
        if found.shape != (len(given), len(self.classes)):
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
        answers: NDArray[np.float64] = self._in_batches(frame, self._predict_batch, np.empty(0))
        return answers

    def _predict_batch(self, given: Any) -> NDArray[np.float64]:
        answers = self.one_a_row(given).astype(float)
        if not np.isfinite(answers).all():
            raise ValueError("the model gives predictions that are not finite numbers")
        return answers


def unanswered(error: BaseException) -> LoadError:
    """A model that raises when it is asked about the data."""
    return LoadError(
        "crashed",
        f"The model cannot predict these rows: {short(error)}",
        "Try model.predict on the same file. Columns, their types and missing values must be as in training.",
    )


def predicts_numbers(estimator: Any) -> bool:
    """Whether the estimator calls itself a regressor."""
    return kind_of_task(estimator) == "regressor"


def check_regressor(estimator: Any) -> None:
    """Raise LoadError where the object is no fitted model that may predict numbers."""
    kind = _check_predicts(estimator)
    if (wrong := kind_of_task(estimator)) not in ("regressor", ""):
        raise LoadError("bad_plan", f"The plan says regression, and the model, a {kind}, is a {wrong}.", "Say auto.")
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        raise LoadError("not_an_estimator", f"The model, a {kind}, is not fitted.", ESTIMATOR_HINT) from error
    except Exception:  # noqa: S110 - not a scikit-learn object: its answers decide
        pass


def check_classifier(estimator: Any) -> None:
    """Raise LoadError where the object is no fitted classifier with one class a row."""
    kind = _check_predicts(estimator)
    if (wrong := kind_of_task(estimator)) not in ("classifier", ""):
        hint = "Say regression, or auto." if wrong == "regressor" else "Classifiers and regressors can be assessed."
        raise LoadError("unsupported_task", f"The model, a {kind}, is a {wrong}.", hint)
    try:
        classes = estimator.classes_
    except Exception as error:
        raise LoadError(
            "not_an_estimator",
            f"The model, a {kind}, does not say which classes it predicts (classes_): is it fitted?",
            ESTIMATOR_HINT,
        ) from error
    flat = [as_text(value) for value in classes] if np.ndim(classes) == 1 else []
    if isinstance(classes, list) and any(np.ndim(value) for value in classes):
        raise LoadError("unsupported_task", f"The model, a {kind}, has several outputs.", "One output is supported.")
    if len(flat) < 2 or len(set(flat)) < len(flat):
        raise LoadError("unsupported_task", f"The model knows the classes {listed(flat)}.", "It must tell two apart.")


def _check_predicts(estimator: Any) -> str:
    """The name of its class; raises LoadError where it has no predict."""
    kind = f"{type(estimator).__module__}.{type(estimator).__qualname__}"
    if isinstance(estimator, type) or not callable(getattr(estimator, "predict", None)):
        raise LoadError("not_an_estimator", f"The file holds a {kind}, which has no predict.", ESTIMATOR_HINT)
    return kind


def kind_of_task(estimator: Any) -> str:
    """classifier, regressor, clusterer, outlier detector; empty where the object does not say."""
    from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor

    checks = [
        (is_classifier, "classifier"),
        (is_regressor, "regressor"),
        (is_clusterer, "clusterer"),
        (is_outlier_detector, "outlier detector"),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return next((name for check, name in checks if check(estimator)), "")
        except Exception:
            return ""  # not a scikit-learn object: classes_ decides


def innermost(estimator: Any) -> Any:
    """The last step of the last pipeline, out of a search or a threshold tuner."""
    for _ in range(20):
        if getattr(estimator, "steps", None):
            estimator = estimator.steps[-1][1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            break
    return estimator


def _scores_from(estimator: Any) -> str:
    """predict_proba, decision_function, or nothing. A one-against-one decision function is no score a class."""
    if callable(getattr(estimator, "predict_proba", None)):
        return "predict_proba"
    if not callable(getattr(estimator, "decision_function", None)):
        return ""
    ovo = getattr(innermost(estimator), "decision_function_shape", "") == "ovo"
    return "" if ovo and len(estimator.classes_) > 2 else "decision_function"


def _first_parts(estimator: Any) -> list[Any]:
    """The estimator and, one inside the other, what sees its input first."""
    parts = [estimator]
    for _ in range(20):
        inner = parts[-1]
        if getattr(inner, "steps", None):
            inner = inner.steps[0][1]
        else:
            inner = next(
                (getattr(inner, name) for name in ("best_estimator_", "estimator_") if hasattr(inner, name)), None
            )
        if inner is None or isinstance(inner, str):
            break
        parts.append(inner)
    return parts


def named_features(estimator: Any) -> list[str] | None:
    """The columns that the model says it was trained on, in order."""
    for part in _first_parts(estimator):
        try:
            names = part.feature_names_in_
        except Exception:  # noqa: S112 - a property may raise what it likes
            continue
        names = [str(name) for name in names]
        if type(part).__module__.startswith("lightgbm") and names == [f"Column_{i}" for i in range(len(names))]:
            return None  # LightGBM's own names for the columns of an array
        return names
    return None


def spelling(estimator: Any) -> str:
    """Whose way of writing column names the estimator has: lightgbm, onnx, or empty for names as they are."""
    if is_remote(estimator):
        return str(estimator.spelling)
    if type(innermost(estimator)).__module__.startswith("lightgbm"):
        return "lightgbm"
    return "onnx" if type(estimator).__name__ == "OnnxClassifier" else ""


def is_remote(estimator: Any) -> bool:
    """Whether the model itself is in another process (oracle mode): there is nothing inside, it can only be asked."""
    return getattr(type(estimator), "remote", False) is True


def identity(estimator: Any) -> dict[str, Any]:
    """Class, module and the classes of the steps of the model."""
    if is_remote(estimator):
        return dict(estimator.identity)
    return {
        "class": type(estimator).__name__,
        "module": type(estimator).__module__,
        "steps": [type(step).__name__ for _, step in getattr(estimator, "steps", None) or []],
    }


def _in_words_of(frame: pd.DataFrame, names: list[str], estimator: Any) -> list[str]:
    """The columns of the frame that the names mean: LightGBM writes _ for a space, skl2onnx for all but letters."""
    way = spelling(estimator)
    if not way:
        return list(names)
    written = {re.sub(" " if way == "lightgbm" else r"\W", "_", name): name for name in frame.columns}
    return [name if name in frame.columns else written.get(name, name) for name in names]


def feature_count(estimator: Any) -> int | None:
    for part in _first_parts(estimator):
        try:
            return int(part.n_features_in_)
        except Exception:  # noqa: S112 - as above
            continue
    return None


def _ordered(values: pd.Series) -> pd.Index:
    return pd.Index(sorted(values.dropna().unique(), key=lambda value: (isinstance(value, str), value)))


def booster_categories(estimator: Any, frame: pd.DataFrame) -> dict[str, pd.Index | None]:
    """The category columns of a LightGBM or XGBoost model that sees the frame itself, with their categories."""
    if is_remote(estimator):
        remote: dict[str, pd.Index | None] = estimator.categories(frame)
        return remote
    model = estimator.best_estimator_ if hasattr(estimator, "best_estimator_") else estimator
    if getattr(model, "steps", None) and all(step in ("passthrough", None) for _, step in model.steps[:-1]):
        model = model.steps[-1][1]
    module = type(model).__module__
    if module.startswith("lightgbm"):
        return _lightgbm_categories(model, frame)
    if module.startswith("xgboost"):
        return _xgboost_categories(model, frame)
    return {}


def _lightgbm_categories(model: Any, frame: pd.DataFrame) -> dict[str, pd.Index | None]:
    known = [pd.Index(values) for values in (model.booster_.pandas_categorical or [])]
    if not known:
        return {}
    seen = {as_text(name): info for name, info in model.booster_.dump_model()["feature_infos"].items()}
    text = [name for name in frame.columns if frame[name].dtype == object]
    if len(text) != len(known):
        text = [name for name in frame.columns if name in text or seen.get(name.replace(" ", "_"), {}).get("values")]
    return dict(zip(text, known, strict=True)) if len(text) == len(known) else dict.fromkeys(text)


def _xgboost_categories(model: Any, frame: pd.DataFrame) -> dict[str, pd.Index | None]:
    booster = model.get_booster()
    types = booster.feature_types or []
    names = [name for name, kind in zip(frame.columns, types, strict=False) if kind == "c"]
    if not names:
        return {}
    try:
        known = dict(booster.get_categories(export_to_arrow=True).to_arrow())
        return {name: pd.Index(known[name].to_pylist()) if known.get(name) is not None else None for name in names}
    except Exception:
        return dict.fromkeys(names)
