"""A small log in three seals, and somebody who owns the tables."""

from contextlib import contextmanager

import pytest
from django.core.files.storage import storages
from django.db import connection
from django.test import override_settings

from registry import audit
from registry.audit import sealing, triggers


@pytest.fixture(autouse=True)
def places(tmp_path):
    """Checkpoints and key of this test alone."""
    store = {
        **storages.backends,
        "audit": {"BACKEND": "registry.storage.LocalFiles", "OPTIONS": {"location": str(tmp_path / "elsewhere")}},
    }
    with override_settings(STORAGES=store, MODELRISK_AUDIT_KEY="", MODELRISK_AUDIT_KEY_PATH=tmp_path / "key.pem"):
        yield tmp_path


def write(actor, count: int, word: str = "Note") -> list:
    return [
        audit.record(actor=actor, action="note.write", obj=actor, summary=f"{word} {n}", detail={"n": n, "é": [1.5]})
        for n in range(count)
    ]


@pytest.fixture(autouse=True)
def _nothing_was_recorded(request):
    """Not even by the migrations."""
    if request.node.get_closest_marker("django_db") is None:
        return
    request.getfixturevalue("db")
    with owner_of_the_tables() as cursor:
        for table in ("auditmention", "auditleaf", "auditevent"):
            cursor.execute(f"DELETE FROM registry_{table}")


@pytest.fixture
def log(owner) -> list:
    """Nine events under three seals, and two that wait."""
    events = []
    for word in ("First", "Second", "Third"):
        events += write(owner, 3, word)
        sealing.seal()
    return events + write(owner, 2, "Waiting")


@contextmanager
def owner_of_the_tables():
    """Whoever may switch triggers and foreign keys off: the person against whom the seals are."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = replica")
        else:
            triggers.remove()
            cursor.execute("PRAGMA foreign_keys = OFF")
        try:
            yield cursor
        finally:
            if connection.vendor == "postgresql":
                cursor.execute("SET session_replication_role = origin")
            else:
                cursor.execute("PRAGMA foreign_keys = ON")
                triggers.install()
