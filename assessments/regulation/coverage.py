"""Which clauses a version has evidence toward: tested, not tested, not applicable, stale. Never "compliant"."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from assessments.catalogue import catalogue
from assessments.models import Assessment, TestResult, Verdict
from assessments.policy import force
from assessments.regulation.clauses import Clause, Framework, clauses, frameworks
from registry.models import DatasetVersion, ModelVersion

TESTED, STALE, NOT_TESTED, NOT_APPLICABLE = STATUSES = ("tested", "stale", "not_tested", "not_applicable")
CHOICES = [(status, status.replace("_", " ")) for status in STATUSES]


@dataclass(frozen=True)
class TestEvidence:
    """What one test says of a version. `result` is its newest in a finished assessment, None where it never ran."""

    __test__ = False

    test: str
    title: str
    status: str
    reason: str
    result: TestResult | None
    counts: dict[str, int]  # {word: how many verdicts}


@dataclass(frozen=True)
class ClauseCoverage:
    clause: Clause
    status: str
    tests: list[TestEvidence]

    def those(self, *statuses: str) -> list[TestEvidence]:
        return [one for one in self.tests if one.status in statuses]

    @property
    def evidence(self) -> list[TestEvidence]:
        """What was measured, of today or stale."""
        return self.those(TESTED, STALE)

    @property
    def stale_because(self) -> list[str]:
        return list(dict.fromkeys(one.reason for one in self.those(STALE)))

    @property
    def not_tested(self) -> list[TestEvidence]:
        return self.those(NOT_TESTED)

    @property
    def not_applicable(self) -> list[TestEvidence]:
        return self.those(NOT_APPLICABLE)


@dataclass(frozen=True)
class FrameworkCoverage:
    framework: Framework
    clauses: list[ClauseCoverage]

    @property
    def counts(self) -> dict[str, int]:
        """{status: clauses}"""
        return {status: sum(found.status == status for found in self.clauses) for status in STATUSES}


def by_clause() -> dict[str, list[str]]:
    """{clause key: ids of the tests of today's catalogue that give evidence toward it}"""
    found: dict[str, list[str]] = {}
    for test, entry in catalogue().items():
        for key in entry["controls"]:
            found.setdefault(key, []).append(test)
    return found


def coverage(version: ModelVersion) -> list[FrameworkCoverage]:
    """Every framework that some test gives evidence toward, with each such clause; others need people, not tests."""
    evidence = _evidence(version)
    tests = by_clause()
    covered = [
        ClauseCoverage(clause, _status(found), found)
        for key, clause in clauses().items()
        if (found := [evidence[test] for test in tests.get(key, [])])
    ]
    rows = [
        FrameworkCoverage(framework, [one for one in covered if one.clause.framework == framework.id])
        for framework in frameworks().values()
    ]
    return [row for row in rows if row.clauses]


def clause_evidence(key: str, versions: Iterable[ModelVersion]) -> list[tuple[ModelVersion, ClauseCoverage]]:
    """The reverse: how each of these versions stands to one clause."""
    clause, tests = clauses()[key], by_clause().get(key, [])
    rows = []
    for version in versions:
        found = [one for test, one in _evidence(version).items() if test in tests]
        rows.append((version, ClauseCoverage(clause, _status(found), found)))
    return rows


def _status(tests: list[TestEvidence]) -> str:
    """One test that holds today is evidence; an old one is stale; what applies and never ran is a gap."""
    words = {one.status for one in tests}
    return next((word for word in (TESTED, STALE, NOT_TESTED) if word in words), NOT_APPLICABLE)


def _evidence(version: ModelVersion) -> dict[str, TestEvidence]:
    """By test, for every test of the catalogue."""
    results = TestResult.objects.filter(assessment__version=version, assessment__state=Assessment.State.DONE)
    results = results.order_by("pk").select_related("assessment").only(
        "test", "status", "reason", "assessment__finished_at", "assessment__dataset_version", "assessment__policy"
    )  # fmt: skip
    newest = {result.test: result for result in results}
    counts: dict[tuple[int, str], dict[str, int]] = {}
    verdicts = Verdict.objects.filter(assessment__in={result.assessment_id for result in newest.values()})
    for assessment, test, word in verdicts.values_list("assessment", "test", "verdict"):
        found = counts.setdefault((assessment, test), {})
        found[word] = found.get(word, 0) + 1
    ages = _ages({result.assessment for result in newest.values()})
    return {test: _of_test(test, entry["title"], newest.get(test), ages, counts) for test, entry in catalogue().items()}


def _of_test(test, title, result, ages, counts) -> TestEvidence:
    if result is None:
        return TestEvidence(test, title, NOT_TESTED, "Never run on this version.", None, {})
    if result.status == TestResult.Status.NOT_APPLICABLE:
        return TestEvidence(test, title, NOT_APPLICABLE, result.reason, result, {})
    if result.status != TestResult.Status.DONE:
        return TestEvidence(test, title, NOT_TESTED, result.reason, result, {})
    age = ages[result.assessment_id]
    found = counts.get((result.assessment_id, test), {})
    return TestEvidence(test, title, STALE if age else TESTED, age, result, found)


def _ages(assessments: set[Assessment]) -> dict[int, str]:
    """{assessment id: why it is no evidence for today, or nothing}"""
    today = timezone.now()
    oldest = today - timedelta(days=settings.MODELRISK_EVIDENCE_DAYS)
    now = force.in_force()
    data = DatasetVersion.objects.filter(pk__in={one.dataset_version_id for one in assessments})
    newest = dict(data.values_list("pk").annotate(newest=Max("dataset__versions__number")))
    numbers = dict(data.values_list("pk", "number"))
    ages = {}
    for one in assessments:
        reasons = []
        if one.finished_at and one.finished_at < oldest:
            reasons.append(f"It ended more than {settings.MODELRISK_EVIDENCE_DAYS} days ago.")
        if now is None or one.policy.get("sha256") != now.sha256:
            reasons.append("The policy has changed since.")
        if newest.get(one.dataset_version_id, 0) > numbers.get(one.dataset_version_id, 0):
            reasons.append("There is a newer version of its data.")
        ages[one.pk] = " ".join(reasons)
    return ages
