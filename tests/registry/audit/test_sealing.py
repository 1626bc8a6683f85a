"""The sealer alone and among others; the key and the checkpoints."""

import subprocess
import sys
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.test import override_settings
from django_q.models import Schedule

from registry import audit
from registry.audit import checkpoints, keys, sealing, triggers, verifying
from registry.models import AuditCheckpoint, AuditEvent, AuditKey, AuditLeaf, AuditSeal
from registry.refusals import BadInput, Unavailable
from registry.roles import system_user
from tests.registry.audit.conftest import write


@pytest.mark.django_db
@pytest.mark.parametrize("actor", [None, AnonymousUser()])
def test_an_event_is_never_anonymous(actor, owner):
    with pytest.raises(ValueError, match="never anonymous"):
        audit.record(actor=actor, action="note.write", obj=owner, summary="x")


@pytest.mark.django_db
def test_batches_follow_each_other(owner, monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 4)
    events = write(owner, 10)
    assert sealing.seal() == 10
    seals = list(AuditSeal.objects.order_by("number").values_list("first_serial", "last_serial", "count"))
    assert seals == [(1, 4, 4), (5, 8, 4), (9, 10, 2)]
    assert list(AuditLeaf.objects.values_list("event_id", flat=True)) == [event.pk for event in events]
    assert sealing.seal() == 0
    assert verifying.verify().holds


@pytest.mark.django_db
def test_ids_of_what_was_rolled_back_leave_no_gap_in_the_log(owner):
    write(owner, 1)
    with transaction.atomic():
        write(owner, 2)
        transaction.set_rollback(True)
    write(owner, 1)
    assert sealing.seal() == 2
    assert list(AuditLeaf.objects.values_list("serial", flat=True)) == [1, 2]
    assert verifying.verify().holds


@pytest.mark.django_db
def test_an_event_that_commits_late_gets_a_later_place(owner):
    """Of two transactions the one that drew the smaller id may commit second."""
    events = write(owner, 3)
    late = AuditEvent.objects.get(pk=events[1].pk)
    with triggers.suspended():
        AuditEvent.objects.filter(pk=late.pk).delete()
    sealing.seal()
    late.save(force_insert=True)
    assert sealing.seal() == 1
    assert list(AuditLeaf.objects.values_list("event_id", flat=True)) == [events[0].pk, events[2].pk, late.pk]
    assert verifying.verify().holds


@pytest.mark.django_db
def test_an_event_that_commits_very_late_is_found_by_a_full_pass(owner, monkeypatch):
    monkeypatch.setattr(sealing, "LOOK_BACK", 1)
    events = write(owner, 6)
    late = AuditEvent.objects.get(pk=events[1].pk)
    with triggers.suspended():
        AuditEvent.objects.filter(pk=late.pk).delete()
    sealing.seal()
    late.save(force_insert=True)
    assert sealing.seal() == 0
    assert sealing.seal(full=True) == 1


WRITERS, EACH = 8, 20


def assert_nothing_is_lost_or_there_twice() -> None:
    """Every note that was not rolled back, once, under one seal; beside what the migration itself recorded."""
    sealing.seal(full=True)
    kept = sorted(f"{name}-{number}" for name in range(WRITERS) for number in range(EACH) if number % 10 != 9)
    notes = AuditEvent.objects.filter(action="note.write")
    assert sorted(notes.values_list("summary", flat=True)) == kept
    assert sorted(AuditLeaf.objects.filter(event__in=notes).values_list("event__summary", flat=True)) == kept
    count = AuditEvent.objects.count()
    assert list(AuditLeaf.objects.values_list("serial", flat=True)) == list(range(1, count + 1))
    report = verifying.verify()
    assert (report.holds, report.events, report.waiting) == (True, count, 0)


@pytest.mark.django_db(transaction=True)
def test_eight_writers_and_three_sealers_lose_and_duplicate_nothing(owner):
    line, done, failed = threading.Barrier(WRITERS + 3), threading.Event(), []

    def run(act):
        try:
            line.wait(timeout=60)
            act()
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    def writer(name):
        def act():
            for number in range(EACH):
                with transaction.atomic():
                    audit.record(actor=owner, action="note.write", obj=owner, summary=f"{name}-{number}")
                    if number % 10 == 9:
                        transaction.set_rollback(True)

        return act

    def sealer():
        while not done.wait(0.05):
            sealing.seal()

    writers = [threading.Thread(target=run, args=[writer(name)]) for name in range(WRITERS)]
    sealers = [threading.Thread(target=run, args=[sealer]) for _ in range(3)]
    for thread in writers + sealers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in sealers:
        thread.join()
    assert failed == []
    assert_nothing_is_lost_or_there_twice()


def at_work(act: str, *given: str) -> subprocess.Popen:
    """A process on the database of this test, which waits for a line."""
    database = str(connection.settings_dict["NAME"])
    command = [sys.executable, "-m", "tests.registry.audit.at_work", act, database, *given]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=settings.BASE_DIR)


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_eight_writing_processes_lose_and_duplicate_nothing(owner):
    """Each with connections, locks and a lifetime of its own, while three more seal."""
    writers = [at_work("write", str(name), str(EACH), owner.username) for name in range(WRITERS)]
    sealers = [at_work("seal") for _ in range(3)]
    everyone = writers + sealers
    try:
        assert {process.stdout.readline() for process in everyone} == {"ready\n"}
        for process in everyone:
            process.stdin.write("go\n")
            process.stdin.flush()
        assert {process.wait() for process in writers} == {0}
        for process in sealers:
            process.stdin.close()
        assert {process.wait() for process in sealers} == {0}
    finally:
        for process in everyone:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
    assert_nothing_is_lost_or_there_twice()


@pytest.mark.django_db
def test_triggers_are_there_and_come_back(db):
    assert triggers.missing() == []
    triggers.remove()
    assert len(triggers.missing()) >= 2 * len(triggers.TABLES)
    triggers.ensure(using="default")
    assert triggers.missing() == []


@pytest.mark.django_db
def test_sealing_is_on_the_schedule():
    names = set(Schedule.objects.filter(name__startswith="registry.audit").values_list("func", flat=True))
    assert names == {"registry.audit.tasks.seal", "registry.audit.tasks.checkpoint"}


@pytest.mark.django_db
def test_a_checkpoint_says_where_the_log_stands_and_is_signed(log, places):
    made = checkpoints.make(actor=system_user())
    (document,) = [content for _name, content in checkpoints.documents()]
    statement = document["statement"]
    head = AuditSeal.objects.first()
    assert (statement["seal"], statement["head"], statement["events"]) == (head.number, head.hash, head.last_serial)
    assert [each["number"] for each in statement["seals"]] == list(range(1, head.number + 1))
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(AuditKey.objects.get().public_key))
    message = checkpoints.signed_bytes(statement)
    public.verify(bytes.fromhex(document["signature"]), message)  # raises where it does not hold
    assert (places / "elsewhere" / made.file_name).stat().st_mode & 0o222 == 0
    assert checkpoints.make(actor=system_user()) is None


@pytest.mark.django_db
def test_checkpoints_follow_each_other(log, owner):
    checkpoints.make(actor=system_user())
    write(owner, 2)
    checkpoints.make(actor=system_user())
    report = verifying.verify()
    assert (report.holds, report.checkpoints) == (True, 2)
    assert [name for name, _content in checkpoints.documents()] == [
        "checkpoint-00000001.json",
        "checkpoint-00000002.json",
    ]


@pytest.mark.django_db
def test_a_checkpoint_is_never_overwritten(log, places):
    (places / "elsewhere").mkdir()
    (places / "elsewhere" / "checkpoint-00000001.json").write_text("{}")
    with pytest.raises(Unavailable, match="does not know of"):
        checkpoints.make(actor=system_user())
    assert not AuditCheckpoint.objects.exists()


@pytest.mark.django_db
def test_a_new_key_is_recorded_and_endorsed_by_the_old(log, places):
    checkpoints.make(actor=system_user())
    old = AuditKey.objects.get()
    fresh = keys.rotate(actor=system_user())
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(old.public_key))
    public.verify(bytes.fromhex(fresh.endorsement), keys.ENDORSED + bytes.fromhex(fresh.public_key))
    event = AuditEvent.objects.filter(action="audit.key").first()
    assert event.detail["key"] == [old.key_id, fresh.key_id]
    assert checkpoints.make(actor=system_user()).key == fresh
    report = verifying.verify()
    assert (report.holds, report.keys) == (True, [old.key_id, fresh.key_id])


@pytest.mark.django_db
def test_the_key_may_come_from_the_environment(log):
    with override_settings(MODELRISK_AUDIT_KEY="9d" * 32):
        assert keys.public_of(keys.signing_key()) == keys.public_of(keys._parsed("9d" * 32, ""))
        with pytest.raises(BadInput, match="comes from"):
            keys.rotate(actor=system_user())
    with override_settings(MODELRISK_AUDIT_KEY="a word"), pytest.raises(BadInput, match="no Ed25519"):
        checkpoints.make(actor=system_user())


@pytest.mark.django_db
def test_the_made_key_is_kept_for_this_user_only(places):
    first = keys.public_of(keys.signing_key())
    assert keys.public_of(keys.signing_key()) == first
    assert (places / "key.pem").stat().st_mode & 0o077 == 0
