"""Events by who, what, object, act and time: the same for pages, API and exports."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from registry.models import AuditEvent, AuditMention

# Ids are drawn in the order of time, but for transactions that overlap: none is open for longer than this.
OVERLAP = timedelta(hours=1)


@dataclass(frozen=True)
class Wanted:
    """What is asked of the log; what is empty is not asked. since is within, until is not."""

    actor_name: str = ""
    action: str = ""
    object_type: str = ""
    object_id: str = ""
    object_label: str = ""
    request_id: str = ""
    refused: bool | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def anything(self) -> bool:
        return self != Wanted()


def events(wanted: Wanted) -> QuerySet[AuditEvent]:
    """Newest first. Every filter has an index that ends in the id, so that a page costs the same however deep."""
    asked = {name: value for name, value in vars(wanted).items() if value not in ("", None)}
    since, until = asked.pop("since", None), asked.pop("until", None)
    found = AuditEvent.objects.filter(**asked)
    if since is not None:
        found = found.filter(at__gte=since, pk__gte=_first_after(_moved(since, -OVERLAP)))
    if until is not None:
        found = found.filter(at__lt=until)
        beyond = _first_after(_moved(until, OVERLAP), default=None)
        found = found if beyond is None else found.filter(pk__lt=beyond)
    return found


def touching(object_type: str, object_id: str) -> QuerySet[AuditEvent]:
    """Events about a row, and events about another one that changed it too: two lists of keys, each by its index, where
    an OR of both would read the whole log."""
    of_row = {"object_type": object_type, "object_id": object_id}
    beside = AuditMention.objects.filter(**of_row).order_by().values("event")
    about = AuditEvent.objects.filter(**of_row).order_by().values("pk")
    return AuditEvent.objects.filter(pk__in=about.union(beside))


def related(event: AuditEvent, at_most: int = 50) -> list[AuditEvent]:
    """What the same request or job did besides, in order."""
    if not event.request_id:
        return []
    same = AuditEvent.objects.filter(request_id=event.request_id).exclude(pk=event.pk)
    return list(same.order_by("pk").defer("changes", "detail")[:at_most])


def _moved(moment: datetime, by: timedelta) -> datetime:
    """As far as there are dates."""
    try:
        return moment + by
    except OverflowError:
        return moment


def _first_after(moment: datetime, default: int | None = 2**62) -> int | None:
    """The id of the first event at or after a moment: a range of ids is read by the key, in any order."""
    found = AuditEvent.objects.filter(at__gte=moment).order_by("at").values_list("pk", flat=True).first()
    return default if found is None else found
