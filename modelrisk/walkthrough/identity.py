"""Is the evidence byte-identical today? Stored files are read to their end and hashed, results and dossiers recomputed.

What it found is in the audit trail, match by match: so that a clean answer of last year can be shown too.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from assessments import results, stored
from assessments.models import Assessment
from registry import storage
from registry.action import Done, action
from registry.approvals import dossiers
from registry.models import ApprovalRequest, Artifact, Decision, Dossier, ModelVersion
from registry.refusals import Unavailable

MATCH, MISMATCH, MISSING, PURGED = "match", "mismatch", "missing", "purged"
OF_THE_FILE = {
    "corrupt": MISMATCH,
    "missing_file": MISSING,
    "purged": PURGED,  # as the retention rules ask
}  # else it is the store's trouble


@dataclass(frozen=True)
class Item:
    """One thing that was hashed again. expected: as recorded; found: as it is now, empty where it is gone."""

    kind: str  # model, data, reference, results, evidence or dossier
    label: str
    state: str
    expected: str
    found: str
    id: int | None = None


@dataclass(frozen=True)
class Checked:
    version: ModelVersion
    items: list[Item]
    decision: int | None = None  # of which the evidence was checked; None: all that the version has

    @property
    def identical(self) -> bool:
        return all(item.state == MATCH for item in self.items)

    @property
    def sentence(self) -> str:
        wrong = [item for item in self.items if item.state != MATCH]
        if not wrong:
            return f"All {len(self.items)} are byte-identical."
        told = ", ".join(f"{item.label} ({item.state})" for item in wrong[:3]) + (" and more" if len(wrong) > 3 else "")
        return f"{len(wrong)} of {len(self.items)} are not as recorded: {told}."

    def as_dict(self) -> dict[str, Any]:
        items = [asdict(item) for item in self.items]
        return {"decision": self.decision, "identical": self.identical, "summary": self.sentence, "items": items}


def may_check(version: ModelVersion, actor, **_: Any) -> str | None:
    if ModelVersion.objects.visible_to(actor).filter(pk=version.pk).exists():
        return None
    return f"Only who may see {version} may check its evidence."


@contextmanager
def _hashed(version: ModelVersion, *, actor, decision: Decision | None = None) -> Iterator[dict[str, Any]]:
    yield {"checked": Checked(version, list(items_of(version, decision)), decision.pk if decision else None)}


@action("evidence.check", rule=may_check, prepare=_hashed)
def check_evidence(version: ModelVersion, *, actor, checked: Checked) -> Done:
    """Hash again everything that the version's decisions rest on; given a decision, what that one rests on."""
    return Done(checked, about=version, summary=f"Evidence of {version}: {checked.sentence}", detail=checked.as_dict())


def items_of(version: ModelVersion, decision: Decision | None = None) -> Iterator[Item]:
    """A file that several things rest on is read once. Raises Unavailable where the store does not answer."""
    hashed: dict[str, tuple[str, str]] = {}
    yield _file("model", f"File of {version}", version.artifact, hashed)
    requests = ApprovalRequest.objects.filter(version=version).order_by("pk")
    requests = requests.filter(decision=decision) if decision else requests
    evidence = [each for asked in requests for each in asked.evidence]
    named = {each["id"]: each["sha256"] for each in evidence if each["kind"] == "assessment"}
    done = version.assessments.filter(state=Assessment.State.DONE).order_by("pk")
    done = done.filter(pk__in=named) if decision else done
    files = set()
    related = (f"{data}__{part}" for data in ("dataset_version", "reference") for part in ("dataset", "artifact"))
    for run in done.select_related(*related):
        for kind, data in (("data", run.dataset_version), ("reference", run.reference)):
            if data is not None and data.pk not in files:
                files.add(data.pk)
                yield _file(kind, f"File of {data}", data.artifact, hashed)
        found = results.digest(stored.document(run))
        yield _item("results", f"Results of {run}", run.results_sha256, found, run.pk)
        if run.pk in named:
            yield _item("evidence", f"{run}, as the case holds it", named[run.pk], found, run.pk)
    for dossier in Dossier.objects.filter(request__in=requests).order_by("pk"):
        found = dossiers.digest(dossier.document)
        yield _item("dossier", str(dossier), dossier.sha256, found, dossier.pk)


def _item(kind: str, label: str, expected: str, found: str, pk: int | None = None) -> Item:
    return Item(kind, label, MATCH if found == expected else MISMATCH, expected, found, pk)


def _file(kind: str, label: str, artifact: Artifact, hashed: dict[str, tuple[str, str]]) -> Item:
    if artifact.sha256 not in hashed:
        hashed[artifact.sha256] = _read(artifact)
    state, found = hashed[artifact.sha256]
    return Item(kind, label, state, artifact.sha256, found, artifact.pk)


def _read(artifact: Artifact) -> tuple[str, str]:
    """(state, digest of what is stored now)"""
    digest = hashlib.sha256()
    try:
        for chunk in storage.open_stream(artifact):
            digest.update(chunk)
    except Unavailable as trouble:
        if trouble.code not in OF_THE_FILE:
            raise
        state = OF_THE_FILE[trouble.code]
        return state, "" if state in {MISSING, PURGED} else digest.hexdigest()
    return MATCH, digest.hexdigest()
