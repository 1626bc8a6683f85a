"""The events of the audit trail that concern a case, as JSON lines, each with the proof that it is under its seal.

As the whole log is exported (registry.audit.export), but `index`, `count` and `path` say how an event's leaf leads to
the root of its seal (RFC 6962, section 2.1.1): so a part of the log proves itself, and nothing of the rest is given.
"""

import hashlib
import json
from collections.abc import Iterator

from registry.audit import checkpoints, reading
from registry.audit.verify_log import SEAL_FIELDS
from registry.models import AuditCheckpoint, AuditEvent, AuditLeaf, AuditSeal

SCHEMA = "modelrisk.auditslice/1"
PART = 500  # keys in one query


def lines(events: set[int]) -> Iterator[bytes]:
    """events: ids. Oldest first; the control totals come last."""
    hashed, count = hashlib.sha256(), 0
    for line, is_event in _told(sorted(events)):
        hashed.update(line)
        count += is_event
        yield line
    first, last = (min(events), max(events)) if events else (None, None)
    yield _line({"type": "control", "count": count, "first": first, "last": last, "sha256": hashed.hexdigest()})


def seals_of(events: set[int]) -> list[int]:
    """The numbers of the seals that hold these events."""
    found: set[int] = set()
    for part in _parts(sorted(events)):
        found |= set(AuditLeaf.objects.filter(event_id__in=part).values_list("seal_id", flat=True))
    return sorted(found)


def checkpoints_of(seals: list[int]) -> list[AuditCheckpoint]:
    """The signed checkpoint that names each of these seals: the first at or after it."""
    rows = list(AuditCheckpoint.objects.order_by("number"))
    found = {next((row.number for row in rows if row.seal_id >= seal), None) for seal in seals}
    return [row for row in rows if row.number in found]


def checkpoint_file(row: AuditCheckpoint) -> bytes:
    """As it stands in its store."""
    return checkpoints.document(row)


def _told(events: list[int]) -> Iterator[tuple[bytes, bool]]:
    yield _line({"type": "header", "schema": SCHEMA, "complete": False}), False
    for number in seals_of(set(events)):
        seal = AuditSeal.objects.get(number=number)
        yield _line({"type": "seal", **{name: getattr(seal, name) for name in (*SEAL_FIELDS, "hash")}}), False
    tree = _Tree()
    for part in _parts(events):
        rows = AuditEvent.objects.filter(pk__in=part).select_related("leaf").order_by("pk")
        for row in rows:
            yield _line(_event(row, tree)), True


def _event(row: AuditEvent, tree: "_Tree") -> dict:
    leaf = getattr(row, "leaf", None)
    told = {"type": "event", "serial": None, "seal": None, "leaf": None, "event": reading.of_event(row)}
    if leaf is None:
        return told
    index, count, path = tree.path(leaf.seal_id, leaf.serial)
    place = {"serial": leaf.serial, "seal": leaf.seal_id, "leaf": leaf.leaf}
    return {**told, **place, "index": index, "count": count, "path": path}


class _Tree:
    """The Merkle tree of the seal that was asked about last."""

    def __init__(self) -> None:
        self.seal, self.first, self.levels = 0, 0, [[b""]]

    def path(self, seal: int, serial: int) -> tuple[int, int, list[str]]:
        """(place of the leaf in its seal, leaves of the seal, siblings up to the root in hex)"""
        if seal != self.seal:
            self._read(seal)
        index, siblings = serial - self.first, []
        place = index
        for level in self.levels[:-1]:
            if place ^ 1 < len(level):
                siblings.append(level[place ^ 1].hex())
            place //= 2
        return index, len(self.levels[0]), siblings

    def _read(self, seal: int) -> None:
        rows = list(AuditLeaf.objects.filter(seal=seal).order_by("serial").values_list("serial", "leaf"))
        level = [bytes.fromhex(leaf) for _serial, leaf in rows]
        self.seal, self.first, self.levels = seal, rows[0][0], [level]
        while len(level) > 1:
            level = [
                hashlib.sha256(b"\x01" + level[i] + level[i + 1]).digest() if i + 1 < len(level) else level[i]
                for i in range(0, len(level), 2)
            ]
            self.levels.append(level)


def _line(told: dict) -> bytes:
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _parts(keys: list) -> Iterator[list]:
    return (keys[start : start + PART] for start in range(0, len(keys), PART))
