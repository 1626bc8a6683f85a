"""Labels and groups, compared by value: 1, 1.0 and "1" name the same class.

A model that was trained on encoded labels (0..k-1) meets data with the labels themselves. Which class stands for which
label is never guessed silently: it is said in the plan, or follows scikit-learn's LabelEncoder (sorted order) and is
checked against the data.
"""

import math
import re
import shlex
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assessments.battery.errors import LoadError, listed

_WHOLE = re.compile(r"[+-]?\d+\.0*")
LABEL_HINT = (
    "Say which class stands for which label: target.labels in the plan, for example {{{example}}}, "
    "or {options} on the command line."
)


def as_text(value: Any) -> str:
    """The name of a label or group; the same text for 1, 1.0, "1" and "1.0". Missing is the empty text."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        number = float(value)
        if math.isnan(number):
            return ""
        return str(int(number)) if number.is_integer() else repr(number)
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    text = text.strip()
    return text.split(".")[0].removeprefix("+") if _WHOLE.fullmatch(text) else text


def text_order(texts: list[str]) -> list[str]:
    """Sorted: as numbers where all of them are, as text otherwise."""
    try:
        return sorted(texts, key=float)
    except ValueError:
        return sorted(texts)


def encode(values: pd.Series) -> tuple[NDArray[np.int64], list[str]]:
    """The distinct values of a column as ordered texts, and each row's position in them (-1 where missing)."""
    raw_codes, uniques = pd.factorize(values, use_na_sentinel=True)
    texts = [as_text(unique) for unique in uniques]
    names = text_order(sorted({text for text in texts if text}))
    where = {name: position for position, name in enumerate(names)}
    table = np.array([where.get(text, -1) for text in texts] + [-1], dtype=np.int64)
    return table[raw_codes], names


def match_classes(
    classes: list[str], labels: list[str], given: dict[str, str], favourable: str
) -> tuple[dict[str, str], bool]:
    """The label that each class of the model stands for, and whether that was guessed.

    labels are those of the data, ordered. Raises LoadError label_mismatch where they cannot be matched.
    """
    if given:
        return _as_given(classes, labels, {as_text(c): as_text(label) for c, label in given.items()}), False
    if set(labels) <= set(classes):
        return {name: name for name in classes}, False
    if set(classes) < set(labels):
        strangers = [label for label in labels if label not in classes]
        raise LoadError(
            "label_mismatch",
            f"The data holds the label {listed(strangers)}, and the model predicts only {listed(classes)}.",
            "Correct those rows or leave them out; a model cannot be right about a label that it does not know.",
        )
    if text_order(classes) != [str(number) for number in range(len(labels))] and set(classes) != {"False", "True"}:
        raise _mismatch(classes, labels, "they do not match")
    guess = dict(zip(text_order(classes), labels, strict=False))
    if len(guess) != len(labels):
        raise _mismatch(classes, labels, "they do not match")
    if len(labels) == 2 and favourable and favourable != labels[1]:
        raise _mismatch(classes, labels, f"it is not clear whether class {classes[-1]} stands for {favourable!r}")
    return guess, True


def check_guess(
    guess: dict[str, str], classes: list[str], labels: list[str], y: NDArray[np.int64], predicted: NDArray[np.int64]
) -> None:
    """Refuse a guessed matching that fits the data worse than its reverse. predicted: positions in `labels`."""
    right = float(np.mean(predicted == y))
    reverse = float(np.mean(len(labels) - 1 - predicted == y))
    if right < reverse:
        reason = (
            f"in sorted order the model would be right on {right:.1%} of the rows, in reverse order on {reverse:.1%}"
        )
        raise _mismatch(classes, labels, reason, labels[::-1])


def _as_given(classes: list[str], labels: list[str], given: dict[str, str]) -> dict[str, str]:
    matched = {name: given.get(name, name) for name in classes}
    unknown = [name for name in given if name not in classes]
    if unknown:
        raise _mismatch(classes, labels, f"the plan names {listed(unknown)}, which the model does not have")
    if len(set(matched.values())) < len(matched):
        raise _mismatch(classes, labels, "the plan gives one label to two classes")
    if missing := [label for label in labels if label not in matched.values()]:
        raise _mismatch(classes, labels, f"the plan gives no class to {listed(missing)}")
    return matched


def _mismatch(classes: list[str], labels: list[str], why: str, likely: list[str] | None = None) -> LoadError:
    """likely: the labels of the model's classes in order, as far as the data tells."""
    pairs = list(zip(text_order(classes), likely or labels, strict=False))
    return LoadError(
        "label_mismatch",
        f"The model predicts {listed(classes)} and the data holds {listed(labels)}: {why}.",
        LABEL_HINT.format(
            example=", ".join(f'"{c}": "{label}"' for c, label in pairs[:3]),
            options=" ".join(f"--label {shlex.quote(f'{c}={label}')}" for c, label in pairs[:3]),
        ),
    )
