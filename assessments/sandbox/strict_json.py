"""JSON from the sandbox, taken apart with suspicion: written by a process that ran a stranger's file."""

import json
import math
from typing import Any

from assessments.sandbox.plain_text import plain

MAX_DEPTH = 12
MAX_VALUES = 500_000
MAX_TEXT = 4000
LARGEST = 2**63 - 1  # what every database stores as an integer


class NotFit(ValueError):
    """It is not JSON, or not JSON that we take; the message says why."""


def parse(text: str) -> Any:
    """The value of `text`, its texts cleaned and cut. Raises NotFit: NaN, a key twice, too deep, too many values."""
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_no_key_twice)
    except RecursionError as error:
        raise NotFit("it is nested too deeply") from error
    except ValueError as error:
        raise error if isinstance(error, NotFit) else NotFit(str(error)) from error
    left = [MAX_VALUES]
    return _clean(value, MAX_DEPTH, left)


def _no_constant(name: str) -> None:
    raise NotFit(f"{name} is not a number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotFit(f"{text[:40]} is out of range")
    return value


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotFit("a key occurs twice")
    return found


def _clean(value: Any, depth: int, left: list[int]) -> Any:
    left[0] -= 1
    if depth < 0 or left[0] < 0:
        raise NotFit("it is nested too deeply" if depth < 0 else "it holds too many values")
    if isinstance(value, str):
        return plain(value, MAX_TEXT)
    if isinstance(value, dict):
        return {plain(key, 300): _clean(item, depth - 1, left) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, depth - 1, left) for item in value]
    if isinstance(value, int) and abs(value) > LARGEST:
        raise NotFit("an integer is out of range")
    return value
