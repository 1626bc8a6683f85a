"""The database itself refuses to change or remove a row of the audit trail.

Django's own rules bind whoever goes through Django; these bind whoever holds the connection. They do not bind the owner
of the tables, who can drop them: against that person there are the checkpoints, which are kept elsewhere.

Made by a migration, and again after each migrate: on SQLite a later change of a table makes the table anew, and would
silently leave it without. Test runners that empty the tables (TransactionTestCase) use `suspended()`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection as default_connection
from django.db import connections

TABLES = (
    "registry_auditevent",
    "registry_auditmention",
    "registry_auditseal",
    "registry_auditleaf",
    "registry_auditkey",
    "registry_auditcheckpoint",
)
FUNCTION = "registry_audit_append_only"
SAID = "The audit trail is append-only: its rows are neither changed nor removed."


def install(connection=default_connection) -> None:
    """Make every trigger that is not there. A table that is not there yet is left out."""
    present = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN RAISE EXCEPTION '{SAID}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
            )
        for table, name, statement in _triggers(connection.vendor):
            if table in present and (table, name) not in _there(connection):
                cursor.execute(statement)


def ensure(*, using: str, **_) -> None:
    """Called after each migrate."""
    install(connections[using])


def missing(connection=default_connection) -> list[str]:
    """The triggers that should be there and are not, or are switched off."""
    there = _there(connection)
    return [name for table, name, _statement in _triggers(connection.vendor) if (table, name) not in there]


def remove(connection=default_connection) -> None:
    """For the way back of the migration, and for test databases."""
    with connection.cursor() as cursor:
        for table, name in _there(connection):
            on = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER {name}{on}")


@contextmanager
def suspended(connection=default_connection) -> Iterator[None]:
    """Without the triggers, for a test database that is being emptied. Nothing of the product calls this."""
    remove(connection)
    try:
        yield
    finally:
        install(connection)


def _triggers(vendor: str) -> list[tuple[str, str, str]]:
    """(table, name, statement)"""
    found = []
    for table in TABLES:
        for verb in ("UPDATE", "DELETE"):
            name = f"{table}_no_{verb.lower()}"
            if vendor == "postgresql":
                does = f"BEFORE {verb} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()"
            else:
                does = f"BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{SAID}'); END"
            found.append((table, name, f"CREATE TRIGGER {name} {does}"))
        if vendor == "postgresql":
            name = f"{table}_no_truncate"
            does = f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()"
            found.append((table, name, f"CREATE TRIGGER {name} {does}"))
    return found


def _there(connection) -> set[tuple[str, str]]:
    """(table, name) of each trigger of ours that is in force."""
    if connection.vendor == "postgresql":
        asked = (
            "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND c.relname LIKE 'registry_audit%%' "
            "AND pg_table_is_visible(c.oid)"
        )
    else:
        asked = "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'registry_audit%%'"
    with connection.cursor() as cursor:
        cursor.execute(asked, [])
        return {(table, name) for table, name in cursor.fetchall() if name.startswith(table)}
