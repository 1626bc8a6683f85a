"""Where a criterion of a policy holds: for which tiers, use cases and legal contexts. Pure: no Django.

A criterion without a scope holds everywhere. Of several for the same number the most particular one holds: a limit for
employment in New York takes the place of the general one. Of two as particular the stricter one holds.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

PARTS = ("legal_contexts", "use_cases", "tiers")  # the earlier is the more particular

Criterion = dict[str, Any]


@dataclass(frozen=True)
class Context:
    """What a policy asks of a model: its tier, what it is used for, which laws look at that."""

    tier: int | None = None
    use_case: str = ""
    legal_contexts: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> "Context":
        return cls(said.get("tier"), said.get("use_case", ""), tuple(said.get("legal_contexts", ())))

    def to_json(self) -> dict[str, Any]:
        return {"tier": self.tier, "use_case": self.use_case, "legal_contexts": list(self.legal_contexts)}


def within(policy: dict[str, Any], context: Context) -> dict[str, Any]:
    """The policy with the criteria that hold in a context; everything else, its digest too, is that of the whole."""
    if not any(criterion.get("scope") for criterion in policy["criteria"]):
        return policy
    chosen: dict[tuple[str, str], Criterion] = {}
    for criterion in policy["criteria"]:
        key = (criterion["test"], criterion["metric"])
        if holds(criterion, context) and (key not in chosen or _rank(criterion) > _rank(chosen[key])):
            chosen[key] = criterion
    kept = {id(criterion) for criterion in chosen.values()}
    return {**policy, "criteria": [criterion for criterion in policy["criteria"] if id(criterion) in kept]}


def holds(criterion: Criterion, context: Context) -> bool:
    scope = criterion.get("scope") or {}
    here = {
        "tiers": {context.tier},
        "use_cases": {context.use_case},
        "legal_contexts": set(context.legal_contexts),
    }
    return all(here[part] & set(scope[part]) for part in PARTS if scope.get(part))


def told(criterion: Criterion) -> str:
    """For people: "tier 1 · credit"; empty where it holds everywhere."""
    scope = criterion.get("scope") or {}
    words = {
        "tiers": _listed("tier", scope.get("tiers", ())),
        "use_cases": ", ".join(scope.get("use_cases", ())),
        "legal_contexts": ", ".join(scope.get("legal_contexts", ())),
    }
    return " · ".join(words[part] for part in reversed(PARTS) if words[part])


def _listed(noun: str, values: Iterable[Any]) -> str:
    found = [str(value) for value in values]
    return f"{noun}{'s' * (len(found) > 1)} {', '.join(found)}" if found else ""


def _rank(criterion: Criterion) -> tuple[float, ...]:
    """The more particular first, then the stricter."""
    scope = criterion.get("scope") or {}
    named = [bool(scope.get(part)) for part in PARTS]
    sign = 1 if criterion["better"] == "higher" else -1
    limits = [-math.inf if criterion[limit] is None else sign * criterion[limit] for limit in ("fail", "warn")]
    return (sum(named), *named, *limits)
