"""How other apps speak in an approval without registry knowing them: they register evidence and blockers here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, overload

from registry.models import ModelVersion


class Stage(StrEnum):
    """When a gate is asked: before the step that it may hold up."""

    SUBMIT = "submit"
    VALIDATE = "validate"
    PUT_TO_DECISION = "put_to_decision"
    DECIDE = "decide"


SIGNED = frozenset({Stage.VALIDATE, Stage.PUT_TO_DECISION, Stage.DECIDE})


@dataclass(frozen=True)
class Blocker:
    """Why a version may not take the next step now. `allows_conditions`: it only bars a plain approval."""

    id: str
    message: str
    hint: str = ""
    allows_conditions: bool = False


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
Excuse = Callable[[ModelVersion], str]

_gates: list[tuple[Gate, frozenset[Stage]]] = []
_evidence: list[Source] = []
_excuses: list[Excuse] = []


@overload
def gate(check: Gate) -> Gate: ...
@overload
def gate(*, at: Iterable[Stage]) -> Callable[[Gate], Gate]: ...
@overload
def gate(check: Gate, *, at: Iterable[Stage]) -> Gate: ...
def gate(check: Gate | None = None, *, at: Iterable[Stage] = SIGNED) -> Gate | Callable[[Gate], Gate]:
    """Register `check(version) -> Iterable[Blocker]`, by itself or as `@gate(at={Stage.SUBMIT})`.

    Without stages it is asked when the validator signs, when the case is put to decision, and at each vote.
    """
    if check is None:
        return lambda found: gate(found, at=at)
    _gates.append((check, frozenset(at)))
    return check


def evidence_source(source: Source) -> Source:
    """Register `source(version) -> Iterable[Evidence]`."""
    _evidence.append(source)
    return source


def excuse(found: Excuse) -> Excuse:
    """Register `found(version) -> str`: why it may be used although no approval stands behind it, or ""."""
    _excuses.append(found)
    return found


def excused(version: ModelVersion) -> str:
    """Why the version may be used without an approval that stands now, in a sentence, or ""."""
    return next((said for found in _excuses if (said := found(version))), "")


def blockers(version: ModelVersion, stage: Stage = Stage.DECIDE) -> list[Blocker]:
    return [found for check, stages in _gates if stage in stages for found in check(version)]


def evidence(version: ModelVersion) -> list[Evidence]:
    return [found for source in _evidence for found in source(version)]
