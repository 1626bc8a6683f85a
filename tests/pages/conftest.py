"""A whole assessed registry behind the pages: real files, the real battery (run once), real rows."""

import threading
from types import SimpleNamespace

import pytest
from django.test import Client

from assessments import leasing, runner
from assessments.actions.assessments import start
from assessments.models import Assessment

_told: list[str] = []  # what the battery said of these files and this plan; the same for every test


class Listening(runner.Child):
    """Keeps the lines, so that the next test replays them through the same recording."""

    def hear(self, line: str) -> None:
        _told.append(line)
        super().hear(line)


def run_once(assessment: Assessment) -> Assessment:
    """Bring the assessment to its end with the real battery, or with what it said the first time."""
    claimed = leasing.claim(assessment.pk)
    remaining = list(claimed.planned_tests)
    if _told:
        child = runner.Child(claimed, remaining)
        for line in _told:
            child.hear(line)
    else:
        heart = SimpleNamespace(lost=False, cancelled=False, barred=None)
        with runner.staged(claimed) as folder:
            runner.launch_battery(folder, Listening(claimed, remaining), heart, threading.Event(), 300.0)
    runner.judge(claimed)
    assessment.refresh_from_db()
    return assessment


@pytest.fixture
def assessment(model_version, dataset_version, developer) -> Assessment:
    """Started by the developer, waiting for a worker."""
    return start(model_version, actor=developer, dataset_version=dataset_version, plan_name="quick", seed=7)


@pytest.fixture
def assessed(assessment) -> Assessment:
    """The same, finished."""
    return run_once(assessment)


@pytest.fixture
def sign_in():
    """sign_in(user) -> a client of that person."""

    def signed_in(user) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture
def as_owner(sign_in, owner):
    return sign_in(owner)


@pytest.fixture
def as_developer(sign_in, developer):
    return sign_in(developer)


@pytest.fixture
def as_reviewer(sign_in, approver):
    return sign_in(approver)


@pytest.fixture(autouse=True)
def _ask_the_sandbox_once(settings):
    """The same small files are read in every test."""
    settings.MODELRISK_FILE_READER = "tests.read_once"
