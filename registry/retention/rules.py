"""The schedule, as data: which kind of file is kept how long, on which basis, and where that comes from."""

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry import contexts

FILE = Path(__file__).resolve().parent.parent / "retention.json"
MODEL_FILE, DATA_FILE = "model_file", "data_file"


@dataclass(frozen=True)
class Rule:
    """months: after the use ended; None: without end. early: may go before the others end, by two people's word.
    by_itself: the night carries it out, with no person asking."""

    id: str
    kinds: tuple[str, ...]
    months: int | None
    title: str
    record: str
    minimum: str
    source: str
    verified: str
    basis: str
    always: bool = False
    legal_contexts: tuple[str, ...] = ()
    use_cases: tuple[str, ...] = ()
    early: bool = False
    by_itself: bool = False

    def applies(self, kind: str, use_case: str, legal_contexts: list[str]) -> bool:
        if self.early or kind not in self.kinds:
            return False
        return self.always or use_case in self.use_cases or bool(set(legal_contexts) & set(self.legal_contexts))

    @property
    def scope(self) -> str:
        """For what, in words."""
        if self.always or self.early:
            return "data with a sensitive column" if self.early else "all"
        titles = contexts.legal_contexts() | contexts.use_cases()
        return "; ".join(titles[name] for name in (*self.legal_contexts, *self.use_cases)) or "nothing yet"

    @property
    def period(self) -> str:
        if self.early:
            return "no longer than needed"
        if self.months is None:
            return "without end"
        return f"{self.months // 12} years" if self.months % 12 == 0 else f"{self.months} months"

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"period": self.period}


@functools.cache
def schedule() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


@functools.cache
def sha256() -> str:
    """Of the schedule in force: a purge keeps it."""
    return hashlib.sha256(FILE.read_bytes()).hexdigest()


@functools.cache
def rules() -> tuple[Rule, ...]:
    lists = ("kinds", "legal_contexts", "use_cases")
    return tuple(
        Rule(**{key: tuple(value) if key in lists else value for key, value in row.items()})
        for row in schedule()["rules"]
    )


def early_rule(kind: str) -> Rule | None:
    """Under which a file of this kind may go before its time."""
    return next((rule for rule in rules() if rule.early and kind in rule.kinds), None)


def shortest_months() -> int:
    """Nothing younger than this is due by itself."""
    always = [rule.months for rule in rules() if rule.always and {MODEL_FILE, DATA_FILE} & set(rule.kinds)]
    return min((months for months in always if months is not None), default=0)
