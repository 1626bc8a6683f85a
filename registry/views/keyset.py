"""Pages of a list by the key of its last row: constant cost however deep, stable while rows are added."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import QuerySet

SIZE = 50


@dataclass(frozen=True)
class Page:
    rows: list
    next_url: str = ""
    first_url: str = ""


def after_name(rows: QuerySet, request, *, size: int = SIZE) -> Page:
    """Rows ordered by their unique name, from the one after ?after=."""
    mark = request.GET.get("after", "").replace("\x00", "")  # which PostgreSQL refuses to compare with
    rows = rows.order_by("name").filter(name__gt=mark) if mark else rows.order_by("name")
    return _page(rows, request, "after", mark, size, lambda row: row.name)


def before_id(rows: QuerySet, request, *, size: int = SIZE) -> Page:
    """Rows newest first, from the one before ?before=."""
    mark = request.GET.get("before", "")
    rows = rows.order_by("-pk")
    if mark.isdecimal() and len(mark) < 19:
        rows = rows.filter(pk__lt=int(mark))
    return _page(rows, request, "before", mark, size, lambda row: row.pk)


def _page(rows: QuerySet, request, name: str, mark: str, size: int, key) -> Page:
    found = list(rows[: size + 1])
    others = {k: v for k, v in request.GET.items() if k != name}
    more = f"?{urlencode(others | {name: key(found[size - 1])})}" if len(found) > size else ""
    first = f"?{urlencode(others)}" if mark else ""
    return Page(found[:size], more, first)
