"""The cast everybody knows, and the data the tests share."""

from pathlib import Path

import pytest
from django.contrib.auth.models import Group

from registry import access
from tests.required import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401 - hooks

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def make_user(name: str, *roles: str):
    from django.contrib.auth import get_user_model

    user = get_user_model().objects.create_user(username=name, password="a-long-enough-password")
    user.groups.set([Group.objects.get_or_create(name=role)[0] for role in roles])
    return user


@pytest.fixture
def owner(db):
    return make_user("owner", access.OWNER)


@pytest.fixture
def developer(db):
    return make_user("developer", access.DEVELOPER)


@pytest.fixture
def validator(db):
    return make_user("validator", access.VALIDATOR)


@pytest.fixture
def reviewer(db):
    return make_user("reviewer", access.REVIEWER)


@pytest.fixture
def auditor(db):
    return make_user("auditor", access.AUDITOR)


@pytest.fixture
def outsider(db):
    """Signed in, with no role: must see nothing."""
    return make_user("outsider")


@pytest.fixture
def cast(owner, developer, validator, reviewer, auditor, outsider):
    return {user.username: user for user in (owner, developer, validator, reviewer, auditor, outsider)}


def real_data(name: str) -> Path:
    """A file of the real data sets; skips, with the reason, where they are not at hand."""
    path = REAL_DATA / name
    if not path.exists():
        pytest.skip(f"needs {name} in ../shared/data, which is not part of the project")
    return path


@pytest.fixture(scope="session")
def adult_csv() -> Path:
    return real_data("adult.csv")


@pytest.fixture(scope="session")
def german_csv() -> Path:
    return real_data("german_credit.csv")
