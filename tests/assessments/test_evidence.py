"""What an approval hears of assessments."""

import pytest

from assessments.actions.assessments import start
from assessments.models import Assessment
from registry.approvals import gates

pytestmark = pytest.mark.django_db


def finish(assessment: Assessment, seal: str) -> None:
    Assessment.objects.filter(pk=assessment.pk).update(state="done", results_sha256=seal)


def evidence_of_assessments(version) -> list[gates.Evidence]:
    return [found for found in gates.evidence(version) if found.kind == "assessment"]


def test_a_version_that_was_never_assessed_is_blocked(version):
    assert [blocker.id for blocker in gates.blockers(version)] == ["not_assessed"]
    assert evidence_of_assessments(version) == []


def test_a_running_assessment_is_not_yet_one(waiting, version):
    assert [blocker.id for blocker in gates.blockers(version)] == ["not_assessed"]


@pytest.fixture
def batteries(version, dataset_version, owner):
    """Two whole batteries, in the queue."""
    return [start(version, actor=owner, dataset_version=dataset_version) for _ in range(2)]


def test_the_latest_finished_battery_is_the_evidence(batteries, version):
    first, second = batteries
    finish(first, "a" * 64)
    finish(second, "b" * 64)
    verdict = {"test": "t", "family": "f", "metric": "m", "title": "M", "better": "higher", "verdict": "fail"}
    second.verdicts.create(position=0, **verdict)
    [evidence] = evidence_of_assessments(version)
    assert (evidence.id, evidence.sha256) == (second.pk, "b" * 64)
    assert (evidence.summary["fail"], evidence.summary["pass"]) == (1, 0)
    assert gates.blockers(version) == []


def test_a_new_run_does_not_block_what_has_been_assessed(batteries, version):
    finish(batteries[0], "a" * 64)
    assert gates.blockers(version) == []


def test_a_few_harmless_tests_are_no_evidence(waiting, version):
    """Else a builder could hide a failing battery behind a test that passes."""
    finish(waiting, "a" * 64)
    assert evidence_of_assessments(version) == []
    assert [blocker.id for blocker in gates.blockers(version)] == ["not_assessed"]


def test_the_whole_battery_is_that_of_its_own_plan(version, dataset_version, owner):
    quick = start(version, actor=owner, dataset_version=dataset_version, plan_name="quick")
    finish(quick, "a" * 64)
    assert gates.blockers(version) == []
    quick.plan["tests"].pop()
    quick.save()
    assert [blocker.id for blocker in gates.blockers(version)] == ["not_assessed"]
