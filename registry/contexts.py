"""What a model is used for and which laws look at that use: the choices, as data. No Django.

legal_contexts: those that the battery has figures for; a test compares them.
"""

import functools
import json
from collections.abc import Iterable
from pathlib import Path

FILE = Path(__file__).with_name("contexts.json")


@functools.cache
def use_cases() -> dict[str, str]:
    """{id: title}"""
    return _titles("use_cases")


@functools.cache
def legal_contexts() -> dict[str, str]:
    """{id: title}"""
    return _titles("legal_contexts")


def in_order(given: Iterable[str]) -> list[str]:
    """Legal contexts, each once, in the order of the list. Raises KeyError for one that is not in it."""
    asked = set(given)
    if unknown := asked - set(legal_contexts()):
        raise KeyError(", ".join(sorted(unknown)))
    return [context for context in legal_contexts() if context in asked]


def _titles(part: str) -> dict[str, str]:
    return {row["id"]: row["title"] for row in json.loads(FILE.read_text(encoding="utf-8"))[part]}
