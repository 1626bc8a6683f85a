"""Regulatory coverage over REST."""

import pytest

pytestmark = pytest.mark.django_db


def test_the_regulation_lists_every_clause_with_its_tests(call, auditor):
    told = call(auditor).get("/api/v1/regulation/").json()
    keys = {row["key"]: row["tests"] for row in told["clauses"]}
    assert "fairness.group_metrics" in keys["NYC-LL144:5-301(b)"]
    assert {row["framework"] for row in told["clauses"]} == {row["id"] for row in told["frameworks"]}


def test_a_version_tells_what_it_has_evidence_toward(call, developer, scene):
    told = call(developer).get(f"/api/v1/versions/{scene.version.pk}/coverage/").json()
    for row in told:
        assert sum(row["counts"].values()) == len(row["clauses"])
    statuses = {one["status"] for row in told for one in row["clauses"]}
    assert statuses <= {"tested", "stale", "not_tested", "not_applicable"}


def test_who_does_not_see_the_version_is_told_nothing(call, outsider, scene):
    assert call(outsider).get(f"/api/v1/versions/{scene.version.pk}/coverage/").status_code == 404
