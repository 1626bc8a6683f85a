"""Signed statements of where the log stands, put where the database's administrator cannot reach them.

A checkpoint names every seal since the one before, and every event of these with its leaf: so a log that was rewritten
from some point on, and fits itself, is told by its first event that is another one. It holds no content of an event.
"""

import hashlib
import json
from datetime import UTC, datetime

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection, transaction

from registry.audit import keys, reading, sealing
from registry.audit.verify_log import CHECKPOINT, NOTHING, SEAL_FIELDS, canonical, signed_bytes
from registry.models import AuditCheckpoint, AuditLeaf, AuditSeal
from registry.refusals import Unavailable
from registry.storage import answering

STORE = "audit"  # of settings.STORAGES
LOCK = 0x6D72_C4EC  # of PostgreSQL, for whoever makes a checkpoint


def make(*, actor) -> AuditCheckpoint | None:
    """Seal everything, sign where the log stands, put it outside. None where nothing was added since the last one.

    The file is written before the row: where the store does not answer, the next pass tries again.
    """
    key = keys.signing_key()
    row = keys.current(key, actor=actor)
    sealing.seal(full=True)
    with transaction.atomic():
        _alone()
        previous = AuditCheckpoint.objects.first()
        head = AuditSeal.objects.first()
        if head is None or (previous is not None and previous.seal_id == head.number and previous.key_id == row.pk):
            return None
        statement = _statement(head, previous, row.key_id)
        document = {
            "schema": CHECKPOINT,
            "statement": statement,
            "public_key": row.public_key,
            "signature": keys.signed(key, signed_bytes(statement)),
        }
        made = AuditCheckpoint(
            number=statement["number"],
            seal=head,
            events=head.last_serial,
            key=row,
            statement_sha256=hashlib.sha256(canonical(statement)).hexdigest(),
            signature=document["signature"],
            place=where(),
        )
        _put(made.file_name, document)
        made.save(force_insert=True)
        return made


def documents() -> list[tuple[str, dict]]:
    """(name, content) of every checkpoint in the store."""
    store = storages[STORE]
    with answering():
        try:
            _folders, names = store.listdir("")
        except FileNotFoundError:
            return []
        found = []
        for name in sorted(name for name in names if name.startswith("checkpoint-") and name.endswith(".json")):
            content = b"".join(store.stream(name))
            try:
                found.append((name, json.loads(content)))
            except ValueError:
                found.append((name, {}))  # which the check names as no checkpoint
        return found


def document(checkpoint: AuditCheckpoint) -> bytes:
    with answering():
        return b"".join(storages[STORE].stream(checkpoint.file_name))


def where() -> str:
    """The folder or bucket that checkpoints are put in."""
    store = storages[STORE]
    if bucket := getattr(store, "bucket_name", ""):
        days = store.lock_days
        return f"s3://{bucket}" + (f" (locked for {days} days)" if days else "")
    return str(store.location)


def _statement(head: AuditSeal, previous: AuditCheckpoint | None, key_id: str) -> dict:
    after = previous.seal_id if previous else 0
    return {
        "number": previous.number + 1 if previous else 1,
        "at": reading.instant(datetime.now(UTC)),
        "events": head.last_serial,
        "seal": head.number,
        "head": head.hash,
        "previous": previous.statement_sha256 if previous else NOTHING,
        "key": key_id,
        "seals": [_told_of(seal) for seal in AuditSeal.objects.filter(number__gt=after).order_by("number")],
    }


def _told_of(seal: AuditSeal) -> dict:
    rows = AuditLeaf.objects.filter(seal=seal).order_by("serial").values_list("event_id", "leaf")
    events, leaves = zip(*rows, strict=True) if rows else ((), ())
    fields = {name: getattr(seal, name) for name in (*SEAL_FIELDS, "hash")}
    return {**fields, "events": list(events), "leaves": list(leaves)}


def _put(name: str, content: dict) -> None:
    """Never over another one: a file of that name is somebody else's statement of the same number."""
    store = storages[STORE]
    with answering():
        if store.exists(name):
            raise Unavailable(
                f"{where()} holds a {name} that this database does not know of. Was the database set back to an "
                "earlier state? Verify the log against it before you move it away.",
                code="checkpoint_exists",
            )
        store.store(name, ContentFile(json.dumps(content, indent=1).encode()))


def _alone() -> None:
    """One at a time. SQLite: a transaction that begins IMMEDIATE is alone."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
