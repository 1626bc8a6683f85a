"""What an action changed, row by row and field by field, seen while it runs.

    with transaction.atomic(), changes.recorded() as seen:
        …
        audit.record(…, changes=seen.changes())

`@action` does it around every body. Single rows are seen by Django's signals, rows written in bulk by RecordedQuerySet.
Signals alone would miss `update()` and `bulk_create()` in silence; so every statement is watched as well, and one that
writes a recorded table unseen fails the action.

Recorded is every model of ours, but those that say `audited = False`; and every field, but those in a model's
`unaudited_fields`. Outside of `recorded()` nothing is seen, and nothing costs anything.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, TypeVar

from django.apps import apps
from django.db import connection, models
from django.db.models.signals import m2m_changed, post_save, pre_delete, pre_save

APPS = ("registry", "assessments")
LONGEST = 8000  # characters of a value as JSON; of a longer one its digest is kept
WRITES = re.compile(r'\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+"([^"]+)"', re.IGNORECASE)

Kind = type[models.Model]
_recorder: ContextVar["Recorder | None"] = ContextVar("recorder", default=None)


class Unrecorded(Exception):
    """A row was written where its values before and after were not seen. A fault of ours, never of the user."""


@contextmanager
def recorded() -> Iterator["Recorder"]:
    """See what is written within."""
    recorder = Recorder()
    token = _recorder.set(recorder)
    try:
        with connection.execute_wrapper(_watch):
            yield recorder
    finally:
        _recorder.reset(token)


class Recorder:
    def __init__(self) -> None:
        self.before: dict[tuple[Kind, Any], dict | None] = {}  # None: it was made here
        self.seen: set[Kind] = set()

    def made(self, kind: Kind, keys: Iterable) -> None:
        self.seen.add(kind)
        for key in keys:
            self.before.setdefault((kind, key), None)

    def will_change(self, kind: Kind, keys: Iterable) -> None:
        """Keep the rows as they are now, the first time."""
        self.seen.add(kind)
        new = [key for key in keys if (kind, key) not in self.before]
        for key, image in _images(kind, new).items():
            self.before[kind, key] = image

    def changes(self) -> list[dict]:
        """[{type, id, label, change: made | changed | removed, fields: {name: [before, after]}}], as JSON."""
        keys = defaultdict(list)
        for kind, key in self.before:
            keys[kind].append(key)
        found = []
        for kind in sorted(keys, key=lambda kind: kind._meta.label_lower):
            now = _images(kind, keys[kind])
            differing = [(key, _difference(self.before[kind, key], now.get(key))) for key in keys[kind]]
            labels = _labels_of(kind, [key for key, fields in differing if fields])
            names = _names(kind, [fields for _key, fields in differing if fields])
            for key, fields in differing:
                if fields:
                    found.append(_told(kind, key, self.before[kind, key], now.get(key), fields, labels, names))
        return found


def is_recorded(kind: Kind) -> bool:
    return kind._meta.app_label in APPS and not kind._meta.auto_created and getattr(kind, "audited", True)


def fields_of(kind: Kind) -> list[models.Field]:
    """The fields whose values are kept; the key is in every event beside them."""
    ignored = getattr(kind, "unaudited_fields", frozenset())
    return [field for field in kind._meta.concrete_fields if not field.primary_key and field.name not in ignored]


def row_now(kind: Kind, key) -> dict[str, Any] | None:
    """The recorded fields of a row now, as they would stand in an event; None where there is no such row."""
    if not is_recorded(kind):
        return {} if kind._base_manager.filter(pk=key).exists() else None
    image = _images(kind, [key]).get(key)
    if image is None:
        return None
    names = _names(kind, [{name: [value] for name, value in image.items()}])
    return {name: _value(kind, name, value, names) for name, value in image.items()}


_Row = TypeVar("_Row", bound=models.Model, covariant=True)


class RecordedQuerySet(models.QuerySet[_Row]):
    """Sees what is written in bulk, which Django sends no signal for."""

    def update(self, **values: Any) -> int:
        if recorder := _recorder_for(self.model):
            recorder.will_change(self.model, list(self.order_by().values_list("pk", flat=True)))
        return super().update(**values)

    update.alters_data = True

    def bulk_create(self, rows: Iterable, *args: Any, **options: Any) -> list[_Row]:  # type: ignore[override]
        recorder = _recorder_for(self.model)
        if recorder is None:
            return super().bulk_create(rows, *args, **options)
        recorder.seen.add(self.model)
        made = super().bulk_create(rows, *args, **options)
        if any(row.pk is None for row in made):
            raise Unrecorded(f"bulk_create of {self.model.__name__} gives no keys back with these options.")
        recorder.made(self.model, [row.pk for row in made])
        return made

    bulk_create.alters_data = True


# --- what is seen of single rows ------------------------------------------------------------------
def listen() -> None:
    """Called once, when the apps are ready. Each model by itself: a listener to all would slow down every delete."""
    for kind in filter(is_recorded, apps.get_models()):
        name = f"registry.changes.{kind._meta.label}"
        pre_save.connect(_before_save, sender=kind, dispatch_uid=name)
        post_save.connect(_after_save, sender=kind, dispatch_uid=name)
        pre_delete.connect(_before_delete, sender=kind, dispatch_uid=name)
        for field in kind._meta.many_to_many:
            m2m_changed.connect(_before_links, sender=field.remote_field.through, dispatch_uid=name)


def _before_save(sender, instance, **_) -> None:
    if recorder := _recorder_for(sender):
        recorder.seen.add(sender)
        if not instance._state.adding:
            recorder.will_change(sender, [instance.pk])


def _after_save(sender, instance, created, **_) -> None:
    if created and (recorder := _recorder_for(sender)):
        recorder.made(sender, [instance.pk])


def _before_delete(sender, instance, **_) -> None:
    if recorder := _recorder_for(sender):
        recorder.will_change(sender, [instance.pk])


def _before_links(sender, instance, action, reverse, model, pk_set, **_) -> None:
    """Many-to-many links belong to the row that declares them."""
    owner = model if reverse else type(instance)
    recorder = _recorder_for(owner)
    if recorder is None or not action.startswith("pre_"):
        return
    keys = [instance.pk] if not reverse else pk_set
    if keys is None:  # a clear() from the other side: every row that is linked
        field = next(field for field in owner._meta.many_to_many if field.remote_field.through is sender)
        keys = sender.objects.filter(**{field.m2m_reverse_field_name(): instance}).values_list(
            field.m2m_column_name(), flat=True
        )
    recorder.will_change(owner, list(keys))


def _recorder_for(kind: Kind) -> Recorder | None:
    recorder = _recorder.get()
    return recorder if recorder is not None and is_recorded(kind) else None


def _watch(execute, sql, params, many, context):
    written = WRITES.match(sql)
    recorder = _recorder.get()
    if written and recorder is not None:
        kind = _tables().get(written.group(1))
        if kind is not None and kind not in recorder.seen:
            raise Unrecorded(
                f"{kind.__name__} was written past the audit trail. Give it the manager RecordedQuerySet.as_manager(), "
                "and write with the ORM."
            )
    return execute(sql, params, many, context)


@cache
def _tables() -> dict[str, Kind]:
    """Table -> the model that it belongs to, links included."""
    found: dict[str, Kind] = {}
    for kind in apps.get_models():
        if is_recorded(kind):
            found[kind._meta.db_table] = kind
            found |= {field.m2m_db_table(): kind for field in kind._meta.many_to_many}
    return found


# --- images, and what differs ---------------------------------------------------------------------
def _images(kind: Kind, keys: list) -> dict[Any, dict[str, Any]]:
    """Rows as they are in the database: {key: {field: value}}; of a foreign key its key, of links the sorted keys."""
    if not keys:
        return {}
    fields = fields_of(kind)
    found: dict[Any, dict[str, Any]] = {}
    for part in _parts(keys):
        rows = kind._base_manager.filter(pk__in=part).values_list("pk", *(field.attname for field in fields))
        for key, *values in rows:
            found[key] = dict(zip((field.name for field in fields), values, strict=True))
    for field in kind._meta.many_to_many:
        for image in found.values():
            image[field.name] = []
        near, far = f"{field.m2m_field_name()}_id", f"{field.m2m_reverse_field_name()}_id"
        links = field.remote_field.through._base_manager.filter(**{f"{near}__in": list(found)})
        for key, other in links.order_by(far).values_list(near, far):
            found[key][field.name].append(other)
    return found


def _parts(keys: list, size: int = 500) -> Iterator[list]:
    return (keys[start : start + size] for start in range(0, len(keys), size))


def _difference(before: dict | None, after: dict | None) -> dict[str, list]:
    if before is None and after is None:
        return {}  # made and removed again
    names = (before or after or {}).keys()
    pairs = {name: [(before or {}).get(name), (after or {}).get(name)] for name in names}
    # A row that is made or removed is told whole.
    return {name: pair for name, pair in pairs.items() if before is None or after is None or pair[0] != pair[1]}


def _told(kind: Kind, key, before, after, fields: dict, labels: dict, names: dict) -> dict:
    change = "made" if before is None else "removed" if after is None else "changed"
    sides = [before is not None, after is not None]
    written = {
        name: [_value(kind, name, value, names) if there else None for value, there in zip(pair, sides, strict=True)]
        for name, pair in fields.items()
    }
    return {
        "type": kind._meta.label_lower,
        "id": str(key),
        "label": labels.get(key, str(key)),
        "change": change,
        "fields": written,
    }


def _labels_of(kind: Kind, keys: list) -> dict[Any, str]:
    """How people call the rows."""
    found = {}
    for part in _parts(keys):
        rows = kind._base_manager.filter(pk__in=part).select_related()
        found |= {row.pk: str(row)[:255] for row in rows}
    return found


def _names(kind: Kind, differing: list[dict]) -> dict[str, dict[Any, str]]:
    """{field: {key: name}} of what the changed foreign keys and links lead to."""
    found = {}
    for field in [*fields_of(kind), *kind._meta.many_to_many]:
        if field.remote_field is None:
            continue
        values = [value for fields in differing for value in fields.get(field.name, [])]
        keys = {key for value in values for key in (value if isinstance(value, list) else [value]) if key is not None}
        found[field.name] = _labels_of(field.remote_field.model, sorted(keys)) if keys else {}
    return found


def _value(kind: Kind, name: str, value: Any, names: dict) -> Any:
    if value is None:
        return None
    if name in names:
        one = [{"id": key, "name": names[name].get(key, str(key))} for key in _listed(value)]
        return one if isinstance(value, list) else one[0]
    return as_json(value)


def _listed(value: Any) -> list:
    return value if isinstance(value, list) else [value]


def as_json(value: Any) -> Any:
    """A value of a field as JSON; a very long one as {sha256, characters}."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | float):
        return value
    if not isinstance(value, str | dict | list):
        return str(value)
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))
    if len(text) <= LONGEST:
        return value
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "characters": len(text)}
