"""A decision on real evidence, as rows: what it rests on was measured by the real battery once."""

import pytest
from django.utils import timezone

from assessments.evidence import deciding
from registry import audit, changes
from registry.approvals import dossiers, gates
from registry.models import ApprovalRequest, Condition, Decision, Dossier, ModelVersion, Vote
from tests.pages.conftest import _ask_the_sandbox_once, assessed, assessment, sign_in  # noqa: F401 - fixtures
from tests.registry.audit.conftest import places  # noqa: F401 - checkpoints of this test alone


def decide(version: ModelVersion, *, asker, validator, approver, outcome: str = "approve") -> Decision:
    """What the engine of the case leaves behind, written at once and recorded as one act."""
    run = deciding(version) or version.assessments.first()
    with changes.recorded() as seen:
        evidence = [vars(each) for each in gates.evidence(version) if each.kind != "assessment"]
        evidence.append(
            {"kind": "assessment", "id": run.pk, "label": str(run), "sha256": run.results_sha256, "summary": {}}
        )
        request = ApprovalRequest.objects.create(
            version=version, requested_by=asker, validator=validator, validated_by=validator,
            validated_at=timezone.now(), evidence=evidence, closed_at=timezone.now(),
        )  # fmt: skip
        document = {
            "schema": "modelrisk.dossier/1",
            "model": {"sha256": version.artifact.sha256, "name": "Crédit"},
            "evidence": evidence,
        }
        dossier = Dossier.objects.create(
            request=request, revision=1, document=document, frozen_by=validator,
            sha256=dossiers.digest(document),
        )  # fmt: skip
        Vote.objects.create(
            dossier=dossier, voter=approver, role="approver", outcome=outcome, comment="Fit for its purpose."
        )
        decision = Decision.objects.create(
            request=request, dossier=dossier, outcome=outcome, note="Fit for its purpose.", decided_by=approver
        )
        version.approval_status = "approved_with_conditions" if "conditions" in outcome else f"{outcome}d"
        version.save(update_fields=["approval_status"])
    act = {"action": "approval.vote", "obj": version, "summary": f"Approved {version}"}
    audit.record(actor=approver, changes=seen.changes(), **act)
    return decision


@pytest.fixture
def decision(assessed, owner, validator, approver) -> Decision:  # noqa: F811
    """The assessed version, approved under one condition."""
    made = decide(
        assessed.version, asker=owner, validator=validator, approver=approver, outcome="approve_with_conditions"
    )
    due = timezone.localdate() + timezone.timedelta(days=30)
    Condition.objects.create(decision=made, number=1, text="Report drift each month.", owner=owner, due=due)
    return made


@pytest.fixture
def as_auditor(sign_in, auditor):  # noqa: F811
    return sign_in(auditor)
