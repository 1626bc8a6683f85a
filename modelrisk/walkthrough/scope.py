"""Every row that concerns one version: found by following foreign keys, so that a new table needs no entry here.

Down from the version, its model and its data: what hangs on them. Up: the files, the data and the policies that they
name. Other versions of the model are left out, and what hangs on these too, but for findings: those follow the model.
"""

from collections.abc import Iterable

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import ForeignKey, Model, Q

from assessments.models import Assessment, Finding
from registry.changes import is_recorded
from registry.models import (
    ApprovalRequest,
    Artifact,
    Assignment,
    AuditEvent,
    AuditMention,
    Condition,
    Dataset,
    DatasetVersion,
    Decision,
    Deployment,
    Dossier,
    MLModel,
    ModelVersion,
    RoleGrant,
    Vote,
)

Rows = dict[type[Model], set]

# Never reached from below: one more version, model or dataset is not part of this one.
ROOTS = (ModelVersion, MLModel, Dataset, DatasetVersion, Artifact)
SHARED = {"registry.datasetversion", "registry.dataset", "assessments.policyversion", "assessments.policy"}
NAMED = {"registry.artifact", *SHARED}
OF_ONE_MODEL = (ModelVersion, MLModel, ApprovalRequest, Dossier, Decision, Condition, Assessment, Finding, Deployment)
PART = 500  # keys in one query


def rows_of(version: ModelVersion) -> Rows:
    """{model class: keys}"""
    found: Rows = {ModelVersion: {version.pk}, MLModel: {version.model_id}, Artifact: {version.artifact_id}}
    found[Finding] = set(Finding.objects.of_model(version.model_id).values_list("pk", flat=True))
    for _round in range(6):
        before = sum(map(len, found.values()))
        _add_what_hangs_on(found)
        _add_what_is_named(found)
        if sum(map(len, found.values())) == before:
            break
    found[RoleGrant] = set(RoleGrant.objects.filter(user__in=people_of(version)).values_list("pk", flat=True))
    return {kind: keys for kind, keys in found.items() if keys}


def people_of(version: ModelVersion) -> set[int]:
    """Everyone who had a part in the version or in a decision on it, by id."""
    requests = ApprovalRequest.objects.filter(version=version)
    asked = [
        requests.values_list("requested_by", "validator", "validated_by"),
        Vote.objects.filter(dossier__request__version=version).values_list("voter"),
        Decision.objects.filter(request__version=version).values_list("decided_by"),
        Assignment.objects.filter(model=version.model_id).values_list("user"),
        ModelVersion.objects.filter(pk=version.pk).values_list("created_by", "model__owner"),
        MLModel.developers.through.objects.filter(mlmodel=version.model_id).values_list("user"),
    ]
    return {person for rows in asked for row in rows for person in row if person is not None}


def event_ids(rows: Rows) -> set[int]:
    """Of every event about one of the rows, or about another one that changed one of them too."""
    found: set[int] = set()
    for kind, keys in rows.items():
        label = kind._meta.label_lower
        for part in _parts(sorted(map(str, keys))):
            about = {"object_type": label, "object_id__in": part}
            found |= set(AuditEvent.objects.filter(**about).values_list("pk", flat=True))
            found |= set(AuditMention.objects.filter(**about).values_list("event_id", flat=True))
    return found


def _add_what_hangs_on(found: Rows) -> None:
    for kind in filter(is_recorded, apps.get_models()):
        if kind in ROOTS or kind in (Finding, RoleGrant):
            continue
        wanted = Q()
        for key in _foreign_keys(kind):
            target = key.remote_field.model
            # Data and policies are shared: a row of another model that names them is not of this one.
            if target in found and not (target._meta.label_lower in SHARED and _is_of_one_model(kind)):
                wanted |= Q(**{f"{key.name}__in": found[target]})
        if wanted:
            found.setdefault(kind, set()).update(kind._base_manager.filter(wanted).values_list("pk", flat=True))


def _add_what_is_named(found: Rows) -> None:
    for kind, keys in list(found.items()):
        for key in _foreign_keys(kind):
            target = key.remote_field.model
            if target._meta.label_lower in NAMED:
                named = kind._base_manager.filter(pk__in=keys).values_list(key.attname, flat=True)
                found.setdefault(target, set()).update(pk for pk in named if pk is not None)


def _foreign_keys(kind: type[Model]) -> Iterable[ForeignKey]:
    people = get_user_model()
    return [
        field
        for field in kind._meta.concrete_fields
        if isinstance(field, ForeignKey) and field.remote_field.model is not people
    ]


def _is_of_one_model(kind: type[Model]) -> bool:
    return any(key.remote_field.model in OF_ONE_MODEL for key in _foreign_keys(kind))


def _parts(keys: list) -> Iterable[list]:
    return (keys[start : start + PART] for start in range(0, len(keys), PART))
