"""Through the gate: a model file is scanned before it is loaded, and loaded only where the scan or a waiver allows it.

What is refused is not stored; that it was refused, and why, is in the audit trail.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings

from registry import audit, changes, scanning, storage
from registry.models import Artifact, MLModel, ModelVersion, Scan
from registry.receiving import Received
from registry.refusals import BadInput, RefusedFile, Unavailable

REFUSED_IMPORTS = 50  # that the audit event of a refusal names


def read_model(path: Path, format: str, *, model: MLModel, actor, name: str, sha256: str) -> dict:
    """The scan of an uploaded file and, where the scan allows loading it, what the sandbox reads of it.

    Raises RefusedFile, or BadInput where the file cannot be scanned; either is recorded.
    """
    given = {"file": name, "sha256": sha256, "bytes": path.stat().st_size, "format": format}
    try:
        scan = _scanned(path, format, sha256)
        if scan["verdict"] == Scan.Verdict.REFUSED:
            raise RefusedFile(name, scan)
    except BadInput as error:
        _record_refusal(model, actor, given, error)
        raise
    allowed = scan["verdict"] == Scan.Verdict.ALLOWED
    return {"scan": scan, "estimator": scanning.inspect_model(path, format) if allowed else {}}


def scan_stored(artifact: Artifact, format: str, *, facts_known: bool) -> tuple[dict, dict]:
    """Scan a stored file again; with it, what the sandbox reads of it where it is allowed and not known yet.

    Raises Unavailable where there was not memory enough: it was read before, so that says nothing against the file.
    """
    with on_disk(artifact) as path:
        scan = _scanned(path, format, artifact.sha256)
        if [reason["code"] for reason in scan["reasons"]] == ["out_of_memory"]:
            said = scan["reasons"][0]
            raise Unavailable(f"{said['message']} {said['hint']}", code="out_of_memory")
        wanted = scan["verdict"] == Scan.Verdict.ALLOWED and not facts_known
        return scan, scanning.inspect_model(path, format) if wanted else {}


def inspect_waived(artifact: Artifact, format: str) -> dict:
    """What the sandbox reads of a file that a person answers for."""
    with on_disk(artifact) as path:
        return scanning.inspect_model(path, format, trust="waived")


def keep(artifact: Artifact, scan: dict, *, actor, version: ModelVersion | None, also: Iterable[dict] = ()) -> Scan:
    """Write the scan down, and say so in the audit trail; the caller holds the transaction.

    `version`: for which the file was scanned; None for every version that it is. `also`: what else changed by it.
    """
    with changes.recorded() as seen:
        row = Scan.objects.create(
            artifact=artifact,
            version=version,
            format=scan["format"],
            verdict=scan["verdict"],
            imports_sha256=scan["imports_sha256"],
            allow_list=scan["allow_list"]["name"],
            allow_list_sha256=scan["allow_list"]["sha256"],
            document=scan,
            scanned_by=actor,
        )
    audit.record(
        actor=actor,
        action="artifact.scan",
        obj=artifact,
        summary=f"Scanned {artifact}: {row.get_verdict_display()}",
        detail=told_of(scan) | {"scan": row.pk},
        changes=[*seen.changes(), *also],
    )
    return row


def known_facts(artifact: Artifact) -> dict:
    """What the sandbox read of these bytes before, or {}."""
    found = artifact.model_versions.exclude(estimator={}).values_list("estimator", flat=True).first()
    return found or {}


def fill_in(artifact: Artifact, facts: dict) -> None:
    """Give the facts to every version with these bytes that lacks them."""
    if facts:
        artifact.model_versions.filter(estimator={}).update(estimator=facts)


def check_format(artifact: Artifact, received: Received, *, actor) -> None:
    """The same bytes under two formats would be scanned as one and loaded as the other.

    Of a twin that the actor may not see nothing is said: the refusal is that of a file whose content is something else.
    Under the lock on the file: of two uploads at once the second sees the first. The caller has the transaction.
    """
    Artifact.objects.select_for_update().get(pk=artifact.pk)
    twins = ModelVersion.objects.filter(artifact=artifact).exclude(format=received.format)
    if not twins.exists():
        return
    if twin := twins.visible_to(actor).first():
        raise BadInput(
            f"These bytes are {twin} already, as a model in the format {twin.format}.",
            hint="Give the file the ending of the format that it was written in.",
            code="other_format",
            field="file",
        )
    raise scanning.not_a_model(received.name, received.format)


def told_of(scan: dict) -> dict:
    """The scan in short, for the audit trail."""
    reasons = [{part: reason[part] for part in ("code", "message", "atlas")} for reason in scan["reasons"]]
    return {
        "verdict": scan["verdict"],
        "reasons": reasons,
        "sha256": scan["sha256"],
        "imports": len(scan["imports"]),
        "imports_sha256": scan["imports_sha256"],
        "allow_list": scan["allow_list"],
    }


@contextmanager
def on_disk(artifact: Artifact) -> Iterator[Path]:
    """The stored file, its digest checked, in a folder of its own."""
    with TemporaryDirectory(prefix="modelrisk-", dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
        path = Path(folder) / "model"
        storage.download(artifact, path)
        yield path


def _scanned(path: Path, format: str, sha256: str) -> dict:
    scan = scanning.scan_model(path, format)
    if scan.setdefault("sha256", sha256) != sha256:
        raise Unavailable("The file changed while it was being read. Upload it again.", code="corrupt")
    scan.setdefault("size", path.stat().st_size)
    return scan


def _record_refusal(model: MLModel, actor, given: dict, error: BadInput) -> None:
    detail = given | {"code": error.code}
    if scan := error.detail.get("scan"):
        refused = [found for found in scan["imports"] if found["verdict"] == Scan.Verdict.REFUSED]
        detail |= told_of(scan) | {"refused_imports": refused[:REFUSED_IMPORTS]}
    else:
        detail |= {"reasons": [{"code": error.code, "message": error.message, "atlas": []}]}
    audit.record(
        actor=actor,
        action="version.upload",
        obj=model,
        summary=f"Refused: {error.message}",
        detail=detail,
        refused=True,
    )
