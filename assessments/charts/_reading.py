"""Chart data as it came out of the sandbox: numbers and text by an unknown hand, made safe to draw."""

import math
import unicodedata
from collections.abc import Mapping
from typing import Any

import numpy as np

MOST_POINTS = 20_000
MOST_SERIES = 60
MOST_GROUPS = 2_000


class BadChart(ValueError):
    """The chart's data cannot be drawn; the message says what is wrong with it."""


def number(value: Any) -> float:
    """The number, NaN for null and for what is not finite."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadChart(f"A number was expected, not {str(value)[:40]!r}.")
    return float(value) if abs(value) < 1e300 else math.nan


def numbers(data: Mapping[str, Any], key: str) -> np.ndarray:
    """The list `key` as floats, NaN where it has null."""
    values = data.get(key)
    if not isinstance(values, list) or len(values) > MOST_POINTS:
        raise BadChart(f"{key} must be a list of at most {MOST_POINTS} numbers.")
    return np.array([number(value) for value in values], dtype=float)


def curve(data: Mapping[str, Any], *keys: str) -> tuple[np.ndarray, ...]:
    """Lists that belong together, of one length."""
    found = tuple(numbers(data, key) for key in keys)
    if len({len(values) for values in found}) != 1:
        raise BadChart(f"{', '.join(keys)} must have one length.")
    return found


def parts(data: Mapping[str, Any], key: str, *, most: int) -> list[Mapping[str, Any]]:
    """The list of objects `key`: series, groups or features."""
    found = data.get(key)
    if not isinstance(found, list) or len(found) > most or not all(isinstance(part, Mapping) for part in found):
        raise BadChart(f"{key} must be a list of at most {most} objects.")
    return found


def one_line(value: Any) -> str:
    """Text on one line without control, direction or unassigned characters; any length."""
    text = unicodedata.normalize("NFC", "" if value is None else str(value))
    visible = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    return " ".join(visible.split())


def shorten(value: Any, limit: int) -> str:
    """`one_line` cut to `limit` characters, the cut shown by an ellipsis."""
    text = one_line(value)
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
