"""For retention: data serves each version that was assessed on it, as long as that version lives; and is read while an
assessment runs."""

from collections.abc import Iterator

from django.db.models import Q

from assessments.models import Assessment
from registry.models import Artifact, Column, DatasetVersion, ModelVersion
from registry.retention.rules import DATA_FILE, MODEL_FILE
from registry.retention.uses import Use, life_of, uses_files

OPEN = (Assessment.State.QUEUED, Assessment.State.RUNNING)


@uses_files
def as_evidence(artifact: Artifact) -> Iterator[Use]:
    data = artifact.dataset_versions.values("pk")
    runs = Assessment.objects.filter(Q(dataset_version__in=data) | Q(reference__in=data)).order_by()
    special = Column.objects.filter(dataset_version__in=data, role=Column.Role.SENSITIVE).exists()
    assessed = ModelVersion.objects.filter(pk__in=runs.values("version")).select_related("model").order_by("pk")
    for version in assessed:
        ended, until = life_of(version)
        label = f"the evidence of {version}"
        yield Use(DATA_FILE, label, ended, until, model=version.model, special=special)


@uses_files
def as_input(artifact: Artifact) -> Iterator[Use]:
    """Of an assessment that waits or runs."""
    data = DatasetVersion.objects.filter(artifact=artifact).values("pk")
    reads = Q(version__artifact=artifact) | Q(dataset_version__in=data) | Q(reference__in=data)
    for run in Assessment.objects.filter(reads, state__in=OPEN).select_related("version__model").order_by("pk"):
        kind = MODEL_FILE if run.version.artifact_id == artifact.pk else DATA_FILE
        yield Use(kind, str(run), None, model=run.version.model, busy=True)
