"""The training data beside the data under test: the rows that can be used, and rows recognised in both."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.errors import listed
from assessments.battery.labels import encode
from assessments.battery.spec import NotApplicable
from assessments.battery.subject import Subject
from assessments.battery.tables import is_number

HOW_TO_GIVE = (
    "Needs the training data: choose it as the training data of the assessment (on the command line --reference FILE)."
)
ENOUGH = 100
Ids = NDArray[np.int64]


def needed(subject: Subject) -> pd.DataFrame:
    """All training rows. Raises NotApplicable that says how to give them."""
    if subject.reference is None:
        raise NotApplicable(HOW_TO_GIVE)
    return subject.reference


def known_rows(subject: Subject) -> tuple[pd.DataFrame, NDArray[Any]]:
    """The training rows with a usable outcome, and the outcomes: positions in labels, or numbers.

    Raises NotApplicable where there are none, columns are missing, or fewer than 100 rows are left.
    """
    reference = needed(subject)
    if missing := [name for name in (*subject.features, subject.target) if name not in reference]:
        raise NotApplicable(f"The training data lacks {listed(missing)}.")
    outcomes = reference[subject.target]
    if subject.task == "regression":
        numbers = pd.to_numeric(outcomes, errors="coerce").to_numpy(dtype=float)
        known = np.isfinite(numbers)
        return _enough(reference[known], numbers[known])
    at = positions(subject, outcomes)
    return _enough(reference[at >= 0], at[at >= 0])


def positions(subject: Subject, outcomes: pd.Series) -> NDArray[np.int64]:
    """The position in subject.labels of each outcome, -1 where it is none of them."""
    codes, names = encode(outcomes)
    where = {label: at for at, label in enumerate(subject.labels)}
    return np.asarray(np.array([where.get(name, -1) for name in names] + [-1], dtype=np.int64)[codes])


def _enough(frame: pd.DataFrame, y: NDArray[Any]) -> tuple[pd.DataFrame, NDArray[Any]]:
    if len(y) < ENOUGH or len(np.unique(y)) < 2:
        raise NotApplicable(f"The training data has {len(y)} rows with a usable outcome; at least {ENOUGH} are needed, "
                            "of more than one outcome.")  # fmt: skip
    return frame.reset_index(drop=True), y


def row_ids(frames: Sequence[pd.DataFrame], columns: Sequence[str], digits: int | None = None) -> list[Ids]:
    """For each frame its rows' ids: the same number for rows that hold the same values in these columns, in any frame.

    Numbers are compared as numbers, everything else as text; missing equals missing.
    digits: numbers that agree in so many significant digits count as the same.
    """
    ids = np.zeros(sum(len(frame) for frame in frames), dtype=np.int64)
    for name in columns:
        values, width = _value_ids([frame[name] for frame in frames], digits)
        # Renumbered after each column: the product stays below rows squared, so nothing overflows and nothing collides.
        _, ids = np.unique(ids * width + values, return_inverse=True)
    return list(np.split(ids, np.cumsum([len(frame) for frame in frames])[:-1]))


def _value_ids(columns: list[pd.Series], digits: int | None) -> tuple[Ids, int]:
    if all(is_number(column) for column in columns):
        numbers = np.concatenate([column.to_numpy(dtype=float, na_value=np.nan) for column in columns])
        numbers = numbers if digits is None else rounded(numbers, digits)
        distinct, ids = np.unique(numbers, return_inverse=True, equal_nan=True)
        return np.asarray(ids, dtype=np.int64), len(distinct)
    codes, names = encode(pd.concat([column.astype(object) for column in columns], ignore_index=True))
    return codes + 1, len(names) + 1


def rounded(numbers: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    """Each number to so many significant digits; what is not finite stays."""
    found = numbers.copy()
    usable = np.isfinite(numbers) & (numbers != 0)
    scale = 10.0 ** (digits - 1 - np.floor(np.log10(np.abs(numbers[usable]))))
    with np.errstate(over="ignore", invalid="ignore"):
        cut = np.round(numbers[usable] * scale) / scale
    found[usable] = np.where(np.isfinite(cut), cut, numbers[usable])
    return found
