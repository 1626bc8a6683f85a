"""A row as it was on a date, rebuilt from the values before and after in the audit trail.

Each field says where its value comes from. What the log does not know it says so: it never guesses.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError

from registry import changes
from registry.audit import finding
from registry.models import AuditEvent

FIELDS = ("id", "at", "actor_name", "object_type", "object_id", "changes")
SET, LATER, TODAY = "set", "later", "today"
MEANINGS = {
    SET: "set by the event",
    LATER: "held until the event changed it",
    TODAY: "as it is today; the log holds no change of it",
}


@dataclass
class Known:
    """One field. source: set (by an event up to then), later (what a later event replaced) or today."""

    name: str
    value: Any
    source: str
    event: int | None = None
    at: datetime | None = None
    actor_name: str = ""


@dataclass
class Picture:
    """A row on a date. existed: None where the log does not tell. complete: the log reaches back to its making."""

    object_type: str
    object_id: str
    at: datetime
    existed: bool | None = None
    complete: bool = False
    fields: list[Known] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict:
        return asdict(self)


def as_of(object_type: str, object_id: str, at: datetime, *, all_names: bool = True) -> Picture:
    """The row as it was at the end of the moment `at`.

    all_names: name who acted on another row that changed this one too; not for people who may not know of that row.
    """
    picture = Picture(object_type, object_id, at)
    told = _told(object_type, object_id)
    earlier = [(event, change) for event, change in told if event.at <= at]
    later = [(event, change) for event, change in told if event.at > at]
    picture.complete = bool(told) and told[0][1]["change"] == "made"
    now = _now(object_type, object_id)
    known = _replay(earlier, picture)
    if picture.existed is None and later and later[0][1]["change"] == "made":
        picture.existed = False
        picture.notes.append(f"It was made later, at {_when(later[0][0])}.")
        return picture
    if picture.existed is not False:
        _fill_from_later(known, later)
        _fill_from_today(known, now, picture)
    if not picture.complete:
        picture.notes.append(
            "The log does not reach back to the making of this row: it holds values before and after only since they "
            "are recorded. Fields without an event are shown as they are today."
        )
    _compare_with_today(told, now, picture)
    picture.fields = [known[name] for name in sorted(known)]
    if not all_names:
        _withhold(picture, {event.pk for event, _change in told if _is_about(event, picture)})
    return picture


def _withhold(picture: Picture, own: set[int]) -> None:
    for known in picture.fields:
        if known.event not in own:
            known.event, known.actor_name = None, ""


def _is_about(event: AuditEvent, picture: Picture) -> bool:
    return (event.object_type, event.object_id) == (picture.object_type, picture.object_id)


def _told(object_type: str, object_id: str) -> list[tuple[AuditEvent, dict]]:
    """Every change of the row, oldest first."""
    events = finding.touching(object_type, object_id).order_by("pk").only(*FIELDS)
    return [
        (event, change)
        for event in events
        for change in event.changes
        if (change["type"], change["id"]) == (object_type, object_id)
    ]


def _replay(told: list[tuple[AuditEvent, dict]], picture: Picture) -> dict[str, Known]:
    known: dict[str, Known] = {}
    for event, change in told:
        picture.existed = change["change"] != "removed"
        for name, (before, after) in change["fields"].items():
            if name in known and not same(known[name].value, before):
                picture.notes.append(
                    f"{name} was {_short(before)} before event {event.pk}, though the log ended with "
                    f"{_short(known[name].value)}: it was changed in between without an event of its own."
                )
            value = before if change["change"] == "removed" else after
            known[name] = Known(name, value, SET, event.pk, event.at, event.actor_name)
    if told and picture.existed is False:
        picture.notes.append(f"It was removed at {_when(told[-1][0])}; these were its last values.")
    return known


def _fill_from_later(known: dict[str, Known], later: list[tuple[AuditEvent, dict]]) -> None:
    for event, change in later:
        for name, (before, _after) in change["fields"].items():
            known.setdefault(name, Known(name, before, LATER, event.pk, event.at, event.actor_name))


def _fill_from_today(known: dict[str, Known], now: dict | None, picture: Picture) -> None:
    if picture.existed is None and not known and now is None:
        picture.notes.append("Neither the log nor the database knows of such a row.")
        return
    for name, value in (now or {}).items():
        known.setdefault(name, Known(name, value, TODAY))


def _compare_with_today(told: list[tuple[AuditEvent, dict]], now: dict | None, picture: Picture) -> None:
    """Where the database holds another value than the log ends with, somebody wrote past the log."""
    last = {name: pair[1] for _event, change in told for name, pair in change["fields"].items()}
    removed = bool(told) and told[-1][1]["change"] == "removed"
    if told and now is None and not removed:
        picture.notes.append("The row is gone today, and no event says who removed it.")
    if now is None or removed:
        return
    for name, value in last.items():
        if name in now and not same(value, now[name]):
            picture.notes.append(
                f"Today {name} is {_short(now[name])}, though the log ends with {_short(value)}: it was changed since "
                "without an event."
            )


def same(one: Any, other: Any) -> bool:
    """Equal, whatever a person or object was called at the time."""
    return _keys(one) == _keys(other)


def _keys(value: Any) -> Any:
    if isinstance(value, list):
        return [_keys(each) for each in value]
    return value["id"] if isinstance(value, dict) and set(value) == {"id", "name"} else value


def _now(object_type: str, object_id: str) -> dict | None:
    try:
        kind = apps.get_model(object_type)
        key = kind._meta.pk.to_python(object_id)
    except (LookupError, ValueError, ValidationError):
        return None
    return changes.row_now(kind, key)


def _when(event: AuditEvent) -> str:
    return f"{event.at:%Y-%m-%d %H:%M} UTC by {event.actor_name} (event {event.pk})"


def _short(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"id", "name"}:
        return str(value["name"])
    text = "empty" if value in (None, "") else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
