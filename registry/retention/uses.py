"""What a stored file serves. The same bytes may be several versions: all of them must have ended before it may go."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef, Q

from registry.audit import finding
from registry.models import Artifact, AuditEvent, Column, Dataset, DatasetVersion, MLModel, ModelVersion
from registry.retention.rules import DATA_FILE, MODEL_FILE

Status, InUse = ModelVersion.ApprovalStatus, ModelVersion.UseStatus
OVER = (Status.SUPERSEDED, Status.WITHDRAWN, Status.REJECTED, Status.VALIDATION_FAILED)


@dataclass(frozen=True)
class Use:
    """One thing that a file serves. ended: None while it goes on; until: a later day that somebody promised.
    busy: bytes are being read now, so that they may not even go early."""

    kind: str
    label: str
    ended: date | None
    until: date | None = None
    model: MLModel | None = None
    dataset: Dataset | None = None
    special: bool = False  # data with a column that is marked sensitive
    busy: bool = False


Source = Callable[[Artifact], Iterable[Use]]
_sources: list[Source] = []


def uses_files(source: Source) -> Source:
    """Register `source(artifact) -> Iterable[Use]`: how another app uses stored files."""
    _sources.append(source)
    return source


def uses_of(artifact: Artifact) -> list[Use]:
    return [use for source in _sources for use in source(artifact)]


@uses_files
def as_model(artifact: Artifact) -> Iterator[Use]:
    for version in artifact.model_versions.select_related("model").order_by("pk"):
        ended, until = life_of(version)
        yield Use(MODEL_FILE, f"the model {version}", ended, until, model=version.model)


@uses_files
def as_data(artifact: Artifact) -> Iterator[Use]:
    """The newest version of a dataset lives; an older one ended when the next one came."""
    for version in artifact.dataset_versions.select_related("dataset").order_by("pk"):
        later = version.dataset.versions.filter(number__gt=version.number).order_by("number").first()
        ended = later.created_at.date() if later else None
        special = version.columns.filter(role=Column.Role.SENSITIVE).exists()
        yield Use(DATA_FILE, f"the data {version}", ended, dataset=version.dataset, special=special)


def life_of(version: ModelVersion) -> tuple[date | None, date | None]:
    """(when its life ended, the day until which its records were promised), as the audit trail has it; (None, None)
    while it lives, and where nothing tells of its end."""
    if not ModelVersion.objects.filter(pk=version.pk).filter(over()).exists():
        return None, None
    about = {"object_type": version._meta.label_lower, "object_id": str(version.pk)}
    events = finding.touching(**about).filter(refused=False).order_by("-pk")
    for event in events.iterator(50):
        if _changed_its_state(event, about):
            promised: Any = event.detail.get("retain_until")
            return event.at.date(), date.fromisoformat(promised) if promised else None
    return None, None


def over() -> Q:
    """Versions that nobody uses, and nobody can bring into use any more."""
    return Q(use_status=InUse.RETIRED) | Q(use_status=InUse.NOT_IN_USE, approval_status__in=OVER)


def without_life() -> Any:
    """Stored files of which no version lives: the first look for what may be due."""
    here = {"artifact": OuterRef("pk")}
    living = ModelVersion.objects.filter(**here).exclude(over())
    later = DatasetVersion.objects.filter(dataset=OuterRef("dataset"), number__gt=OuterRef("number"))
    newest = DatasetVersion.objects.filter(~Exists(later), **here)
    return Artifact.objects.filter(~Exists(living), ~Exists(newest), purged_at=None)


def _changed_its_state(event: AuditEvent, about: dict[str, str]) -> bool:
    return any(
        (change["type"], change["id"]) == (about["object_type"], about["object_id"])
        and {"approval_status", "use_status"} & set(change["fields"])
        for change in event.changes
    )
