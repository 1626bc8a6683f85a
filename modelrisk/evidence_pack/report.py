"""The pack as one HTML file: style inside, no script, nothing from elsewhere; to read, and to print on paper."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from assessments.reports import report as assessment_report
from assessments.reports import wording
from modelrisk.walkthrough import conflicts, evidence, since
from registry.models import ApprovalRequest, Decision, ModelVersion

STYLE = Path(assessment_report.__file__).with_name("report.css")
PRINT = (
    "@media print { body { background: #fff; font-size: 11px; } main { padding: 0; max-width: none; } "
    "section, tr { break-inside: avoid; } }"
)


def html(version: ModelVersion, requests: list[ApprovalRequest]) -> bytes:
    """Nothing in it depends on when it is made, but for what happened since."""
    style = STYLE.read_text(encoding="utf-8") + PRINT
    context = {
        "version": version,
        "style": mark_safe(style),  # noqa: S308 - our own file
        "style_digest": base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        "cases": [_case(request) for request in requests],
    }
    return render_to_string("evidence_pack/report.html", context).encode()


def _case(request: ApprovalRequest) -> dict[str, Any]:
    decision = Decision.objects.filter(request=request).select_related("decided_by", "dossier").first()
    runs = evidence.runs_of(request)
    return {
        "request": request,
        "decision": decision,
        "dossiers": request.dossiers.order_by("revision").prefetch_related("votes__voter", "votes__grant"),
        "conditions": decision.conditions.select_related("owner") if decision else [],
        "independence": conflicts.of_case(request),
        "runs": runs,
        "not_passed": [_shown(verdict) for verdict in evidence.not_passed(runs)],
        "not_run": evidence.not_run(runs),
        "since": since.since(decision) if decision else None,
    }


def _shown(verdict) -> dict[str, Any]:
    interval = None if verdict.low is None and verdict.high is None else [verdict.low, verdict.high]
    return {
        "word": wording.word(verdict.verdict),
        "verdict": verdict.verdict,
        "title": verdict.title,
        "group": wording.group(verdict.group),
        "value": wording.number(verdict.value),
        "interval": wording.interval(interval),
        "fail": wording.number(verdict.fail),
        "reason": verdict.reason,
    }
