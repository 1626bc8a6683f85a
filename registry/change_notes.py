"""How much a version changes: minor, material or emergency, said by who builds it, corrected by who challenges it."""

from typing import Any

from registry import access, independence, lineage
from registry.action import Done, action
from registry.models import ChangeNote, ModelVersion
from registry.refusals import BadInput
from registry.revalidation import CONCERNS, SHORTEST_TEXT

MANY = 3  # minor changes since the last approval: from then on their sum is to be taken as material. House default.


def may_note(version: ModelVersion, actor, **_: Any) -> str | None:
    """The builder says it first. After the second line has spoken, only the second line changes it."""
    builds = access.is_builder(actor, version.model)
    if not builds:
        if reason := independence.not_second_line(actor, "Classifying the change of another's model"):
            return reason
        return lineage.conflict(actor, version.model, "classify it")
    last = version.change_notes.select_related("made_by").first()
    if last is not None and not access.is_builder(last.made_by, version.model):
        return f"{last.made_by} of the second line classified it; only the second line changes that."
    return None


@action("change.classify", rule=may_note)
def classify(version: ModelVersion, *, actor, weight: str, reason: str) -> Done:
    """Say how much a version changes against the one before it, and why that is so."""
    if weight not in ChangeNote.Weight.values:
        hint = f"Choose {', '.join(ChangeNote.Weight.values)}."
        raise BadInput(f"{weight!r} is no weight of a change.", hint=hint, field="weight")
    if len(reason.strip()) < SHORTEST_TEXT:
        hint = f"Write at least {SHORTEST_TEXT} characters."
        raise BadInput("Say what changed, and why.", hint=hint, code="note_required", field="reason")
    made = ChangeNote.objects.create(version=version, weight=weight, reason=reason.strip(), made_by=actor)
    detail = {"weight": weight, "reason": made.reason}
    return Done(made, about=version, summary=f"Called the change of {version} {weight}: {made.reason}", detail=detail)


def since_approval(version: ModelVersion) -> tuple[ModelVersion | None, list[tuple[ModelVersion, ChangeNote | None]]]:
    """(the last version before it that was approved, each version from there on to it with its newest note)"""
    earlier = version.model.versions.filter(number__lt=version.number, approval_status__in=_APPROVED)
    base = earlier.order_by("-number").first()
    since = version.model.versions.filter(number__lte=version.number, number__gt=base.number if base else 0)
    rows = list(since.order_by("number").prefetch_related("change_notes__made_by"))
    return base, [(row, next(iter(row.change_notes.all()), None)) for row in rows]


def minor_since_approval(version: ModelVersion) -> int:
    return sum(note is not None and note.weight == ChangeNote.Weight.MINOR for _, note in since_approval(version)[1])


_APPROVED = [*CONCERNS, ModelVersion.ApprovalStatus.SUPERSEDED]
