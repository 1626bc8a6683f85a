"""A first reading of a dataset's columns from their names and profile; the owner corrects it. Pure."""

import re
from typing import Any

# Names are compared as words, split at anything that is not a letter and at camelCase.
TARGETS = ("target", "label", "class", "outcome", "default", "income", "approved", "decision", "churn", "fraud", "y")
SENSITIVE = (
    "sex", "gender", "race", "ethnicity", "ethnic", "age", "religion", "disability", "disabled", "nationality",
)  # fmt: skip
# Words whose columns nobody changes to get another decision, though they may be no protected characteristic.
FIXED = (
    "birth", "birthday", "born", "dob", "native", "foreign", "citizenship", "marital", "married", "relationship",
    "family", "maintenance", "weight", "fnlwgt",
)  # fmt: skip
ONLY_UP = ("tenure", "seniority", "experience")
IDS = ("id", "uuid", "guid", "index", "rowid", "unnamed", "key")
SWAP_PRICE = 0.1  # of another category: as dear as moving a number over a tenth of its range
FEW = 10  # a target has at most this many values, unless its owner says so


def guess(profile: dict[str, Any], *, target: str | None = None, favourable: str | None = None) -> list[dict[str, Any]]:
    """One {name, role, kind, mutable, minimum, maximum, integer, swap_price} a column, in the order of the file.

    target: the column to predict, where it is known. favourable: a label that the target must be able to take.
    Without a target none is guessed but a column that is named like one, or the last, where it has few values.
    """
    columns = profile["columns"]
    chosen = target if target else _guess_target(columns, favourable)
    return [_read(column, profile["rows"], is_target=column["name"] == chosen) for column in columns]


def words(name: str) -> list[str]:
    """numberOfFamily_members -> [number, of, family, members]"""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def guess_favourable(profile: dict[str, Any], target: str) -> str:
    """The label that an applicant would want, by its name; "" where the names do not say."""
    labels = [text for text, _ in next(c for c in profile["columns"] if c["name"] == target)["top"]]
    good = ("good", "approved", "approve", "accepted", "granted", "yes", "true", "paid", "repaid", "pass", ">50k", "1")
    return next((label for label in labels if label.strip().rstrip(".").lower() in good), "")


def is_amount(column: dict[str, Any]) -> bool:
    """Whether a column, by its profile, holds amounts rather than a few labels written as numbers."""
    return column["kind"] == "number" and column["distinct"] > FEW


def _guess_target(columns: list[dict[str, Any]], favourable: str | None) -> str | None:
    few = [c for c in columns if 2 <= c["distinct"] <= FEW and (favourable is None or _takes(c, favourable))]
    named: list[str] = [c["name"] for c in few if set(words(c["name"])) & set(TARGETS)]
    if named:
        return named[-1]  # a target tends to stand last
    last: str | None = columns[-1]["name"] if columns else None
    return last if any(c["name"] == last for c in few) else None


def _takes(column: dict[str, Any], label: str) -> bool:
    return any(text == label or _as_number(text) == _as_number(label) is not None for text, _ in column["top"])


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _read(column: dict[str, Any], rows: int, *, is_target: bool) -> dict[str, Any]:
    named = set(words(column["name"]))
    number = column["kind"] == "number"
    sensitive = bool(named & set(SENSITIVE)) and not is_target
    identifier = (
        bool(named & set(IDS)) and not is_target and column["distinct"] >= 0.95 * max(rows - column["missing"], 1)
    )
    if is_target:
        role = "target"
    elif identifier:
        role = "ignored"
    else:
        role = "sensitive" if sensitive else "feature"
    if is_target or sensitive or identifier or named & set(FIXED):
        mutable = "fixed"
    elif number and named & set(ONLY_UP):
        mutable = "up"
    else:
        mutable = "free"
    return {
        "name": column["name"],
        "role": role,
        "kind": column["kind"],
        "mutable": mutable,
        "minimum": column["min"] if number else None,
        "maximum": column["max"] if number else None,
        "integer": bool(number and column["integer"]),
        "swap_price": SWAP_PRICE,
    }
