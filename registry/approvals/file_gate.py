"""What the file's scan and waiver say in an approval: evidence where they let it run, a blocker where they do not."""

from collections.abc import Iterator

from registry import access
from registry.approvals.gates import Blocker, Evidence, Stage, evidence_source, gate
from registry.models import ModelVersion


@gate(at=Stage)
def admitted(version: ModelVersion) -> Iterator[Blocker]:
    """An approval rests on runs; what may not run any more, because its waiver ended, may not be approved either."""
    if problem := access.gate_problem(version):
        yield Blocker("not_admitted", *problem)


@evidence_source
def newest_scan(version: ModelVersion) -> Iterator[Evidence]:
    """Bound by the digest of the scan, with the waiver that the version runs under."""
    scan = version.artifact.scan
    if scan is None:
        return
    waiver = version.waiver
    yield Evidence(
        kind="scan",
        id=scan.pk,
        label=f"Scan of {scan.scanned_at:%-d %b %Y}",
        sha256=scan.digest,
        summary={
            "gate": version.gate,
            "allow_list": scan.allow_list,
            "allow_list_sha256": scan.allow_list_sha256,
            "imports_sha256": scan.imports_sha256,
            "waiver": waiver.pk if waiver else None,
            "waived_until": waiver.expires_at.isoformat() if waiver else None,
        },
    )
