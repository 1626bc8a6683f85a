"""What the deciders sign: frozen when the case is put to decision, with a hash over all of it (guard G12).

It is frozen for good. Where what it rests on is another by the time somebody signs, a new revision takes its place, the
votes under the old one are void, and whoever was about to sign is told to look again.
"""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from registry.approvals import gates, rules
from registry.models import ApprovalRequest, Condition, Dossier, ModelVersion, Vote

FORMAT = "modelrisk.dossier/1"


def canonical(document: dict[str, Any]) -> bytes:
    """The one way to write the document down: keys sorted, no spaces, ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def digest(document: dict[str, Any]) -> str:
    return hashlib.sha256(canonical(document)).hexdigest()


def document(version: ModelVersion, purpose: str = "approval") -> dict[str, Any]:
    """What a decision on the version would rest on at this moment; the same rows give the same document."""
    evidence = [asdict(found) for found in gates.evidence(version)]
    told = {
        "format": FORMAT,
        "purpose": purpose,
        "model": _model(version),
        "intended_use": version.model.purpose,
        "version": _version(version),
        "artifact": {"sha256": version.artifact.sha256, "size": version.artifact.size},
        "datasets": [data for found in evidence for data in found["summary"].get("datasets", [])],
        "policies": [found for found in evidence if found["kind"].startswith("policy")],
        "evidence": [found for found in evidence if found["kind"] != "finding"],
        "findings": [found for found in evidence if found["kind"] == "finding"],
        "exceptions": [found for found in evidence if found["kind"] == "exception"],
        "conditions": _conditions(version),
        "validation": _validation(version),
        "documentation": {"notes": version.notes, "domain": version.model.domain},
    }
    return dict(json.loads(canonical(told)))  # as it comes back from the database


def freeze(request: ApprovalRequest, actor: User, purpose: str = "approval") -> Dossier:
    """The next revision, of what is true now."""
    now = document(request.version, purpose)
    before = request.dossiers.order_by("-revision").first()
    frozen: Dossier = request.dossiers.create(
        revision=before.revision + 1 if before else 1, document=now, sha256=digest(now), frozen_by=actor
    )
    return frozen


def replace(dossier: Dossier, actor: User, because: str) -> Dossier:
    """A new revision of what is true now; the votes under this one are void."""
    moment = timezone.now()
    dossier.replaced_at, dossier.replaced_because = moment, because
    dossier.save(update_fields=["replaced_at", "replaced_because"])
    Vote.objects.filter(dossier=dossier, cleared_at=None).update(cleared_at=moment)
    return freeze(dossier.request, actor, dossier.document["purpose"])


def stale(dossier: Dossier) -> list[str]:
    """The parts that are no longer as they were frozen; empty where all is the same."""
    now = document(dossier.request.version, dossier.document["purpose"])
    if digest(now) == dossier.sha256:
        return []
    return sorted(part for part in now | dossier.document if now.get(part) != dossier.document.get(part)) or ["format"]


def _model(version: ModelVersion) -> dict[str, Any]:
    model = version.model
    return {
        "id": model.pk,
        "name": model.name,
        "tier": model.tier,
        "use_case": model.use_case,
        "legal_contexts": model.legal_contexts,
        "owner": model.owner.get_username(),
        "developers": sorted(user.get_username() for user in model.developers.all()),
    }


def _version(version: ModelVersion) -> dict[str, Any]:
    return {
        "id": version.pk,
        "number": version.number,
        "format": version.format,
        "file": version.original_name,
        "uploaded_by": version.created_by.get_username(),
        "uploaded_at": version.created_at.isoformat(),
        "estimator": version.estimator,
    }


def _validation(version: ModelVersion) -> dict[str, Any]:
    request = rules.request_of(version)
    if request is None:
        return {}
    return {
        "submitted_by": request.requested_by.get_username(),
        "submitted_at": request.requested_at.isoformat(),
        "note": request.note,
        "tier": request.tier,
        "lead_validator": request.validator.get_username() if request.validator else None,
        "scope": request.scope,
        "report": request.report,
        "signed_by": request.validated_by.get_username() if request.validated_by else None,
        "signed_at": request.validated_at.isoformat() if request.validated_at else None,
    }


def _conditions(version: ModelVersion) -> list[dict[str, Any]]:
    """Those of earlier decisions on the model that are not settled yet."""
    unsettled = Condition.objects.filter(decision__request__version__model=version.model_id)
    unsettled = unsettled.exclude(state=Condition.State.SATISFIED).select_related("owner").order_by("pk")
    return [
        {
            "id": found.pk,
            "text": found.text,
            "owner": found.owner.get_username(),
            "due": found.due.isoformat(),
            "state": found.state,
        }
        for found in unsettled
    ]
