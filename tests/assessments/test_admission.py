"""An assessment starts and goes on only while the gate lets the model's file be run."""

import pytest
from django.utils import timezone

from assessments import admission, leasing, runner
from assessments.actions.assessments import retry, start
from assessments.models import Assessment
from registry import waivers
from registry.models import AuditEvent, Waiver
from registry.refusals import Conflict
from tests import gate
from tests.assessments.conftest import QUICK_TESTS

pytestmark = pytest.mark.django_db


@pytest.fixture
def begin(version, dataset_version, owner):
    def started(**changes) -> Assessment:
        return start(version, actor=owner, dataset_version=dataset_version, tests=QUICK_TESTS, **changes)

    return started


@pytest.fixture
def held(version, owner):
    """The version, whose newest scan asks for a waiver."""
    gate.scanned(version.artifact, owner, "needs_waiver")
    return version


@pytest.fixture
def waived(held, security_officer) -> Waiver:
    return gate.waived(held.artifact, security_officer)


def test_what_is_allowed_runs_restricted(begin):
    assert begin().plan["model"]["trust"] == "restricted"


@pytest.mark.parametrize(
    ("verdict", "what", "hint"),
    [
        ("needs_waiver", "needs a waiver", "A security officer may grant one"),
        ("refused", "is refused by its newest scan", "Upload a file without"),
    ],
)
def test_what_the_gate_holds_is_not_started(begin, version, owner, verdict, what, hint):
    gate.scanned(version.artifact, owner, verdict)
    with pytest.raises(Conflict, match=what) as told:
        begin()
    assert hint in told.value.reason
    assert start.refusal(version, owner) == told.value.reason
    assert not Assessment.objects.exists()


def test_what_was_never_scanned_is_not_started(begin, version):
    version.artifact.scans.all().delete()
    with pytest.raises(Conflict, match="was never scanned"):
        begin()


def test_what_is_waived_runs_in_the_mode_of_a_waiver(begin, waived):
    assert begin().plan["model"]["trust"] == "waived"


def test_a_waiver_that_ended_starts_nothing(begin, waived):
    Waiver.objects.update(expires_at=timezone.now())
    with pytest.raises(Conflict, match="the last one is expired"):
        begin()


def barred(assessment: Assessment) -> Assessment:
    """Claimed and brought as far as the gate."""
    runner.execute(assessment.pk)
    assessment.refresh_from_db()
    assert (assessment.state, assessment.results.count()) == ("failed", 0)
    return assessment


def test_a_job_asks_the_gate_again_when_it_begins(begin, waived, security_officer):
    assessment = begin()
    waivers.revoke(waived, actor=security_officer, reason="The function calls home.")
    found = barred(assessment)
    assert "the last one is revoked" in found.error
    assert "A security officer may grant one" in found.hint
    assert "the last one is revoked" in AuditEvent.objects.about(found).get(action="assessment.finish").detail["error"]


def test_a_newer_scan_that_is_worse_stops_what_waits(begin, version, owner):
    assessment = begin()
    gate.scanned(version.artifact, owner, "refused")
    assert "is refused by its newest scan" in barred(assessment).error


def test_a_plan_from_before_the_waiver_is_not_run_under_it(begin, version, owner, security_officer):
    assessment = begin()
    gate.scanned(version.artifact, owner, "needs_waiver")
    gate.waived(version.artifact, security_officer)
    found = barred(assessment)
    assert "was planned when it needed none" in found.error
    assert found.hint.startswith("Start a new assessment")


def test_the_heartbeat_of_a_run_hears_that_its_waiver_is_revoked(begin, waived, security_officer, settings):
    settings.MODELRISK_LEASE_SECONDS = 0.0
    heart = leasing.Heartbeat(leasing.claim(begin().pk))
    heart._beat()
    assert heart.barred is None
    waivers.revoke(waived, actor=security_officer, reason="The function calls home.")
    heart._beat()
    assert "the last one is revoked" in heart.barred[0]


def brought_to_its_end(assessment: Assessment) -> tuple[str, bool, bool]:
    """Its tests had all finished: what is left is to judge it."""
    for test in QUICK_TESTS:
        assessment.results.create(test=test, family="performance", title=test, status="done")
    runner.execute(assessment.pk)
    assessment.refresh_from_db()
    return assessment.state, bool(assessment.results_sha256), assessment.verdicts.exists()


def test_a_waiver_revoked_after_the_last_test_leaves_no_evidence(begin, waived, security_officer):
    """The heartbeat may have looked just before."""
    held, barred = begin(), begin()
    assert brought_to_its_end(held) == ("done", True, True)
    waivers.revoke(waived, actor=security_officer, reason="The function calls home.")
    assert brought_to_its_end(barred) == ("failed", False, False)
    assert "the last one is revoked" in barred.error


def test_what_the_gate_holds_is_not_retried(begin, version, owner):
    assessment = begin()
    Assessment.objects.update(state="failed")
    assessment.refresh_from_db()
    gate.scanned(version.artifact, owner, "needs_waiver")
    with pytest.raises(Conflict, match="needs a waiver"):
        retry(assessment, actor=owner)
    assert admission.problem(assessment) is not None
