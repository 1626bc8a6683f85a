"""What is different between two documents of a policy. Pure: no Django."""

from dataclasses import dataclass, field
from typing import Any

from assessments.policy.scope import PARTS

Criterion = dict[str, Any]
Document = dict[str, Any]

LIMITS = ("warn", "fail", "minimum_rows", "better", "group")  # what a verdict depends on
SAID = ("title", "basis", "source", "verified", "note", "rationale", "owner")


@dataclass(frozen=True)
class Changed:
    """A criterion that is in both: {field: (old, new)}."""

    criterion: Criterion  # as it is in the new one
    limits: dict[str, tuple[Any, Any]]
    words: dict[str, tuple[Any, Any]]

    @property
    def rationale(self) -> str:
        return str(self.criterion.get("rationale") or self.criterion.get("note") or "")


@dataclass(frozen=True)
class TierChange:
    """What a tier must have, and how old it may be."""

    tier: str
    added: list[str]
    removed: list[str]
    plan: tuple[str, str] | None
    days: tuple[int, int] | None


@dataclass(frozen=True)
class Difference:
    changed: list[Changed] = field(default_factory=list)
    added: list[Criterion] = field(default_factory=list)
    removed: list[Criterion] = field(default_factory=list)
    tiers: list[TierChange] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.changed or self.added or self.removed or self.tiers)

    @property
    def told(self) -> str:
        """For people: "2 criteria changed, 1 added"."""
        counts = {"changed": len(self.changed), "added": len(self.added), "removed": len(self.removed)}
        parts = [f"{n} criteri{'on' if n == 1 else 'a'} {what}" for what, n in counts.items() if n]
        if self.tiers:
            parts.append(f"{len(self.tiers)} tier{'s' * (len(self.tiers) > 1)} with other duties")
        return ", ".join(parts) or "no difference"


def compare(old: Document, new: Document) -> Difference:
    """In the order of the new document; what was removed in that of the old one."""
    before, after = _by_key(old), _by_key(new)
    both = [(before[key], criterion) for key, criterion in after.items() if key in before]
    changed = [
        Changed(criterion, _differing(LIMITS, was, criterion), _differing(SAID, was, criterion))
        for was, criterion in both
    ]
    return Difference(
        changed=[one for one in changed if one.limits or one.words],
        added=[criterion for key, criterion in after.items() if key not in before],
        removed=[criterion for key, criterion in before.items() if key not in after],
        tiers=[change for tier in ("1", "2", "3") if (change := _tier(tier, old, new))],
    )


def same_limits(one: Criterion | None, other: Criterion | None) -> bool:
    """Whether both judge every number alike."""
    if one is None or other is None:
        return one is other
    return not _differing(LIMITS, one, other)


def _by_key(document: Document) -> dict[tuple[Any, ...], Criterion]:
    return {
        (criterion["test"], criterion["metric"], *_scope(criterion)): criterion for criterion in document["criteria"]
    }


def _scope(criterion: Criterion) -> tuple[tuple[Any, ...], ...]:
    scope = criterion.get("scope") or {}
    return tuple(tuple(sorted(scope.get(part) or ())) for part in PARTS)


def _differing(fields: tuple[str, ...], old: Criterion, new: Criterion) -> dict[str, tuple[Any, Any]]:
    pairs = {name: (old.get(name), new.get(name)) for name in fields}
    return {name: (was, now) for name, (was, now) in pairs.items() if _absent(was) != _absent(now)}


def _absent(value: Any) -> Any:
    """A text that is not there is an empty one."""
    return None if value == "" else value


def _tier(tier: str, old: Document, new: Document) -> TierChange | None:
    empty = {"plan": "", "tests": []}
    was, now = (document.get("mandatory", {}).get(tier, empty) for document in (old, new))
    days = tuple(document.get("evidence_days", {}).get(tier, 0) for document in (old, new))
    change = TierChange(
        tier,
        added=[test for test in now["tests"] if test not in was["tests"]],
        removed=[test for test in was["tests"] if test not in now["tests"]],
        plan=None if was["plan"] == now["plan"] else (was["plan"], now["plan"]),
        days=None if days[0] == days[1] else (days[0], days[1]),
    )
    return change if change.added or change.removed or change.plan or change.days else None
