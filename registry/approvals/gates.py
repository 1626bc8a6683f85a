"""How other apps speak in an approval without registry knowing them: they register evidence and blockers here."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from registry.models import ModelVersion


@dataclass(frozen=True)
class Blocker:
    """Why a version may not be put to decision, or approved, now."""

    id: str
    message: str
    hint: str = ""
    allows_conditions: bool = False  # it blocks a plain approval only


@dataclass(frozen=True)
class Evidence:
    """One thing that a decision rests on, bound by hash."""

    kind: str
    id: int
    label: str
    sha256: str
    summary: dict[str, Any]


Gate = Callable[[ModelVersion], Iterable[Blocker]]
Source = Callable[[ModelVersion], Iterable[Evidence]]

_gates: list[Gate] = []
_evidence: list[Source] = []


def gate(check: Gate) -> Gate:
    """Register `check(version) -> Iterable[Blocker]`."""
    _gates.append(check)
    return check


def evidence_source(source: Source) -> Source:
    """Register `source(version) -> Iterable[Evidence]`."""
    _evidence.append(source)
    return source


def seal(version: ModelVersion) -> str:
    """SHA-256 over the evidence as it is now: by it a decider says what they had before them."""
    told = json.dumps([asdict(found) for found in evidence(version)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def blockers(version: ModelVersion) -> list[Blocker]:
    return [found for check in _gates for found in check(version)]


def evidence(version: ModelVersion) -> list[Evidence]:
    return [found for source in _evidence for found in source(version)]
