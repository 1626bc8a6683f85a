"""The rows of the log as they are hashed: the same from SQLite, PostgreSQL and an exported file."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from django.db import connection

from registry.audit.verify_log import EVENT_FIELDS, SEAL_FIELDS, Entry
from registry.models import AuditEvent, AuditLeaf, AuditSeal

CHUNK = 2000  # rows fetched at a time
EVENT, LEAF, SEAL = (model._meta.db_table for model in (AuditEvent, AuditLeaf, AuditSeal))
_columns = ", ".join(f"e.{name}" for name in EVENT_FIELDS)
_AT, _REFUSED = EVENT_FIELDS.index("at"), EVENT_FIELDS.index("refused")
_decode = json.JSONDecoder().raw_decode  # a third faster than json.loads: no look for white space around it
_DETAIL, _CHANGES = EVENT_FIELDS.index("detail"), EVENT_FIELDS.index("changes")


def sealed(first_serial: int = 1) -> Iterator[Entry]:
    """Every sealed event in the order of the log; the event is None where it is gone."""
    rows = _stream(
        f"SELECT l.serial, l.seal_id, l.event_id, l.leaf, {_columns} FROM {LEAF} l "  # noqa: S608 - names of ours
        f"LEFT JOIN {EVENT} e ON e.id = l.event_id WHERE l.serial >= %s ORDER BY l.serial",
        [first_serial],
    )
    for serial, seal, event_id, leaf, *row in rows:
        yield Entry(serial, seal, event_id, leaf, None if row[0] is None else as_hashed(row))


def unsealed(after_id: int = 0, limit: int | None = None) -> Iterator[dict]:
    """Events with an id above `after_id` that no seal holds, by id."""
    at_most = "" if limit is None else f" LIMIT {int(limit)}"
    rows = _stream(
        f"SELECT {_columns} FROM {EVENT} e WHERE e.id > %s "  # noqa: S608 - names of ours
        f"AND NOT EXISTS (SELECT 1 FROM {LEAF} l WHERE l.event_id = e.id) ORDER BY e.id{at_most}",
        [after_id],
    )
    return map(as_hashed, rows)


def beyond(serial: int) -> Iterator[dict]:
    """Events that have no place up to `serial`: not sealed, or sealed after it; by id."""
    rows = _stream(
        f"SELECT {_columns} FROM {EVENT} e WHERE NOT EXISTS "  # noqa: S608 - names of ours
        f"(SELECT 1 FROM {LEAF} l WHERE l.event_id = e.id AND l.serial <= %s) ORDER BY e.id",
        [serial],
    )
    return map(as_hashed, rows)


def seals() -> Iterator[dict]:
    names = [*SEAL_FIELDS, "hash"]
    for row in AuditSeal.objects.order_by("number").values_list(*names).iterator(CHUNK):
        yield dict(zip(names, row, strict=True))


def as_hashed(row) -> dict:
    """A row of EVENT_FIELDS, as the database gives it, as the dictionary that is hashed."""
    values = list(row)
    values[_AT] = instant(values[_AT])
    values[_REFUSED] = bool(values[_REFUSED])
    values[_DETAIL] = _decode(values[_DETAIL])[0]
    values[_CHANGES] = _decode(values[_CHANGES])[0]
    return dict(zip(EVENT_FIELDS, values, strict=True))


def of_event(event: AuditEvent) -> dict:
    """A row that the ORM read, as the dictionary that is hashed."""
    return {name: getattr(event, name) for name in EVENT_FIELDS} | {"at": instant(event.at)}


def instant(at: datetime) -> str:
    """UTC with six digits of the second: 2026-03-14T09:22:00.000000Z. SQLite gives UTC without saying so."""
    if at.tzinfo is not None and at.utcoffset():
        at = at.astimezone(UTC)
    return f"{at.isoformat(timespec='microseconds')[:26]}Z"


def _stream(sql: str, params: list) -> Iterator[tuple]:
    """Rows a chunk at a time; on PostgreSQL they stay on the server until they are asked for."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, params)
        while rows := cursor.fetchmany(CHUNK):
            yield from rows
