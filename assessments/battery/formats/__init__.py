"""Model files beside joblib. One module here is one format, found by its name.

scan(path) -> dict       what is in the file, read without building anything: a `modelrisk.scan/1` document
load(path) -> (estimator, notes)      the checks of scan again, then the estimator; LoadError where there is none
"""

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Any

from assessments.battery.errors import LoadError
from assessments.battery.plan import Trust

NAMES = tuple(sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_")))


def scan(path: Path, format: str) -> dict[str, Any]:
    """The scan of the file as this format. Raises LoadError where the format is none of ours."""
    document: dict[str, Any] = _module(format).scan(path)
    return document


def load(path: Path, format: str, trust: Trust = "restricted") -> tuple[Any, list[str]]:
    """The estimator in the file, and notes for the reader. Raises LoadError. trust: for a format that can hold more."""
    module = _module(format)
    estimator, notes = module.load(path, trust) if format == "skops" else module.load(path)
    return estimator, notes


def _module(format: str) -> ModuleType:
    if format not in NAMES:
        raise LoadError(
            "not_a_model", f"A model in the format {format!r} cannot be read.", f"Save it as {', '.join(NAMES)}."
        )
    return importlib.import_module(f"{__name__}.{format}")
