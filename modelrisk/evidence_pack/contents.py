"""What is in a pack: the case with its votes, the frozen dossiers, results, charts, policies, rows, and the log's part.

Model and data files are not in it; their hashes are. Everything is read when its turn comes.
"""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from django.db.models import Model

from assessments import charts, stored
from assessments.models import Assessment
from assessments.reports import report as assessment_report
from assessments.reports.folder import as_text, file_name
from assessments.views.charts import drawn
from assessments.views.evidence import entries_of
from modelrisk.evidence_pack import log_slice, report, verify_pack
from modelrisk.evidence_pack.packing import File
from modelrisk.walkthrough import conflicts, scope
from registry import changes
from registry.approvals import dossiers
from registry.audit import sealing, verify_log
from registry.models import ApprovalRequest, Artifact, Decision, Dossier, ModelVersion

README = """An evidence pack of ModelRisk.

Verify it:  python verify_pack.py PACK.zip [--manifest SHA256] [--key PUBLIC_KEY]
It needs Python 3.10 or newer and nothing else. Better than the copy in here is one that you were given by other means:
/audit/verify_pack.py and /audit/verify_log.py of the installation; put both in one folder.

manifest.json      every file with its SHA-256, and the digests that were signed or sealed
report.html        all of it to read and to print
cases/             each request for approval: votes, decision, conditions, who had which part, and the frozen dossiers
assessments/       results.json, report.html, and each chart as CSV and SVG
policies/          the limits that the results were judged by
rows/              every row of the registry that concerns the version, as it is now
log/               the events of the audit trail that concern it, each with the proof that it is under its seal; and the
                   signed checkpoints over these seals
Model and data files are not in it: rows/registry.artifact.json holds their hashes.
"""


def of_version(version: ModelVersion, decision: Decision | None = None) -> tuple[dict[str, Any], list[File]]:
    """(what the manifest says of the whole, the files). decision: that case alone; without one, every case."""
    sealing.seal()  # so that what happened up to now has its proof
    rows = scope.rows_of(version)
    events = scope.event_ids(rows)
    requests = _requests(version, decision)
    assessments = _assessments(version, requests if decision else None)
    files = [
        *_fixed(),
        File("report.html", partial(report.html, version, requests)),
        *(file for request in requests for file in _case(request)),
        *(file for assessment in assessments for file in _assessment(assessment)),
        *_policies(assessments),
        *(_table(kind, keys) for kind, keys in rows.items()),
        *_log(events),
    ]
    about: dict[str, Any] = {"version": {"id": version.pk, "label": str(version)}}
    about["decision"] = decision.pk if decision else None
    about["model_sha256"] = version.artifact.sha256
    about["not_included"] = _stored(rows.get(Artifact, set()))
    return about, files


def _requests(version: ModelVersion, decision: Decision | None) -> list[ApprovalRequest]:
    found = ApprovalRequest.objects.filter(version=version).order_by("pk")
    return list(found.filter(decision=decision) if decision else found)


def _assessments(version: ModelVersion, requests: list[ApprovalRequest] | None) -> list[Assessment]:
    """All that have finished; those that the requests rest on, where some are given."""
    done = version.assessments.filter(state=Assessment.State.DONE).order_by("pk")
    if requests is None:
        return list(done)
    named = {each["id"] for request in requests for each in request.evidence if each["kind"] == "assessment"}
    return list(done.filter(pk__in=named))


def _fixed() -> Iterator[File]:
    yield File("README.txt", lambda: README.encode())
    for program in (verify_pack, verify_log):
        path = Path(program.__file__)
        yield File(path.name, path.read_bytes)


def _case(request: ApprovalRequest) -> Iterator[File]:
    folder = f"cases/{request.pk}"
    yield File(f"{folder}/case.json", lambda: _json(case(request)))
    for dossier in request.dossiers.order_by("revision"):
        name = f"{folder}/dossier-{dossier.revision}.json"
        yield File(name, partial(_dossier, dossier.pk), signed=dossier.sha256)


def case(request: ApprovalRequest) -> dict[str, Any]:
    """The request with all that hangs on it, as one document."""
    decision = Decision.objects.filter(request=request).first()
    return {
        "schema": "modelrisk.case/1",
        "request": _told(request),
        "dossiers": [{**_told(dossier), "votes": _all_told(dossier.votes.all())} for dossier in request.dossiers.all()],
        "decision": _told(decision) if decision else None,
        "conditions": _all_told(decision.conditions.all()) if decision else [],
        "independence": conflicts.document(request),
    }


def _dossier(pk: int) -> bytes:
    return dossiers.canonical(Dossier.objects.values_list("document", flat=True).get(pk=pk))


def _assessment(assessment: Assessment) -> Iterator[File]:
    folder = f"assessments/{assessment.pk}"
    seal = assessment.results_sha256
    yield File(f"{folder}/results.json", lambda: as_text(stored.document(assessment)).encode(), signed=seal)
    yield File(f"{folder}/report.html", lambda: _report_of(assessment).encode())
    taken: set[str] = set()
    for chart in _charts(assessment):
        name = file_name(chart["id"])
        while name in taken:
            name += "_"
        taken.add(name)
        yield File(f"{folder}/charts/{name}.csv", partial(_csv, chart))
        yield File(f"{folder}/charts/{name}.svg", partial(drawn, chart, "svg"))


def _charts(assessment: Assessment) -> list[dict[str, Any]]:
    """Those that can be drawn; the numbers of the others are in results.json."""
    return [chart for entry in stored.entries(assessment) for chart in entry["charts"] if _can_be_drawn(chart)]


def _can_be_drawn(chart: dict[str, Any]) -> bool:
    try:
        charts.csv(chart)
        drawn(chart, "svg")
    except charts.BadChart:
        return False
    return True


def _csv(chart: dict[str, Any]) -> bytes:
    return charts.csv(chart).encode()


def _report_of(assessment: Assessment) -> str:
    pictures = {chart["id"]: drawn(chart, "svg").decode() for chart in _charts(assessment)}
    title = f"{assessment} of {assessment.version}"
    found = stored.document(assessment)
    return assessment_report.html(found, drawn=pictures, title=title, catalogue=entries_of(assessment))


def _policies(assessments: list[Assessment]) -> Iterator[File]:
    """Each policy that one of them was judged by, once."""
    for digest, policy in {each.policy["sha256"]: each.policy for each in assessments}.items():
        name = f"{file_name(policy['name'])}-v{policy['version']}-{digest[:12]}"
        yield File(f"policies/{name}.json", partial(_json, policy))


def _table(kind: type[Model], keys: set) -> File:
    return File(f"rows/{kind._meta.label_lower}.json", lambda: _json(_all_told(kind._base_manager.filter(pk__in=keys))))


def _log(events: set[int]) -> Iterator[File]:
    yield File("log/slice.jsonl", lambda: log_slice.lines(events))
    for row in log_slice.checkpoints_of(log_slice.seals_of(events)):
        yield File(f"log/checkpoints/{row.file_name}", partial(log_slice.checkpoint_file, row))


def _stored(keys: set) -> list[dict[str, Any]]:
    return list(Artifact.objects.filter(pk__in=keys).order_by("sha256").values("sha256", "size"))


def _all_told(rows) -> list[dict[str, Any]]:
    return [_told(row) for row in rows.order_by("pk")]


def _told(row: Model) -> dict[str, Any]:
    """A row as the audit trail would tell it: names beside keys, very long values by their digest."""
    fields = changes.row_now(type(row), row.pk)
    return {"type": row._meta.label_lower, "id": row.pk, "label": str(row), "fields": fields}


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
