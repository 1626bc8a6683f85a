"""What the laws of one context ask to be shown. Data with a date, not code: legal_contexts.json."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("legal_contexts.json")


@dataclass(frozen=True)
class Context:
    """columns: of its table, in order; limit: of the impact ratio, where the context has one; leave_out_below: share of
    the rows below which a category may be left out of the ratio; intersections: whether columns are crossed."""

    id: str
    title: str
    scope: str
    clauses: tuple[str, ...]
    columns: tuple[str, ...]
    limit: float | None
    basis: str
    leave_out_below: float
    intersections: bool
    reads: str


@functools.cache
def _document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def as_of() -> str:
    return str(_document()["as_of"])


def caution() -> str:
    return str(_document()["note"])


def contexts(named: str) -> list[Context]:
    """Those named, by comma; all of them for "all". Raises ValueError that says which there are."""
    every = {
        one["id"]: Context(**{**one, "clauses": tuple(one["clauses"]), "columns": tuple(one["columns"])})
        for one in _document()["contexts"]
    }
    if named.strip() == "all":
        return list(every.values())
    asked = [part.strip() for part in named.split(",") if part.strip()]
    if unknown := [name for name in asked if name not in every]:
        raise ValueError(f"There is no legal context {', '.join(unknown)}; there are {', '.join(every)}.")
    return [every[name] for name in asked]
