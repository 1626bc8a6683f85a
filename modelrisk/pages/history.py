"""What happened to one object, and how it was on a date: for whoever may see it."""

from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_GET

from assessments.models import Assessment
from modelrisk.pages.objects import KINDS, address_of, shown
from registry import access
from registry.audit.as_of import MEANINGS, as_of
from registry.models import AuditEvent, ModelVersion
from registry.views.keyset import before_id


@require_GET
def history(request, kind: str, pk: int) -> HttpResponse:
    found = row_of(request.user, kind, pk)
    events = events_about(kind, found, request.user).defer("detail", "changes")
    context = {"page": before_id(events, request), "about": found, "url": address_of(found), "kind": kind}
    return render(request, "pages/history.html", context)


@require_GET
def as_of_day(request, kind: str, pk: int) -> HttpResponse:
    """The object at the end of a day, UTC; without a day, now."""
    found = row_of(request.user, kind, pk)
    day, wrong = _day(request.GET.get("on", ""))
    ended = datetime.combine(day, time(), tzinfo=UTC) + timedelta(days=1, microseconds=-1)
    at = min(ended, timezone.now())
    picture = as_of(found._meta.label_lower, str(found.pk), at, all_names=access.sees_everything(request.user))
    rows = [
        (known, shown(picture.object_type, known.name, known.value), MEANINGS[known.source]) for known in picture.fields
    ]
    context = {"picture": picture, "rows": rows, "about": found, "url": address_of(found), "kind": kind}
    context |= {"day": day, "wrong": wrong, "whole_day": at == ended}
    return render(request, "pages/as_of.html", context, status=400 if wrong else 200)


def row_of(user, kind: str, pk: int):
    """The row of this kind that the user may see; 404 for any other."""
    if kind not in KINDS:
        raise Http404
    return get_object_or_404(KINDS[kind].objects.visible_to(user), pk=pk)


def events_about(kind: str, found, user) -> QuerySet[AuditEvent]:
    if kind == "version":
        return events_of_version(found, user)
    return AuditEvent.objects.about_file(found, user) if kind == "artifact" else AuditEvent.objects.about(found)


def events_of_version(version: ModelVersion, user) -> QuerySet[AuditEvent]:
    """Its own events, those of its file as far as this user may know them, and those of its assessments."""
    runs = [str(pk) for pk in version.assessments.values_list("pk", flat=True)]
    own = Q(object_type=ModelVersion._meta.label_lower, object_id=str(version.pk))
    own |= Q(object_type=Assessment._meta.label_lower, object_id__in=runs)
    return AuditEvent.objects.about_file(version.artifact, user, or_else=own)


def _day(asked: str) -> tuple[date, str]:
    """(the day, what is wrong with what was asked)"""
    today = timezone.now().date()
    try:
        day = parse_date(asked) if asked else today
    except ValueError:
        day = None
    if day is None or not 1900 < day.year < 9000:
        return today, f"{asked[:40]!r} is no date. Write it as {today.isoformat()}."
    return day, ""
