"""The simple models that a model is compared with, fitted on its training data or, without, by cross-validation."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.coder import Coder
from assessments.battery.labels import encode
from assessments.battery.subject import Subject

FOLDS = 5
MOST_ROWS = 20_000  # of the training data: one column needs no more
MOST_CATEGORIES = 50


@dataclass(frozen=True)
class Training:
    """Feature columns and outcomes to fit on; frame is None where the assessed rows themselves must do."""

    frame: pd.DataFrame
    y: NDArray[Any]
    known: bool  # rows of the training data


def reference_outcomes(subject: Subject) -> NDArray[Any] | None:
    """The reference's outcomes as `subject.y` has them, NaN or -1 where there is none; None without the column."""
    reference = subject.reference
    if reference is None or subject.target not in reference:
        return None
    if subject.task == "regression":
        return np.asarray(pd.to_numeric(reference[subject.target], errors="coerce"), dtype=float)
    codes, names = encode(reference[subject.target])
    position = {label: at for at, label in enumerate(subject.labels)}
    table = np.array([*(position.get(name, -1) for name in names), -1])
    return np.asarray(table[codes])


def training_rows(subject: Subject, rng: np.random.Generator, most: int = MOST_ROWS) -> Training | None:
    """At most `most` rows of the reference with a known outcome; None where it cannot be used."""
    outcomes = reference_outcomes(subject)
    if outcomes is None or subject.reference is None or not set(subject.features) <= set(subject.reference):
        return None
    usable = np.flatnonzero(np.isfinite(outcomes) if subject.task == "regression" else outcomes >= 0)
    chosen = np.sort(rng.permutation(usable)[:most])
    if len(chosen) < 2 or len(np.unique(outcomes[chosen])) < 2:
        return None
    return Training(subject.reference.iloc[chosen].reset_index(drop=True), outcomes[chosen], True)


def columns_of(subject: Subject, *frames: pd.DataFrame) -> dict[str, list[NDArray[Any]]]:
    """Each feature as a matrix, one a frame: a number scaled, with a flag for missing; a category as one-hot flags."""
    coder = Coder(pd.concat([frame[subject.features] for frame in frames], ignore_index=True))
    codes = [coder.encode(frame[subject.features]) for frame in frames]
    found = {}
    for at, name in enumerate(subject.features):
        values = [code[:, at] for code in codes]
        if name in coder.categories:
            found[name] = _flags(values, len(coder.categories[name]))
        else:
            found[name] = _scaled(values)
    return {name: matrices for name, matrices in found.items() if np.ptp(matrices[0], axis=0).any()}


def _flags(values: list[NDArray[Any]], size: int) -> list[NDArray[Any]]:
    """The most frequent categories of the first frame; the others, and missing, are none of them."""
    first = values[0][np.isfinite(values[0])].astype(int)
    common = np.argsort(-np.bincount(first, minlength=size), kind="stable")[:MOST_CATEGORIES]
    return [(value[:, None] == common[None, :]).astype(float) for value in values]


def _scaled(values: list[NDArray[Any]]) -> list[NDArray[Any]]:
    known = values[0][np.isfinite(values[0])]
    centre = float(np.median(known)) if len(known) else 0.0
    spread = float(known.std()) if len(known) else 0.0
    return [
        np.column_stack([np.nan_to_num((value - centre) / (spread or 1.0), posinf=0, neginf=0), np.isnan(value)])
        for value in values
    ]


def one_column(fit_x: NDArray[Any], fit_y: NDArray[Any], x: NDArray[Any], size: int) -> NDArray[Any]:
    """(rows, labels) probabilities of a logistic regression of one column; size 0: (rows,) of a linear one."""
    from sklearn.linear_model import LogisticRegression, Ridge

    if not size:
        return np.asarray(Ridge(alpha=1e-6).fit(fit_x, fit_y).predict(x))
    model = LogisticRegression(max_iter=200, tol=1e-5).fit(fit_x, fit_y)
    found = np.zeros((len(x), size))
    found[:, model.classes_] = model.predict_proba(x)
    return found


def out_of_fold(x: NDArray[Any], y: NDArray[Any], size: int, folds: NDArray[np.int64]) -> NDArray[Any]:
    """As `one_column` of each row, fitted on the folds that it is not in."""
    found = np.zeros((len(y), size) if size else len(y))
    for fold in np.unique(folds):
        inside = folds == fold
        rest = y[~inside]
        if len(np.unique(rest)) > 1:
            found[inside] = one_column(x[~inside], rest, x[inside], size)
        elif size:
            found[inside, rest[0]] = 1.0
        else:
            found[inside] = rest.mean()
    return found
