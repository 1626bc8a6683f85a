"""The runs that a decision rests on, each with what it ran on, and what in them failed, was skipped or was waived."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assessments.models import Assessment, Finding, PolicyException, TestResult, Verdict
from registry.models import ApprovalRequest, Decision

NOT_PASSED = (Verdict.Word.FAIL, Verdict.Word.ERROR, Verdict.Word.INCONCLUSIVE, Verdict.Word.WARN)
NOT_RUN = (TestResult.Status.ERROR, TestResult.Status.SKIPPED, TestResult.Status.NOT_APPLICABLE)


@dataclass(frozen=True)
class Run:
    """One assessment as evidence."""

    assessment: Assessment
    model_sha256: str
    data_sha256: str
    reference_sha256: str
    code_sha256: str  # of the battery's own files; empty where the run is older than its record
    policy: dict[str, Any]
    bound: bool  # its digest is the one that the case holds

    @property
    def started_at(self) -> datetime | None:
        return self.assessment.started_at

    def as_dict(self) -> dict[str, Any]:
        run = self.assessment
        return {
            "assessment": run.pk,
            "plan": run.plan_name,
            "model_sha256": self.model_sha256,
            "data": str(run.dataset_version),
            "data_sha256": self.data_sha256,
            "reference_sha256": self.reference_sha256,
            "code_sha256": self.code_sha256,
            "seed": run.seed,
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "results_sha256": run.results_sha256,
            "bound": self.bound,
            "policy": {name: self.policy.get(name) for name in ("name", "version", "sha256")},
        }


def runs_of(request: ApprovalRequest) -> list[Run]:
    """Those that the case holds by their digest."""
    named = {each["id"]: each["sha256"] for each in request.evidence if each["kind"] == "assessment"}
    rows = (
        Assessment.objects.filter(pk__in=named)
        .select_related("dataset_version__dataset", "policy_version__policy")
        .order_by("pk")
    )
    return [_run(row, named[row.pk]) for row in rows]


def _run(row: Assessment, digest: str) -> Run:
    reference = row.plan.get("reference") or {}
    code = row.environment.get("battery_sha256", "")
    model, data = row.plan["model"]["sha256"], row.plan["data"]["sha256"]
    return Run(row, model, data, reference.get("sha256", ""), code, row.policy, row.results_sha256 == digest)


def not_passed(runs: list[Run]) -> list[Verdict]:
    """What the policy did not pass, worst first."""
    rows = Verdict.objects.filter(assessment__in=[run.assessment for run in runs], verdict__in=NOT_PASSED)
    return list(rows.order_by("assessment", "position"))


def not_run(runs: list[Run]) -> list[TestResult]:
    """Tests without a result, each with its reason."""
    rows = TestResult.objects.filter(assessment__in=[run.assessment for run in runs], status__in=NOT_RUN)
    return list(rows.order_by("assessment", "pk").defer("tables", "notes", "params"))


def accepted(decision: Decision) -> list[dict[str, Any]]:
    """What was let pass knowingly: conditions, findings that stand, waivers of the file, exceptions of the policy."""
    version = decision.request.version
    found = [
        _accepted("condition", row, f"C-{row.number}: {row.text}", row.get_state_display(), row.due, row.owner, "")
        for row in decision.conditions.select_related("owner").order_by("number")
    ]
    found += [
        _accepted("finding", row, f"{row}: {row.title}", row.get_state_display(), row.due, row.owner, row.plan)
        for row in Finding.objects.of_model(version.model_id).filter(raised_at__lte=decision.decided_at)
        if row.ended_at is None or row.ended_at > decision.decided_at
    ]
    asked = PolicyException.objects.filter(version=version, approved_at__lte=decision.decided_at)
    found += [
        _accepted("exception", row, f"{row}: {row.subject}", row.get_state_display(), row.expiry, row.approved_by, why)
        for row in asked.select_related("approved_by", "finding").order_by("pk")
        for why in [f"{row.reason} Control: {row.compensating_control}"]
    ]
    # Those of before the upload were for other models that are this file.
    waivers = version.artifact.waivers.filter(granted_at__range=(version.created_at, decision.decided_at))
    found += [
        _accepted("waiver", row, str(row), row.get_state_display(), row.last_day, row.granted_by, row.reason)
        for row in waivers.select_related("granted_by").order_by("pk")
    ]
    return found


def _accepted(kind: str, row, label: str, state: str, until, by, why: str) -> dict[str, Any]:
    told = {"kind": kind, "id": row.pk, "label": label, "state": state, "until": until}
    return {**told, "accepted_by": by.get_username() if by else "", "why": why}
