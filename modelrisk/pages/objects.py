"""The objects that have a history, their kinds as addresses name them, and their own pages."""

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.urls import reverse

from assessments.models import Assessment, Finding, PolicyException
from registry.models import (
    Artifact,
    Condition,
    Dataset,
    DatasetVersion,
    LegalHold,
    MLModel,
    ModelVersion,
    Purge,
    RoleGrant,
)

KINDS = {
    "artifact": Artifact,
    "model": MLModel,
    "version": ModelVersion,
    "dataset": Dataset,
    "dataset-version": DatasetVersion,
    "assessment": Assessment,
    "finding": Finding,
    "exception": PolicyException,
    "condition": Condition,
    "role-grant": RoleGrant,
    "legal-hold": LegalHold,
    "purge": Purge,
}
_NAMES = {kind._meta.label_lower: name for name, kind in KINDS.items()}


def kind_of(object_type: str) -> str | None:
    """registry.modelversion -> version; None for what has no page of its history."""
    return _NAMES.get(object_type)


def noun_of(object_type: str) -> str:
    """registry.modelversion -> model version; as it is where there is no such model any more."""
    try:
        return str(apps.get_model(object_type)._meta.verbose_name)
    except LookupError:
        return object_type


def shown(object_type: str, field: str, value):
    """A recorded value in the words that people see: of a choice its label."""
    try:
        choices = dict(apps.get_model(object_type)._meta.get_field(field).flatchoices)
    except (LookupError, FieldDoesNotExist, AttributeError):
        return value
    return choices.get(value, value) if isinstance(value, str | int) else value


def address_of(found) -> str:
    """The page of an object."""
    arguments = {
        Artifact: lambda: ("artifact", [found.sha256]),
        MLModel: lambda: ("model", [found.slug]),
        ModelVersion: lambda: ("version", [found.model.slug, found.number]),
        Dataset: lambda: ("dataset", [found.slug]),
        DatasetVersion: lambda: ("dataset-version", [found.dataset.slug, found.number]),
        Assessment: lambda: ("assessment", [found.pk]),
        Finding: lambda: ("finding", [found.pk]),
        Condition: lambda: ("condition", [found.pk]),
        LegalHold: lambda: ("legal-hold", [found.pk]),
        Purge: lambda: ("purge", [found.pk]),
        RoleGrant: lambda: ("people", []),
        PolicyException: lambda: ("exception", [found.pk]),
    }[type(found)]
    name, args = arguments()
    return reverse(name, args=args)
