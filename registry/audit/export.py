"""The log as a file, streamed: JSON lines that verify offline, or CSV for a spreadsheet. Control totals come last.

The totals are how many events, the first id, the last id, and the SHA-256 of all bytes before the line that holds them.
"""

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from django.db.models import QuerySet

from registry.audit import finding, reading
from registry.audit.verify_log import EVENT_FIELDS, LOG, Entry
from registry.models import AuditEvent, AuditSeal

CSV, JSONL = "csv", "jsonl"
TYPES = {CSV: "text/csv; charset=utf-8", JSONL: "application/jsonl; charset=utf-8"}
COLUMNS = ("serial", "seal", *EVENT_FIELDS, "leaf")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


def stream(wanted: finding.Wanted, form: str) -> Iterator[bytes]:
    """The file in pieces. Without a filter it is the whole log in its sealed order, with the seals: JSON lines only."""
    if form == CSV:
        yield from _with_totals(_csv_lines(_entries(wanted)), _csv_totals)
        return
    lines = _filtered_lines(wanted) if wanted.anything else _whole_log()
    yield from _with_totals(lines, _json_totals)


def csv_with_totals(columns: Sequence[str], rows: Iterable[tuple[int, list]]) -> Iterator[bytes]:
    """Any population as CSV with the same control totals. rows: (id, cells)"""

    def lines() -> Iterator[tuple[int | None, bytes]]:
        yield None, _csv_line(columns)
        for pk, cells in rows:
            yield pk, _csv_line(["" if cell is None else cell for cell in cells])

    return _with_totals(lines(), lambda told: _csv_totals(told, len(columns)))


def file_name(wanted: finding.Wanted, form: str) -> str:
    return f"audit-{'filtered-' if wanted.anything else ''}{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{form}"


def _with_totals(lines: Iterator[tuple[int | None, bytes]], totals) -> Iterator[bytes]:
    """Pieces of about 64 kB. lines: (id of the event, if the line is one; the bytes)"""
    hashed, count, first, last = hashlib.sha256(), 0, None, None
    held: list[bytes] = []
    size = 0
    for event, line in lines:
        hashed.update(line)
        if event is not None:
            count, first, last = count + 1, event if first is None else first, event
        held.append(line)
        size += len(line)
        if size > 65_536:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join([*held, totals({"count": count, "first": first, "last": last, "sha256": hashed.hexdigest()})])


# --- JSON lines ---------------------------------------------------------------------------------
def _line(told: dict) -> bytes:
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _json_totals(told: dict) -> bytes:
    return _line({"type": "control", **told})


def _header(*, complete: bool, filters: dict) -> bytes:
    at = reading.instant(datetime.now(UTC))
    return _line({"type": "header", "schema": LOG, "exported_at": at, "complete": complete, "filters": filters})


def _event_line(entry: Entry) -> tuple[int, bytes]:
    told = {"type": "event", "serial": entry.serial, "seal": entry.seal, "leaf": entry.leaf, "event": entry.event}
    return entry.event_id, _line(told)


def _whole_log() -> Iterator[tuple[int | None, bytes]]:
    """Every seal up to the last one now, after its events; then what waits. An event that is gone has no line."""
    head = AuditSeal.objects.first()
    yield None, _header(complete=True, filters={})
    last_serial = head.last_serial if head else 0
    entries = reading.sealed()
    entry = next(entries, None)
    for seal in reading.seals():
        if head is None or seal["number"] > head.number:
            break
        while entry is not None and entry.seal <= seal["number"]:
            if entry.event is not None:
                yield _event_line(entry)
            entry = next(entries, None)
        yield None, _line({"type": "seal", **seal})
    for event in reading.beyond(last_serial):
        yield _event_line(Entry(None, None, event["id"], None, event))


def _filtered_lines(wanted: finding.Wanted) -> Iterator[tuple[int | None, bytes]]:
    filters = {name: _text(value) for name, value in vars(wanted).items() if value not in ("", None)}
    yield None, _header(complete=False, filters=filters)
    for entry in _entries(wanted):
        yield _event_line(entry)


def _entries(wanted: finding.Wanted) -> Iterator[Entry]:
    """Oldest first, each with its place in the log where it has one."""
    rows: QuerySet[AuditEvent] = finding.events(wanted).order_by("pk").select_related("leaf")
    for row in rows.iterator(chunk_size=reading.CHUNK):
        leaf = getattr(row, "leaf", None)
        place = (leaf.serial, leaf.seal_id) if leaf else (None, None)
        yield Entry(*place, row.pk, leaf.leaf if leaf else None, reading.of_event(row))


# --- CSV ----------------------------------------------------------------------------------------
class _Taken:
    """What csv writes to: keeps the last line."""

    line = ""

    def write(self, text: str) -> None:
        self.line = text


def _csv_lines(entries: Iterator[Entry]) -> Iterator[tuple[int | None, bytes]]:
    yield None, _csv_line(COLUMNS)
    for entry in entries:
        event = entry.event or {}
        cells = [entry.serial, entry.seal, *(_text(event[name]) for name in EVENT_FIELDS), entry.leaf]
        yield entry.event_id, _csv_line(["" if cell is None else cell for cell in cells])


def _csv_line(cells) -> bytes:
    taken = _Taken()
    csv.writer(taken).writerow([_harmless(cell) for cell in cells])
    return taken.line.encode()


def _csv_totals(told: dict, width: int = len(COLUMNS)) -> bytes:
    cells = ["control", *(f"{name}={'' if value is None else value}" for name, value in told.items())]
    return _csv_line(cells + [""] * (width - len(cells)))


def _harmless(cell):
    """A text that a spreadsheet would run as a formula gets an apostrophe before it. The JSON lines are exact."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _text(value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return reading.instant(value)
    return json.dumps(value, ensure_ascii=False)
