"""Recomputes the whole log from the rows, in constant memory, and holds it against the signed checkpoints."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice

from django.db.models import Exists, Max, OuterRef
from django.utils import timezone

from registry.audit import checkpoints, reading, triggers
from registry.audit.verify_log import MOST_PROBLEMS, Entry, Report, check, read_checkpoints
from registry.models import AuditCheckpoint, AuditEvent, AuditMention, AuditSeal
from registry.refusals import Unavailable

LATE = timedelta(hours=1)  # an event this much older than the last seal should have been in one


def verify(documents: list[tuple[str, dict]] | None = None, *, key: str = "") -> Report:
    """documents: checkpoints from elsewhere as (name, content); without, those of the configured store are read.

    key: the public key that they must be signed with, in hex.
    """
    report = Report()
    said = read_checkpoints(_documents(report) if documents is None else documents, report, key)
    if absent := triggers.missing():
        report.add("trigger", f"The database no longer refuses changes: {', '.join(sorted(absent))} are missing.")
    mentions = _Mentions(report)
    with _no_search_for_cycles():
        check(mentions.beside(reading.sealed()), reading.seals(), said, report)
        mentions.end()
        _unsealed(report)
    return report


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """Millions of small objects come and go, none of them in a cycle: looking for some is a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _documents(report: Report) -> list[tuple[str, dict]]:
    try:
        found = checkpoints.documents()
    except Unavailable as error:
        report.notes.append(f"The checkpoints could not be read: {error.reason}")
        return []
    known = AuditCheckpoint.objects.count()
    if len(found) < known:
        report.add(
            "checkpoint", f"{checkpoints.where()} holds {len(found)} of the {known} checkpoints that were put there."
        )
    if not found:
        report.notes.append("There is no checkpoint yet: a log that was rewritten as a whole would not be noticed.")
    return found


def _unsealed(report: Report) -> None:
    """Events that no seal holds: waiting for the next pass, or put in past the sealer."""
    last = AuditSeal.objects.first()
    expected = None
    if last is not None:
        highest = AuditSeal.objects.aggregate(highest=Max("last_event"))["highest"] or 0
        expected = (highest, reading.instant(timezone.now() - LATE))
    for event in reading.unsealed():
        report.waiting += 1
        if expected and event["id"] < expected[0] and event["at"] < expected[1]:
            report.add("inserted", f"Event {event['id']} is under no seal, though later ones are.", event=event["id"])
    if report.waiting:
        report.notes.append(f"{report.waiting} events wait for the next seal: until then nothing proves them.")


class _Mentions:
    """The index from changed rows to events, compared with the events while they stream by, some thousand at a time."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def beside(self, entries: Iterator[Entry]) -> Iterator[Entry]:
        while part := list(islice(entries, reading.CHUNK)):
            stands: dict[int, set[tuple[str, str]]] = {}
            ids = [entry.event_id for entry in part]
            rows = AuditMention.objects.filter(event_id__gte=min(ids), event_id__lte=max(ids))  # there are few gaps
            for event, kind, key in rows.order_by().values_list("event_id", "object_type", "object_id"):
                stands.setdefault(event, set()).add((kind, key))
            for entry in part:
                self._compare(entry, stands.get(entry.event_id, set()))
                yield entry

    def _compare(self, entry: Entry, stands: set[tuple[str, str]]) -> None:
        event = entry.event
        if event is None or not (stands or event["changes"]):
            return
        about = (event["object_type"], event["object_id"])
        if stands != {(change["type"], change["id"]) for change in event["changes"]} - {about}:
            self.report.add(
                "altered",
                f"The index of the rows that event {entry.event_id} changed does not fit the event.",
                serial=entry.serial,
                event=entry.event_id,
                seal=entry.seal,
            )

    def end(self) -> None:
        gone = AuditMention.objects.filter(~Exists(AuditEvent.objects.filter(pk=OuterRef("event_id")).order_by()))
        for event in gone.order_by("event_id").values_list("event_id", flat=True).distinct()[:MOST_PROBLEMS]:
            self.report.add("removed", f"Event {event}, which the index of changed rows names, is gone.", event=event)
