"""Who is told of a step of a case: the people whose move it is, and those whom it concerns. Once each."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from registry import access, lineage
from registry.models import ApprovalRequest, Dossier, MLModel, ModelVersion
from registry.notifying import having_role, notify

DECIDERS = (access.APPROVER, access.COMMITTEE_CHAIR, access.COMPLIANCE)


def submitted(case: ApprovalRequest, actor: User) -> None:
    leads = having_role(access.MRM_LEAD, but=[actor])
    what = "revalidation" if case.version.revalidation else "validation"
    _tell(leads, "submitted", case, f"{case.version} was submitted for {what}", f"By {actor}. {case.note}")


def assigned(case: ApprovalRequest, actor: User) -> None:
    about = f"You validate {case.version}"
    _tell([case.validator], "assigned", case, about, f"{actor} assigned it to you. Scope: {case.scope}")


def returned(case: ApprovalRequest, actor: User, reason: str) -> None:
    _tell(_builders(case.version, actor), "returned", case, f"{case.version} was returned", f"By {actor}: {reason}")


def validated(case: ApprovalRequest, actor: User, said: str) -> None:
    """To whom the next move belongs, and to those who built it."""
    leads = having_role(access.MRM_LEAD, but=[actor])
    _tell({*leads, *_builders(case.version, actor)}, "validated", case, said, f"{actor} signed the validation report.")


def pending(dossier: Dossier, actor: User, because: str = "") -> None:
    """Those who may decide: whoever had a hand in the model is not asked. Each revision is a new question."""
    case = dossier.request
    roles = (access.MRM_LEAD,) if case.tier == MLModel.Tier.THREE else DECIDERS
    people = having_role(*roles).exclude(pk__in=lineage.lineage(case.version.model))
    said = f"Revision {dossier.revision} of its dossier waits for signatures. {because}"
    page = reverse("review", args=[case.version.model.slug, case.version.number])
    notify(people, f"case.pending:{dossier.pk}", f"{case.version} waits for a decision", said.strip(), page)


def decided(case: ApprovalRequest, actor: User, said: str, comment: str) -> None:
    concerned = {*_builders(case.version, actor), *having_role(access.MRM_LEAD, but=[actor])}
    if case.validator is not None:
        concerned.add(case.validator)
    _tell(concerned, "decided", case, said, f"{actor} cast the deciding vote. {comment}")


def used(version: ModelVersion, actor: User, said: str, reason: str = "") -> None:
    """Each change of the use is news of its own, told once: the act that calls this is done once."""
    people = {*_builders(version, actor), *having_role(access.MRM_LEAD, but=[actor])}
    page = reverse("version", args=[version.model.slug, version.number]) + "#use"
    key = f"use.changed:{version.pk}:{timezone.now():%Y%m%dT%H%M%S%f}"
    notify(people, key, said, f"By {actor}. {reason}".strip(), page)


def _builders(version: ModelVersion, actor: User) -> set[User]:
    return {version.model.owner, version.created_by, *version.model.developers.all()} - {actor}


def _tell(people: Iterable[Any], event: str, case: ApprovalRequest, subject: str, body: str) -> None:
    page = reverse("version", args=[case.version.model.slug, case.version.number])
    notify(people, f"case.{event}:{case.pk}", subject, body.strip(), page)
