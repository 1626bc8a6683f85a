"""What a case asks of assessments: answers to what failed, plans for what was found, the policy of today."""

import pytest

from assessments.actions.assessments import start
from assessments.actions.findings import raise_finding
from assessments.models import Finding, PolicyException
from registry.approvals import dossiers, gates
from registry.approvals.gates import Stage
from tests.evidence import finish

pytestmark = pytest.mark.django_db


@pytest.fixture
def whole(version, dataset_version, owner):
    """A whole battery in which one criterion failed and one was warned about."""
    run = finish(start(version, actor=owner, dataset_version=dataset_version))
    told = {"test": "performance.discrimination", "family": "performance", "better": "higher"}
    run.verdicts.create(position=0, metric="roc_auc", title="AUC", verdict="fail", **told)
    run.verdicts.create(position=1, metric="gini", title="Gini", verdict="warn", **told)
    return run


def held_up(version, stage: Stage) -> list[str]:
    return [found.id for found in gates.blockers(version, stage) if found.id.startswith("unanswered")]


def raised(version, validator, run, **given) -> Finding:
    said = {"title": "Too weak", "description": "It hardly tells good from bad.", "severity": "observation"}
    return raise_finding(version, actor=validator, verdict=run.verdicts.get(metric="roc_auc"), **said | given)


def test_what_failed_and_nobody_answered_holds_up_the_validation_alone(whole, version):
    assert held_up(version, Stage.VALIDATE) == ["unanswered_failure"]
    assert held_up(version, Stage.SUBMIT) == []
    [found] = [one for one in gates.blockers(version, Stage.VALIDATE) if one.id == "unanswered_failure"]
    assert found.message == f"AUC failed in {whole}, and there is no finding about it."


def test_an_observation_is_answer_enough_and_a_draft_is_none(whole, version, validator):
    finding = raised(version, validator, whole, draft=True)
    assert held_up(version, Stage.VALIDATE) == ["unanswered_failure"]
    finding.delete()
    raised(version, validator, whole)
    assert held_up(version, Stage.VALIDATE) == []


def test_a_finding_of_another_criterion_answers_nothing(whole, version, validator):
    raise_finding(
        version,
        actor=validator,
        verdict=whole.verdicts.get(metric="gini"),
        title="Gini",
        description="It is low as well, and that is another thing.",
        severity="low",
    )
    assert held_up(version, Stage.VALIDATE) == ["unanswered_failure"]


def test_an_exception_in_force_is_an_answer(whole, version, owner, approver):
    PolicyException.objects.create(
        version=version, kind="failed_criterion", state="active", expiry="2099-01-01", requested_by=owner,
        approved_by=approver, subject_key="criterion:1", reason="It is a pilot.", compensating_control="By hand.",
        criterion={"test": "performance.discrimination", "metric": "roc_auc", "group": {}},
    )  # fmt: skip
    assert held_up(version, Stage.VALIDATE) == []


def test_findings_have_a_plan_before_the_decision(whole, version, validator):
    finding = raised(version, validator, whole, severity="low")
    assert held_up(version, Stage.PUT_TO_DECISION) == ["unanswered_finding"]
    Finding.objects.filter(pk=finding.pk).update(state="open")
    assert held_up(version, Stage.PUT_TO_DECISION) == []


def test_the_dossier_names_data_policies_and_runs(whole, version, dataset_version):
    told = dossiers.document(version)
    assert told["datasets"] == [
        {"id": dataset_version.pk, "name": str(dataset_version), "sha256": dataset_version.artifact.sha256}
    ]
    assert [found["kind"] for found in told["policies"]] == ["policy", "policy_in_force"]
    run = next(found for found in told["evidence"] if found["kind"] == "assessment")
    assert run["sha256"] == whole.results_sha256
    assert run["summary"]["seed"] == whole.seed
    assert run["summary"]["battery_sha256"] == whole.environment["battery_sha256"]
