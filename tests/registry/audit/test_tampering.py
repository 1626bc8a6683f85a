"""What direct SQL can do to the log, and that each is found and named. Runs on SQLite and on PostgreSQL."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from registry.audit import checkpoints, reading, sealing, triggers, verifying
from registry.audit.verify_log import NOTHING, hash_of_seal, leaf_of, root_of
from registry.models import AuditCheckpoint, AuditEvent, AuditLeaf, AuditSeal
from registry.roles import system_user
from tests.registry.audit.conftest import owner_of_the_tables, write

pytestmark = pytest.mark.django_db


def first_problem() -> tuple:
    report = verifying.verify()
    assert not report.holds
    problem = report.problems[0]
    return problem.kind, problem.event, problem.seal


def reseal(from_number: int) -> None:
    """What a forger does who knows how the log is made: leaves, roots and chain anew, from one seal on."""
    previous = AuditSeal.objects.get(number=from_number - 1).hash if from_number > 1 else NOTHING
    with owner_of_the_tables():
        for seal in AuditSeal.objects.filter(number__gte=from_number).order_by("number"):
            rows = list(AuditLeaf.objects.filter(seal=seal).order_by("serial").select_related("event"))
            for row in rows:
                row.leaf = leaf_of(reading.of_event(row.event))
                row.save(update_fields=["leaf"])
            seal.root, seal.previous = root_of(row.leaf for row in rows), previous
            seal.count, seal.first_event, seal.last_event = len(rows), rows[0].event_id, rows[-1].event_id
            told = {field.name: getattr(seal, field.name) for field in AuditSeal._meta.fields}
            seal.hash = previous = hash_of_seal(told)
            seal.save()


def test_an_untouched_log_holds(log):
    report = verifying.verify()
    assert (report.holds, report.events, report.seals, report.waiting) == (True, 9, 3, 2)


@pytest.mark.parametrize(
    ("column", "value"),
    [("summary", "Other"), ("actor_name", "eve"), ("refused", True), ("object_id", "7"), ("session", "x")],
)
def test_an_altered_event_is_named(log, column, value):
    with owner_of_the_tables() as cursor:
        cursor.execute(f"UPDATE registry_auditevent SET {column} = %s WHERE id = %s", [value, log[4].pk])
    assert first_problem() == ("altered", log[4].pk, 2)


def test_altered_detail_and_time_are_named(log):
    with owner_of_the_tables() as cursor:
        cursor.execute("UPDATE registry_auditevent SET at = %s WHERE id = %s", ["2020-01-01 00:00:00+00", log[5].pk])
        cursor.execute("UPDATE registry_auditevent SET detail = %s WHERE id = %s", ['{"n": 9}', log[1].pk])
    report = verifying.verify()
    assert [(problem.kind, problem.event) for problem in report.problems] == [
        ("altered", log[1].pk),
        ("altered", log[5].pk),
    ]


@pytest.mark.django_db(transaction=True)  # SQLite obeys foreign keys within a transaction, whoever asks
def test_a_deleted_event_is_named(log):
    with owner_of_the_tables() as cursor:
        cursor.execute("DELETE FROM registry_auditevent WHERE id IN (%s, %s)", [log[3].pk, log[7].pk])
    assert first_problem() == ("removed", log[3].pk, 2)


def test_an_event_deleted_with_its_leaf_is_found(log):
    with owner_of_the_tables() as cursor:
        cursor.execute("DELETE FROM registry_auditleaf WHERE event_id = %s", [log[3].pk])
        cursor.execute("DELETE FROM registry_auditevent WHERE id = %s", [log[3].pk])
    problem = verifying.verify().problems[0]
    assert (problem.kind, problem.serial, problem.seal) == ("removed", 4, 2)


def test_swapped_events_are_named(log):
    one, other = log[3].pk, log[4].pk
    with owner_of_the_tables() as cursor:
        for column in ("summary", "detail"):
            cursor.execute(
                f"UPDATE registry_auditevent SET {column} = CASE id "
                f"WHEN {one} THEN (SELECT {column} FROM registry_auditevent WHERE id = {other}) "
                f"ELSE (SELECT {column} FROM registry_auditevent WHERE id = {one}) END WHERE id IN ({one}, {other})"
            )
    assert first_problem() == ("altered", one, 2)


def test_swapped_places_are_named(log):
    one, other = log[3].pk, log[4].pk
    with owner_of_the_tables() as cursor:
        leaves = dict(AuditLeaf.objects.values_list("event_id", "leaf"))
        for serial, event in ((99, one), (4, other), (5, one)):
            cursor.execute("DELETE FROM registry_auditleaf WHERE serial = %s OR event_id = %s", [serial, event])
            cursor.execute(
                "INSERT INTO registry_auditleaf (serial, seal_id, event_id, leaf) VALUES (%s, 2, %s, %s)",
                [serial, event, leaves[event]],
            )
    assert first_problem() == ("reordered", one, 2)


def test_an_event_altered_with_its_leaf_does_not_fit_the_seal(log):
    with owner_of_the_tables() as cursor:
        cursor.execute("UPDATE registry_auditevent SET summary = 'Other' WHERE id = %s", [log[4].pk])
        altered = leaf_of(reading.of_event(AuditEvent.objects.get(pk=log[4].pk)))
        cursor.execute("UPDATE registry_auditleaf SET leaf = %s WHERE event_id = %s", [altered, log[4].pk])
    report = verifying.verify()
    assert (report.problems[0].kind, report.problems[0].seal) == ("altered", 2)
    assert f"{log[3].pk} to {log[5].pk}" in report.problems[0].message


def test_a_rewritten_seal_breaks_the_chain(log):
    with owner_of_the_tables() as cursor:
        cursor.execute("UPDATE registry_auditevent SET summary = 'Other' WHERE id = %s", [log[4].pk])
    seal = AuditSeal.objects.get(number=3)
    reseal(2)
    with owner_of_the_tables() as cursor:  # the last seal set back to what it was
        cursor.execute(
            "UPDATE registry_auditseal SET previous = %s, hash = %s WHERE number = 3", [seal.previous, seal.hash]
        )
    assert first_problem() == ("seal", None, 3)


def test_a_missing_seal_is_named(log):
    with owner_of_the_tables() as cursor:
        cursor.execute("DELETE FROM registry_auditleaf WHERE seal_id = 2")
        cursor.execute("DELETE FROM registry_auditseal WHERE number = 2")
    assert first_problem() == ("removed", None, 2)


def test_a_tail_cut_off_is_found_by_the_checkpoint_only(log):
    checkpoints.make(actor=system_user())
    tail = AuditSeal.objects.get(number=3)
    with owner_of_the_tables() as cursor:
        cursor.execute("DELETE FROM registry_auditcheckpoint")
        cursor.execute("DELETE FROM registry_auditleaf WHERE serial >= %s", [tail.first_serial])
        cursor.execute("DELETE FROM registry_auditseal WHERE number >= 3")
        cursor.execute("DELETE FROM registry_auditevent WHERE id >= %s", [tail.first_event])
    assert verifying.verify([]).holds
    assert first_problem() == ("truncated", tail.first_event, 3)


def test_a_chain_rewritten_from_a_point_is_found_by_the_checkpoint_only(log):
    checkpoints.make(actor=system_user())
    with owner_of_the_tables() as cursor:
        cursor.execute("UPDATE registry_auditevent SET actor_name = 'eve' WHERE id = %s", [log[4].pk])
    reseal(2)
    assert verifying.verify([]).holds
    assert first_problem() == ("rewritten", log[4].pk, 2)


def test_a_forged_checkpoint_is_no_witness(log, places):
    checkpoints.make(actor=system_user())
    file = places / "elsewhere" / AuditCheckpoint.objects.get().file_name
    document = json.loads(file.read_text())
    document["statement"]["seals"][1]["hash"] = "0" * 64
    report = verifying.verify([(file.name, document)])
    assert [problem.kind for problem in report.problems] == ["checkpoint"]
    assert report.checkpoints == 0


def test_a_checkpoint_of_another_key_is_refused_where_the_key_is_known(log):
    checkpoints.make(actor=system_user())
    documents = checkpoints.documents()
    assert verifying.verify(documents, key=documents[0][1]["public_key"]).key_known
    assert [problem.kind for problem in verifying.verify(documents, key="ab" * 32).problems] == ["checkpoint"]


def test_a_checkpoint_removed_from_its_place_is_missed(log, places):
    checkpoints.make(actor=system_user())
    (places / "elsewhere" / AuditCheckpoint.objects.get().file_name).unlink()
    assert first_problem()[0] == "checkpoint"


def test_an_event_put_in_past_the_sealer_is_named(log, owner):
    event = write(owner, 1)[0]
    write(owner, 1)
    sealing.seal()
    with owner_of_the_tables() as cursor:
        cursor.execute("DELETE FROM registry_auditleaf WHERE event_id = %s", [event.pk])
        cursor.execute("UPDATE registry_auditevent SET at = %s WHERE id = %s", ["2020-01-01 00:00:00+00", event.pk])
    kinds = {(problem.kind, problem.event) for problem in verifying.verify().problems}
    assert ("inserted", event.pk) in kinds


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM registry_auditmention WHERE event_id = %s",
        "INSERT INTO registry_auditmention (event_id, object_type, object_id) VALUES (%s, 'registry.mlmodel', '7')",
    ],
)
def test_a_changed_index_of_rows_is_named(model_version, statement):
    event = AuditEvent.objects.get(action="version.upload")
    sealing.seal()
    assert verifying.verify().holds
    with owner_of_the_tables() as cursor:
        cursor.execute(statement, [event.pk])
    assert first_problem() == ("altered", event.pk, 1)


def test_a_dropped_trigger_is_told(log):
    triggers.remove()
    try:
        assert first_problem()[0] == "trigger"
    finally:
        triggers.install()


TABLES = [table for table in triggers.TABLES if table not in {"registry_auditkey", "registry_auditmention"}]


@pytest.mark.parametrize("verb", ["UPDATE", "DELETE", "TRUNCATE"])
@pytest.mark.parametrize("table", TABLES)
def test_the_database_refuses(log, table, verb):
    if verb == "TRUNCATE" and connection.vendor != "postgresql":
        verb = "DELETE"  # SQLite has no other way
    checkpoints.make(actor=system_user())
    statement = {
        "UPDATE": f"UPDATE {table} SET {'id = id' if table.endswith('event') else 'seal_id = seal_id'}",
        "DELETE": f"DELETE FROM {table}",
        "TRUNCATE": f"TRUNCATE {table} CASCADE",
    }[verb]
    if verb == "UPDATE" and table.endswith("seal"):
        statement = f"UPDATE {table} SET count = 0"
    connection.check_constraints()  # PostgreSQL truncates no table with checks that are put off
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_orm_is_refused_too(log):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEvent.objects.filter(pk=log[0].pk).update(summary="Other")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        log[-1].delete()


def test_the_command_names_what_it_found(log):
    out = StringIO()
    call_command("audit_verify", "--json", stdout=out)
    assert json.loads(out.getvalue())["holds"]
    with owner_of_the_tables() as cursor:
        cursor.execute("UPDATE registry_auditevent SET summary = 'Other' WHERE id = %s", [log[4].pk])
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("audit_verify", stdout=out)
    assert ended.value.code == 1
    assert f"ALTERED: Event {log[4].pk} was altered." in out.getvalue()
