"""A change in words and as pairs of before and after, in the units of the data."""

import math
from typing import Any

import pandas as pd

from assessments.battery.labels import as_text
from assessments.battery.robustness._moves import Moves

THIN = "\u202f"  # narrow no-break space between thousands
LONGEST = 60  # characters of a value


def changes_of(moves: Moves, changed: Any, before: pd.Series, after: pd.Series) -> list[dict[str, Any]]:
    """[{column, before, after, follows}] of one row, numbers with thousands set apart; followers come last.

    changed (d,): which of the model's columns differ. before, after: the whole row in original units.
    """
    found = []
    for at, name in enumerate(moves.names):
        if changed[at]:
            pair = {"column": name, "before": shown(before[name]), "after": shown(after[name])}
            found.append({**pair, "follows": bool(moves.derived[at])})
    return sorted(found, key=lambda change: bool(change["follows"]))


def sentence(moves: Moves, changed: Any, before: pd.Series, after: pd.Series, outcome: str) -> str:
    """“3 103 more capital gain flips this decision”. outcome: what follows, as a verb in the singular and a rest."""
    parts, follows = [], []
    for at, name in enumerate(moves.names):
        if not changed[at]:
            continue
        words = name.replace("_", " ").strip()
        if moves.derived[at]:
            follows.append(f"{words} follows: {shown(after[name])}")
        elif moves.number[at]:
            moved = float(after[name]) - float(before[name])
            parts.append(f"{shown(_tidy(abs(moved)))} {'more' if moved > 0 else 'less'} {words}")
        else:
            parts.append(f"{words} {shown(after[name])} instead of {shown(before[name])}")
    verb, _, rest = outcome.partition(" ")
    said = f"{listed(parts)} {verb if len(parts) == 1 else plural(verb)} {rest}".strip()
    return said[:1].upper() + said[1:] + (f" ({'; '.join(follows)})" if follows else "") + "."


def plural(verb: str) -> str:
    """flips -> flip, moves -> move."""
    return verb.removesuffix("s")


def listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def shown(value: Any) -> str:
    """A value for the reader: 3 103, 0.25, Exec-managerial; missing where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) and not hasattr(value, "dtype"):
        text = as_text(value)
        return (text if len(text) <= LONGEST else text[: LONGEST - 1] + "…") or "missing"
    number = float(value)
    if not math.isfinite(number):
        return "missing"
    if number.is_integer() and abs(number) < 1e15:
        return grouped(f"{number:.0f}")
    whole, dot, decimals = f"{number:.10g}".partition(".")
    return (grouped(whole) + dot + decimals) if "e" not in whole + decimals else f"{number:.6g}"


def grouped(digits: str) -> str:
    """1234567 -> 1 234 567, with narrow no-break spaces."""
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    return sign + f"{int(digits):,}".replace(",", THIN)


def _tidy(moved: float) -> float:
    """A difference without the noise of its subtraction."""
    return float(f"{moved:.10g}")
