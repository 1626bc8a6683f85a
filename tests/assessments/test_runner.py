"""An assessment through the real battery in the real sandbox, and what of it is kept."""

import pytest

from assessments import runner, stored
from assessments.actions.assessments import start
from assessments.models import Assessment
from assessments.results import digest
from registry.models import AuditEvent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
TESTS = ["performance.threshold_metrics", "performance.discrimination"]


@pytest.fixture
def assessment(version, dataset_version, owner):
    return start(version, actor=owner, dataset_version=dataset_version, tests=TESTS, seed=7, plan_name="quick")


def run(assessment: Assessment) -> Assessment:
    runner.execute(assessment.pk)
    assessment.refresh_from_db()
    return assessment


def test_it_runs_to_its_end(assessment):
    found = run(assessment)
    assert (found.state, found.error, found.attempt) == ("done", "", 1)
    assert {result.test: result.status for result in found.results.all()} == dict.fromkeys(TESTS, "done")
    assert found.results_sha256 == digest(stored.document(found))
    assert found.lease_until is None
    assert AuditEvent.objects.about(found).filter(action="assessment.finish", actor__username="system").count() == 1
