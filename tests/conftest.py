"""The cast everybody knows, and the data the tests share."""

import gc
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections
from django.test import override_settings
from django.utils import timezone
from hypothesis import HealthCheck, settings

from registry import access, actions
from registry.audit import triggers
from registry.models import Dataset, MLModel, RoleGrant
from registry.roles import system_user
from tests import s3peer, small
from tests.required import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401 - hooks

# No test fails for being slow: the machine may be busy.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_addoption(parser):
    parser.addoption("--rows-only", action="store_true", help="only tests that read or write the database")


def pytest_collection_modifyitems(config, items):
    """For another database: what has no rows there would say the same again."""
    if config.getoption("--rows-only"):
        rest = [item for item in items if not _has_rows(item)]
        items[:] = [item for item in items if _has_rows(item)]
        config.hook.pytest_deselected(items=rest)
    if hasattr(config, "workerinput"):
        # Files of few long tests first: begun last, one worker would end long after the others.
        items.sort(key=lambda item: item.get_closest_marker("processes") is None)


def pytest_collection_finish(session):
    """What is loaded by now stays: a collection that walks it again and again is an eighth of the whole time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _has_rows(item) -> bool:
    named = {"db", "transactional_db", "live_server"} & set(getattr(item, "fixturenames", ()))
    return bool(named) or item.get_closest_marker("django_db") is not None


REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def test_databases_may_be_emptied():
    """A test that commits is followed by emptying all tables, which the triggers of the audit trail refuse."""
    patched = pytest.MonkeyPatch()
    for kind in {type(connection.ops) for connection in connections.all()}:
        empty = kind.execute_sql_flush

        def past_the_triggers(ops, statements, empty=empty):
            with triggers.suspended(ops.connection):
                empty(ops, statements)

        patched.setattr(kind, "execute_sql_flush", past_the_triggers)
    yield
    patched.undo()


def make_user(name: str, *roles: str):
    """A person with these roles, granted a year ago."""
    from django.contrib.auth import get_user_model

    user = get_user_model().objects.create_user(username=name, password="a-long-enough-password")
    give_roles(user, *roles)
    return user


def give_roles(user, *roles: str, granted_by=None) -> None:
    """Past the second person who grants them: the tests of granting are in test_people.py."""
    long_ago = timezone.now() - timedelta(days=365)
    by = granted_by or system_user()
    for role in roles:
        RoleGrant.objects.create(
            user=user, role=role, state=RoleGrant.State.IN_FORCE, reason="A test's.",
            requested_by=by, requested_at=long_ago, granted_by=by, granted_at=long_ago,
        )  # fmt: skip
    user.__dict__.pop("_modelrisk_roles", None)


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
def approver(db):
    return make_user("approver", access.APPROVER)


@pytest.fixture
def security_officer(db):
    return make_user("security_officer", access.SECURITY_OFFICER)


@pytest.fixture
def auditor(db):
    return make_user("auditor", access.AUDITOR)


@pytest.fixture
def outsider(db):
    """Signed in, with no role: must see nothing."""
    return make_user("outsider")


@pytest.fixture
def cast(owner, developer, validator, approver, security_officer, auditor, outsider):
    people = (owner, developer, validator, approver, security_officer, auditor, outsider)
    return {user.username: user for user in people}


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


@pytest.fixture(scope="session")
def s3_peer(tmp_path_factory):
    """A strict S3 server on loopback with an empty bucket; skips, with the reason, where it is not installed."""
    python = s3peer.python_of_peer()
    peer = s3peer.S3Peer(python, tmp_path_factory.mktemp("s3peer") / "s3.log")
    yield peer
    peer.stop()


@pytest.fixture(scope="session")
def small_model(tmp_path_factory) -> Path:
    """A joblib file: a fitted pipeline on three columns of `small_data`."""
    return small.write_model(tmp_path_factory.mktemp("small") / "model.joblib")


@pytest.fixture(scope="session")
def held_model(tmp_path_factory) -> Path:
    """A joblib file that needs a waiver, on the same columns."""
    return small.write_held_model(tmp_path_factory.mktemp("held") / "held.joblib")


@pytest.fixture(scope="session")
def refused_model(tmp_path_factory) -> Path:
    return small.write_refused_model(tmp_path_factory.mktemp("refused") / "evil.joblib")


@pytest.fixture(scope="session")
def small_data(tmp_path_factory) -> Path:
    """A CSV file of 240 applicants; its target is `decision`."""
    return small.write_data(tmp_path_factory.mktemp("small") / "applicants.csv")


@pytest.fixture
def registered_model(owner, developer):
    """A model of the owner's, built by the developer."""
    return actions.register_model(
        MLModel, actor=owner, name="Credit score", purpose="Credit decisions.", developers=[developer]
    )


@pytest.fixture
def model_version(registered_model, developer, small_model):
    """Its version 1, uploaded by the developer."""
    with override_settings(MODELRISK_FILE_READER="tests.read_once"):
        return actions.upload_version(registered_model, actor=developer, file=small.upload(small_model))


@pytest.fixture
def held_version(registered_model, developer, held_model):
    """A version that waits for a waiver, uploaded by the developer."""
    with override_settings(MODELRISK_FILE_READER="tests.read_once"):
        return actions.upload_version(registered_model, actor=developer, file=small.upload(held_model))


@pytest.fixture
def dataset(owner):
    return actions.register_dataset(Dataset, actor=owner, name="Applicants")


@pytest.fixture
def dataset_version(dataset, owner, small_data):
    """Its version 1; target decision, favourable label approved, sensitive columns age and sex."""
    with override_settings(MODELRISK_FILE_READER="tests.read_once"):
        return actions.upload_dataset_version(dataset, actor=owner, file=small.upload(small_data))
