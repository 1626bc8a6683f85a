"""Every stored model file, read once more with the allow-list of today: what the gate says differently now."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction

from registry import admission, audit, changes
from registry.models import Artifact, ModelVersion, Scan
from registry.refusals import BadInput, Unavailable
from registry.roles import system_user

RANK = {None: 0, Scan.Verdict.ALLOWED: 0, Scan.Verdict.NEEDS_WAIVER: 1, Scan.Verdict.REFUSED: 2}


@dataclass(frozen=True)
class Rescanned:
    """One file. before, now: verdicts, None where it was never scanned; problem: why it could not be scanned."""

    artifact: Artifact
    versions: tuple[ModelVersion, ...]
    before: str | None = None
    now: str | None = None
    reasons: tuple[str, ...] = ()
    problem: str = ""

    @property
    def changed(self) -> bool:
        return not self.problem and self.before != self.now

    @property
    def worse(self) -> bool:
        return self.changed and RANK[self.now] > RANK[self.before]


def rescan_all(*, record: bool = True) -> Iterator[Rescanned]:
    """Each file of a model in turn; recorded, in the name of the system, where the scan is not what it was.

    A file that cannot be read keeps the scan that it has.
    """
    for artifact in Artifact.objects.of_models().order_by("pk").iterator():
        versions = tuple(artifact.model_versions.select_related("model").order_by("pk"))
        before = artifact.scan
        try:
            known = bool(admission.known_facts(artifact))
            scan, facts = admission.scan_stored(artifact, versions[0].format, facts_known=known)
        except (BadInput, Unavailable) as error:
            yield Rescanned(artifact, versions, problem=str(getattr(error, "reason", "") or error))
            continue
        if record and (before is None or before.document != scan):
            _record(artifact, scan, facts)
        reasons = tuple(reason["code"] for reason in scan["reasons"])
        yield Rescanned(artifact, versions, before.verdict if before else None, scan["verdict"], reasons)


@transaction.atomic
def _record(artifact: Artifact, scan: dict, facts: dict) -> None:
    """With an event on each version whose file is told another verdict."""
    locked = Artifact.objects.select_for_update().get(pk=artifact.pk)
    before, actor = locked.scan, system_user()
    with changes.recorded() as seen:
        admission.fill_in(locked, facts or admission.known_facts(locked))
    row = admission.keep(locked, scan, actor=actor, version=None, also=seen.changes())
    was = before.verdict if before else None
    if was == row.verdict:
        return
    said = before.get_verdict_display() if before else "never scanned"
    detail = {"from": was, "to": row.verdict, "scan": row.pk, "atlas": row.atlas}
    for version in locked.model_versions.all():
        summary = f"Scanned the file of {version} with today's allow-list: {row.get_verdict_display()}, before: {said}"
        audit.record(actor=actor, action="version.rescan", obj=version, summary=summary, detail=detail)
