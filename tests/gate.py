"""Rows of the gate for tests that need no real scan: what a scan said of a stored file, and a waiver for it."""

import hashlib
import json
from datetime import timedelta

from django.utils import timezone

from registry.models import Artifact, Scan, Waiver

PLAIN = {"sklearn.linear_model._logistic:LogisticRegression": ["build", "import", "new"]}
CUSTOM = {"__main__:Scorecard": ["build", "import", "new"]}


def document(verdict: str = "allowed", imports: dict[str, list[str]] | None = None, **changes) -> dict:
    """A modelrisk.scan/1 as the reader gives it; the imports beside the plain ones have the verdict."""
    other = imports if imports is not None else ({} if verdict == "allowed" else CUSTOM)
    named = sorted([*((n, u, "allowed") for n, u in PLAIN.items()), *((n, u, verdict) for n, u in other.items())])
    listed = [[name, sorted(uses)] for name, uses, _ in named]
    reason = {"code": "custom_class", "message": "It holds a class of its own.", "hint": "Use library parts."}
    return {
        "schema": "modelrisk.scan/1",
        "format": "joblib",
        "container": "raw",
        "verdict": verdict,
        "reasons": [] if verdict == "allowed" else [reason | {"atlas": ["AML.T0011.000"]}],
        "imports": [{"name": n, "uses": sorted(u), "verdict": v, "note": ""} for n, u, v in named],
        "imports_sha256": hashlib.sha256(json.dumps(listed, separators=(",", ":")).encode()).hexdigest(),
        "opcodes": 120,
        "bytes": 4_500,
        "libraries": {"scikit-learn": "1.9.1"},
        "allow_list": {"name": "reviewed for tests", "sha256": "ab" * 32},
        **changes,
    }


def scanned(artifact: Artifact, actor, verdict: str = "allowed", **changes) -> Scan:
    told = document(verdict, sha256=artifact.sha256, size=artifact.size, **changes)
    return Scan.objects.create(
        artifact=artifact,
        format=told["format"],
        verdict=verdict,
        imports_sha256=told["imports_sha256"],
        allow_list=told["allow_list"]["name"],
        allow_list_sha256=told["allow_list"]["sha256"],
        document=told,
        scanned_by=actor,
    )


def waived(artifact: Artifact, officer, *, days: float = 30) -> Waiver:
    """For the file as its newest scan reads it."""
    scan = artifact.scan
    return Waiver.objects.create(
        artifact=artifact,
        sha256=artifact.sha256,
        imports_sha256=scan.imports_sha256,
        imports=scan.imports,
        reason="The source was reviewed.",
        compensating_control="Runs in oracle mode only.",
        granted_by=officer,
        expires_at=timezone.now() + timedelta(days=days),
    )
