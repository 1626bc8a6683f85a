"""What happened since a decision: every event on version, file, data, documents, policy, roles, conditions.

In order; one sentence sums it up, and it also says what did not change.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelrisk.walkthrough import scope
from registry.models import AuditEvent, Condition, Decision

# What a change of a row of these tables is a change of; what is not here is told as "other".
AREAS = {
    "registry.artifact": "artefact",
    "registry.scan": "artefact",
    "registry.waiver": "artefact",
    "registry.modelversion": "version",
    "registry.approvalrequest": "version",
    "registry.dossier": "version",
    "registry.vote": "version",
    "registry.decision": "version",
    "registry.mlmodel": "documentation",
    "registry.dataset": "data",
    "registry.datasetversion": "data",
    "registry.column": "data",
    "registry.relation": "data",
    "registry.rolegrant": "roles",
    "registry.assignment": "roles",
    "registry.condition": "conditions",
    "registry.deployment": "use",
    "registry.tierrating": "tier",
    "registry.changenote": "documentation",
    "registry.attestation": "attestations",
    "registry.revalidationtrigger": "revalidation",
    "assessments.assessment": "assessments",
    "assessments.finding": "findings",
    "assessments.policy": "policy",
    "assessments.policyversion": "policy",
    "assessments.policysignature": "policy",
    "assessments.policyexception": "exceptions",
}
# Fields that are told as something else than the rest of their row.
FIELDS = {
    ("registry.mlmodel", "owner"): "roles",
    ("registry.mlmodel", "developers"): "roles",
    ("registry.mlmodel", "tier"): "tier",
    ("registry.modelversion", "notes"): "documentation",
    ("registry.modelversion", "use_status"): "use",
}
ALWAYS = ("artefact", "data", "documentation", "policy", "roles")  # that they did not change is said too
ORDER = (*ALWAYS, "tier", "version", "use", "conditions", "findings", "exceptions", "assessments")
ORDER = (*ORDER, "attestations", "revalidation", "other")
VERBS = {"documentation": "revised", "artefact": "read or waived again", "assessments": "moved on"}


@dataclass(frozen=True)
class Happened:
    """One event, and what it is about."""

    event: AuditEvent
    areas: list[str]


@dataclass(frozen=True)
class Since:
    """Everything after one decision, oldest first."""

    decision: Decision
    after: datetime
    events: list[Happened]
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        told = [
            {
                "id": each.event.pk,
                "at": each.event.at,
                "actor_name": each.event.actor_name,
                "action": each.event.action,
                "refused": each.event.refused,
                "object_type": each.event.object_type,
                "object_id": each.event.object_id,
                "object_label": each.event.object_label,
                "summary": each.event.summary,
                "areas": each.areas,
            }
            for each in self.events
        ]
        return {"decision": self.decision.pk, "after": self.after, "summary": self.sentence, "events": told}


def since(decision: Decision) -> Since:
    """Refused attempts are in the list, and change nothing of the sentence."""
    rows = scope.rows_of(decision.request.version)
    labels = {(kind._meta.label_lower, str(key)) for kind, keys in rows.items() for key in keys}
    ids = scope.event_ids(rows)
    found = AuditEvent.objects.filter(pk__in=_after(ids, decision)).order_by("pk").defer("detail")
    events = [Happened(event, areas_of(event, labels)) for event in found]
    return Since(decision, decision.decided_at, events, _sentence(decision, events))


def areas_of(event: AuditEvent, labels: set[tuple[str, str]]) -> list[str]:
    """What the rows of this case that the event changed are; of one that changed none, what it is about."""
    areas = set()
    for change in event.changes:
        if (change["type"], change["id"]) in labels:
            rest = AREAS.get(change["type"], "other")
            areas |= {FIELDS.get((change["type"], name), rest) for name in change["fields"]} or {rest}
    return sorted(areas or {AREAS.get(event.object_type, "other")}, key=ORDER.index)


def _after(ids: set[int], decision: Decision) -> list[int]:
    """What was written after the event of the decision itself, of which there is one."""
    own = AuditEvent.objects.filter(
        mentions__object_type=Decision._meta.label_lower, mentions__object_id=str(decision.pk)
    ).order_by("pk")
    first = own.values_list("pk", flat=True).first()
    if first is not None:
        return sorted(pk for pk in ids if pk > first)
    later = AuditEvent.objects.filter(at__gt=decision.decided_at).order_by("at").values_list("pk", flat=True).first()
    return sorted(pk for pk in ids if later is not None and pk >= later)


def _sentence(decision: Decision, events: list[Happened]) -> str:
    counts = Counter(area for each in events if each.event.changes and not each.event.refused for area in each.areas)
    still = [area for area in ALWAYS if not counts[area]]
    parts = [f"no change to {_or(still)}"] if still else []
    parts += [_counted(area, counts[area]) for area in ORDER if counts[area] and area not in ("conditions", "other")]
    parts += [_condition(each) for each in decision.conditions.order_by("number")]
    told = "; ".join(parts)
    return f"{told[0].upper()}{told[1:]}."


def _counted(area: str, count: int) -> str:
    times = {1: "once", 2: "twice"}.get(count, f"{count} times")
    return f"{area} {VERBS.get(area, 'changed')} {times}"


def _condition(condition: Condition) -> str:
    name = f"condition C-{condition.number}"
    if condition.settled_at:
        return f"{name} {condition.get_state_display()} {condition.settled_at:%Y-%m-%d}"
    return f"{name} {condition.get_state_display()}, due {condition.due:%Y-%m-%d}"


def _or(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
