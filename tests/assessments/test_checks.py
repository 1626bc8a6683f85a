"""The system checks."""

import pytest
from django.core import checks

from assessments import checks as ours


def errors(monkeypatch, version: str) -> list[str]:
    monkeypatch.setattr(ours.metadata, "version", lambda name: version)
    return [found.id for found in checks.run_checks(tags=[checks.Tags.security]) if found.id == "modelrisk.E001"]


@pytest.mark.parametrize("version", ["1.5.2", "1.5.99", "0.17", "1", "unknown"])
def test_an_older_joblib_is_refused(monkeypatch, version):
    assert errors(monkeypatch, version) == ["modelrisk.E001"]


@pytest.mark.parametrize("version", ["1.6.0", "1.6.0rc1", "1.10.1", "2.0"])
def test_a_recent_joblib_is_not(monkeypatch, version):
    assert errors(monkeypatch, version) == []


def test_no_joblib_at_all_is_refused(monkeypatch):
    def absent(name):
        raise ours.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(ours.metadata, "version", absent)
    assert "not installed" in ours.joblib_is_recent()[0].msg


def test_the_installed_one_is_recent():
    assert ours.joblib_is_recent() == []
