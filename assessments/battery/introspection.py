"""What an estimator says of itself: what it predicts, and which columns and categories it was trained on."""

import re
import warnings
from typing import Any

import numpy as np
import pandas as pd

from assessments.battery.errors import LoadError, listed
from assessments.battery.labels import as_text

ESTIMATOR_HINT = (
    "Save the fitted scikit-learn compatible estimator itself (one with predict), "
    "for example joblib.dump(pipeline, 'model.joblib')."
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


def scores_method(estimator: Any) -> str:
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
    if type(innermost(estimator)).__module__.startswith("lightgbm"):
        return "lightgbm"
    said = getattr(estimator, "spelling", "")
    return said if said in ("lightgbm", "onnx") else ""


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


def in_words_of(frame: pd.DataFrame, names: list[str], estimator: Any) -> list[str]:
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


def ordered(values: pd.Series) -> pd.Index:
    return pd.Index(sorted(values.dropna().unique(), key=lambda value: (isinstance(value, str), value)))


def sees_the_frame(estimator: Any) -> Any:
    """What is given the rows as they are: the estimator, the one that a search found, the last step of no others."""
    model = estimator.best_estimator_ if hasattr(estimator, "best_estimator_") else estimator
    if getattr(model, "steps", None) and all(step in ("passthrough", None) for _, step in model.steps[:-1]):
        return model.steps[-1][1]
    return model


def booster_categories(estimator: Any, frame: pd.DataFrame) -> dict[str, pd.Index | None]:
    """The category columns of a LightGBM or XGBoost model that sees the frame itself, with their categories."""
    if is_remote(estimator):
        remote: dict[str, pd.Index | None] = estimator.categories(frame)
        return remote
    model = sees_the_frame(estimator)
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
