"""Puts events under seals: one Merkle root for each batch, each seal holding the hash of the seal before.

Any number of workers may call `seal()` at any time. On PostgreSQL an advisory lock lets one in; on SQLite a transaction
that writes is alone. The keys of the tables are the second wall: a number, a place and a predecessor are there once.

Events commit in another order than their ids were drawn. A pass looks LOOK_BACK ids below the highest that is sealed
for late ones; a full pass (`manage.py audit_seal`, and each checkpoint) looks at all.
"""

from datetime import UTC, datetime

from django.db import connection, transaction
from django.db.models import Max

from registry.audit import reading
from registry.audit.verify_log import NOTHING, hash_of_seal, leaf_of, root_of
from registry.models import AuditLeaf, AuditSeal

BATCH = 10_000  # events in one seal at most
LOOK_BACK = 20_000  # ids
LOCK = 0x6D72_5EA1  # of PostgreSQL, for the sealer


def seal(*, full: bool = False) -> int:
    """Seal what is not sealed yet; returns how many events were. 0 also where another sealer is at work."""
    count = 0
    while sealed := _seal_batch(full):
        count += sealed
        if sealed < BATCH:
            break
    return count


@transaction.atomic
def _seal_batch(full: bool) -> int:
    if not _alone():
        return 0
    last = AuditSeal.objects.order_by("-number").first()
    events = list(reading.unsealed(0 if full else _floor(), BATCH))
    if not events:
        return 0
    leaves = [leaf_of(event) for event in events]
    made = _sealed(last, [event["id"] for event in events], leaves)
    AuditLeaf.objects.bulk_create(
        [
            AuditLeaf(serial=serial, seal=made, event_id=event["id"], leaf=leaf)
            for serial, (event, leaf) in enumerate(zip(events, leaves, strict=True), made.first_serial)
        ],
        batch_size=2000,
    )
    return len(events)


def waiting(at_most: int = 1000) -> int:
    """How many events wait for the next pass; counts no further than `at_most`."""
    return sum(1 for _event in reading.unsealed(_floor(), at_most))


def _floor() -> int:
    highest = AuditSeal.objects.aggregate(highest=Max("last_event"))["highest"] or 0
    return max(0, highest - LOOK_BACK)


def _sealed(last: AuditSeal | None, ids: list[int], leaves: list[str]) -> AuditSeal:
    first_serial = last.last_serial + 1 if last else 1
    told = {
        "number": last.number + 1 if last else 1,
        "first_serial": first_serial,
        "last_serial": first_serial + len(ids) - 1,
        "first_event": ids[0],
        "last_event": ids[-1],
        "count": len(ids),
        "root": root_of(leaves),
        "previous": last.hash if last else NOTHING,
        "at": reading.instant(datetime.now(UTC)),
    }
    return AuditSeal.objects.create(**told, hash=hash_of_seal(told))


def _alone() -> bool:
    """Whether this transaction is the one sealer. SQLite: the first write below would wait for, or refuse, another."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])
