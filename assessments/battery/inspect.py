"""What a model file holds: its class, steps, classes and columns."""

import json
import sys
from pathlib import Path
from typing import Any

from assessments.battery.introspection import (
    check_classifier,
    check_regressor,
    feature_count,
    identity,
    innermost,
    named_features,
    predicts_numbers,
)
from assessments.battery.labels import as_text
from assessments.battery.loading import load_model
from assessments.battery.plan import Trust


def inspect_model(path: Path, format: str = "joblib", *, trust: Trust = "restricted") -> dict[str, Any]:
    """The facts as JSON; a regressor has no classes. Raises LoadError where the file holds no fitted model, or may not
    be loaded."""
    estimator, notes = load_model(path, format, trust=trust)
    task, classes = _task(estimator)
    names = named_features(estimator)
    return {
        **identity(estimator),
        "task": task,
        "classes": classes,
        "features": names,
        "n_features": len(names) if names is not None else feature_count(estimator),
        "libraries": libraries(estimator),
        "notes": notes,
    }


def _task(estimator: Any) -> tuple[str, list[str]]:
    """The task, and the classes as text."""
    if predicts_numbers(estimator):
        check_regressor(estimator)
        return "regression", []
    check_classifier(estimator)
    classes = [as_text(value) for value in estimator.classes_]
    return "binary" if len(classes) == 2 else "multiclass", classes


def libraries(estimator: Any) -> dict[str, str]:
    """The library versions that the model was saved with where it tells, else those it was loaded with."""
    if isinstance(named := getattr(estimator, "libraries", None), dict):
        return dict(sorted(named.items()))
    found = {}
    last = innermost(estimator)
    for part in (estimator, last):
        root = type(part).__module__.split(".")[0]
        found["scikit-learn" if root == "sklearn" else root] = _saved_version(part, root)
    return dict(sorted(found.items()))


def _saved_version(part: Any, root: str) -> str:
    if root == "sklearn" and "_sklearn_version" in vars(part):
        return str(vars(part)["_sklearn_version"])
    if root == "xgboost":
        return ".".join(str(number) for number in json.loads(part.get_booster().save_config())["version"])
    return str(getattr(sys.modules.get(root), "__version__", "unknown"))
