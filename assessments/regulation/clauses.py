"""The frameworks and clauses of controls.json: our own words on what each asks, and how far that was checked."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("controls.json")


@dataclass(frozen=True)
class Framework:
    """A law, guidance or standard. verified: text, secondary or unverified, as `how_verified()` explains."""

    id: str
    title: str
    issuer: str
    status: str
    binding: str
    jurisdiction: str
    source: str
    verified: str


@dataclass(frozen=True)
class Clause:
    key: str
    framework: str
    id: str
    title: str
    summary: str
    verified: str


@functools.cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return document


@functools.cache
def frameworks() -> dict[str, Framework]:
    """By id, in the order of the file."""
    return {row["id"]: _made(Framework, row) for row in _document()["frameworks"]}


@functools.cache
def clauses() -> dict[str, Clause]:
    """By key, in the order of the file."""
    return {row["key"]: _made(Clause, row) for row in _document()["clauses"]}


def as_of() -> str:
    """The day of which all this is known, as an ISO date."""
    return str(_document()["meta"]["as_of"])


def how_verified() -> dict[str, str]:
    """{word: what it means}"""
    return dict(_document()["meta"]["verification"])


def title_of(key: str) -> str:
    """A clause for people: its framework's id, its own and its title. The key itself where the file has none such."""
    clause = clauses().get(key)
    return f"{clause.framework} {clause.id}: {clause.title}" if clause else key


def _made(kind: type, row: dict[str, Any]) -> Any:
    return kind(**{name: row.get(name, "") for name in kind.__dataclass_fields__})
