"""Which clauses a version has evidence toward, and when that evidence is stale."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from assessments.battery import controls
from assessments.catalogue import catalogue
from assessments.models import Assessment, TestResult, Verdict
from assessments.policies import default_policy
from assessments.regulation import clauses
from assessments.regulation.coverage import by_clause, coverage

pytestmark = pytest.mark.django_db

FAIR = "fairness.group_metrics"
CLAUSE = controls.NYC_IMPACT_RATIO


def test_every_clause_that_a_test_names_is_known():
    named = {value for name, value in vars(controls).items() if name.isupper()}
    used = {key for entry in catalogue().values() for key in entry["controls"]}
    assert used <= named <= set(clauses.clauses())


def test_every_clause_belongs_to_a_framework_and_says_how_far_it_was_checked():
    for clause in clauses.clauses().values():
        assert clause.framework in clauses.frameworks()
        assert clause.key == f"{clause.framework}:{clause.id}"
        assert clause.verified in clauses.how_verified()


@pytest.fixture
def ended(waiting):
    """A finished assessment of today's policy in which group fairness was measured."""
    policy = default_policy()
    Assessment.objects.filter(pk=waiting.pk).update(state="done", finished_at=timezone.now(), policy=policy)
    waiting.refresh_from_db()
    waiting.results.create(test=FAIR, family="fairness", title="Group fairness", status="done")
    return waiting


def of(version, key: str = CLAUSE):
    return next(one for row in coverage(version) for one in row.clauses if one.clause.key == key)


def test_a_version_without_assessments_has_evidence_toward_nothing(version):
    found = of(version)
    assert found.status == "not_tested"
    assert {one.reason for one in found.tests} == {"Never run on this version."}


def test_a_finished_test_is_evidence_however_it_went(ended):
    position = {"position": 1, "better": "higher", "title": "t", "metric": "m", "family": "fairness"}
    Verdict.objects.create(assessment=ended, test=FAIR, verdict="fail", **position)
    found = of(ended.version)
    assert found.status == "tested"
    evidence = next(one for one in found.tests if one.test == FAIR)
    assert (evidence.status, evidence.counts, evidence.result.assessment_id) == ("tested", {"fail": 1}, ended.pk)


@pytest.mark.parametrize("state", ["queued", "running", "failed", "cancelled"])
def test_what_did_not_end_is_no_evidence(ended, state):
    Assessment.objects.update(state=state)
    assert of(ended.version).status == "not_tested"


def test_a_test_that_failed_to_run_is_no_evidence(ended):
    TestResult.objects.update(status="error", reason="It ran out of memory.")
    found = of(ended.version)
    assert found.status == "not_tested"
    assert "It ran out of memory." in {one.reason for one in found.tests}


def test_not_applicable_is_said_with_its_reason_and_only_where_nothing_else_could_be_tested(ended):
    TestResult.objects.update(status="not_applicable", reason="No sensitive column.")
    only = [key for key, tests in by_clause().items() if tests == [FAIR]]
    several = [key for key, tests in by_clause().items() if FAIR in tests and len(tests) > 1]
    for key in only:
        assert (of(ended.version, key).status, of(ended.version, key).tests[0].reason) == (
            "not_applicable",
            "No sensitive column.",
        )
    for key in several:
        assert of(ended.version, key).status == "not_tested"
    assert only or several


def test_old_evidence_is_stale(ended, settings):
    Assessment.objects.update(finished_at=timezone.now() - timedelta(days=settings.MODELRISK_EVIDENCE_DAYS + 1))
    found = of(ended.version)
    assert found.status == "stale"
    assert f"more than {settings.MODELRISK_EVIDENCE_DAYS} days ago" in found.tests[0].reason


def test_evidence_of_another_policy_is_stale(ended):
    Assessment.objects.update(policy={**default_policy(), "sha256": "0" * 64})
    assert (of(ended.version).status, of(ended.version).tests[0].reason) == ("stale", "The policy has changed since.")


def test_evidence_on_older_data_is_stale(ended, tmp_path):
    newer = ended.dataset_version
    newer.pk, newer.number = None, newer.number + 1
    newer.save()
    assert (of(ended.version).status, of(ended.version).tests[0].reason) == (
        "stale",
        "There is a newer version of its data.",
    )


def test_the_newest_run_of_a_test_counts(ended):
    first = of(ended.version).tests[0].result
    Assessment.objects.filter(pk=ended.pk).update(finished_at=timezone.now() - timedelta(days=1000))
    later = Assessment.objects.get(pk=ended.pk)
    later.pk, later.finished_at, later.idempotency_key = None, timezone.now(), None
    later.save()
    assert of(ended.version).status == "stale"
    later.results.create(test=FAIR, family="fairness", title="Group fairness", status="done")
    found = of(ended.version)
    assert found.status == "tested"
    assert next(one for one in found.tests if one.test == FAIR).result.pk > first.pk


def test_the_counts_of_a_framework_are_those_of_its_clauses(ended):
    for row in coverage(ended.version):
        assert sum(row.counts.values()) == len(row.clauses)
        assert row.counts["tested"] == sum(one.status == "tested" for one in row.clauses)


def test_the_pages_show_both_directions(client, auditor, ended):
    client.force_login(auditor)
    version = ended.version
    page = client.get(reverse("version-coverage", args=[version.model.slug, version.number])).content.decode()
    assert reverse("clause", args=[CLAUSE]) in page
    assert reverse("assessment-test", args=[ended.pk, FAIR]) in page
    clause = client.get(reverse("clause", args=[CLAUSE])).content.decode()
    assert str(version) in clause
    assert "Group fairness" in clause
    listed = client.get(reverse("regulation")).content.decode()
    assert all(reverse("clause", args=[key]) in listed for key in by_clause())


def test_a_clause_shows_only_the_models_that_the_reader_sees(client, outsider, ended):
    client.force_login(outsider)
    assert str(ended.version) not in client.get(reverse("clause", args=[CLAUSE])).content.decode()
    assert client.get(reverse("version-coverage", args=[ended.version.model.slug, 1])).status_code == 404


def test_an_unknown_clause_is_404(client, auditor):
    client.force_login(auditor)
    assert client.get("/regulation/EU-AIA:Art.999/").status_code == 404


def test_many_versions_take_few_questions(ended, django_assert_max_num_queries):
    with django_assert_max_num_queries(6):
        coverage(ended.version)
