"""The audit trail as a whole: the log with its filters, one event, the proof that it is complete, and exports."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from django import forms
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from modelrisk.pages.history import events_about
from modelrisk.pages.objects import KINDS, address_of, kind_of, noun_of, shown
from registry import access
from registry.action import NAMES
from registry.audit import checkpoints, checks, export, finding, sealing, verify_log
from registry.models import AuditCheck, AuditCheckpoint, AuditEvent, AuditKey, AuditSeal
from registry.refusals import BadInput, Refused
from registry.views.files import attached
from registry.views.keyset import Page, before_id

SHOWN = 10  # checkpoints and verifications
OTHER_ACTS = {"artifact.scan", "assessment.finish", "audit.key"}  # of jobs


class LogFilters(forms.Form):
    """Who, what, on which object, when. Nothing of it is required."""

    actor = forms.CharField(label="Person", required=False, max_length=150)
    kind = forms.ChoiceField(label="Kind of object", required=False)
    object = forms.CharField(label="Object", required=False, max_length=255)
    action = forms.CharField(label="Act", required=False, max_length=60)
    outcome = forms.ChoiceField(
        label="Outcome", required=False, choices=[("", "all"), ("done", "done"), ("refused", "refused")]
    )
    since = forms.DateField(label="From", required=False, widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput({"type": "date"}))

    def __init__(self, *given, **options) -> None:
        super().__init__(*given, **options)
        kinds = [(kind._meta.label_lower, kind._meta.verbose_name) for kind in KINDS.values()]
        self.fields["kind"].choices = [("", "all"), *sorted(kinds, key=lambda pair: pair[1])]
        self.fields["object"].widget.attrs["placeholder"] = "Income v3"
        self.fields["action"].widget.attrs |= {"list": "acts", "placeholder": "approval.decide"}
        for field in self.fields.values():
            field.sometimes_required = True  # no "(optional)" behind each

    def wanted(self) -> finding.Wanted:
        """Days are UTC; the last one is within. What cannot be read is left out, and its error shown."""
        self.is_valid()
        given = self.cleaned_data
        until = given.get("until")
        return finding.Wanted(
            actor_name=given.get("actor", ""),
            object_type=given.get("kind", ""),
            object_label=given.get("object", ""),
            action=given.get("action", ""),
            refused={"done": False, "refused": True}.get(given.get("outcome", "")),
            since=_midnight(given["since"]) if given.get("since") else None,
            until=_midnight(until + timedelta(days=1)) if until else None,
        )


@require_GET
def audit(request) -> HttpResponse:
    _check_reader(request.user)
    form = _filters(request)
    usable = form.is_valid()
    page = before_id(finding.events(form.wanted()).defer("detail", "changes"), request) if usable else Page([])
    query = request.GET.copy()
    query.pop("before", None)
    context = {
        "page": _with_addresses(page),
        "form": form,
        "acts": sorted(NAMES | OTHER_ACTS),
        "query": query.urlencode(),
        "filtered": usable and form.wanted().anything,
    }
    return render(request, "pages/audit.html", context, status=200 if usable else 400)


@require_GET
def event(request, pk: int) -> HttpResponse:
    """One act with everything it changed; for whoever sees the object's history."""
    found = get_object_or_404(AuditEvent.objects.select_related("leaf__seal"), pk=pk)
    reader, kind = access.sees_everything(request.user), kind_of(found.object_type)
    row = _row_of(found, kind, request.user)
    if not reader and (row is None or not events_about(kind, row, request.user).filter(pk=pk).exists()):
        raise Http404
    context = {
        "event": found,
        "about": row,
        "url": address_of(row) if row else "",
        "kind": kind,
        "changes": _changes(found, reader, request.user),
        "related": finding.related(found) if reader else [],
        "leaf": getattr(found, "leaf", None),
        "reader": reader,
    }
    return render(request, "pages/audit_event.html", context)


def _changes(found: AuditEvent, reader: bool, user) -> list[dict]:
    """That of the object itself first."""
    visible = [_with_names(change) for change in found.changes if reader or _is_visible(change, user)]
    return sorted(visible, key=lambda change: (change["type"], change["id"]) != (found.object_type, found.object_id))


def _row_of(found: AuditEvent, kind: str | None, user):
    if kind is None or not found.object_id.isdecimal():
        return None
    return KINDS[kind].objects.visible_to(user).filter(pk=found.object_id).first()


def _is_visible(change: dict, user) -> bool:
    """Rows of one file may belong to models that this person may not know of."""
    kind = kind_of(change["type"])
    return kind is None or KINDS[kind].objects.visible_to(user).filter(pk=change["id"]).exists()


@require_http_methods(["GET", "HEAD", "POST"])
def verify(request) -> HttpResponse:
    """Is the log complete and untampered; who can delete? GET shows, POST verifies again."""
    _check_reader(request.user)
    if request.method == "POST":
        checks.ask(request.user)
        return redirect("audit-verify")
    asked = list(AuditCheck.objects.select_related("asked_by")[:SHOWN])
    context = {
        "head": AuditSeal.objects.first(),
        "waiting": sealing.waiting(),
        "keys": AuditKey.objects.all()[:SHOWN],
        "place": checkpoints.where(),
        "checkpoints": AuditCheckpoint.objects.select_related("key")[:SHOWN],
        "checks": asked,
        "last": next((check for check in asked if check.finished_at), None),
        "pending": any(check.finished_at is None for check in asked),
    }
    return render(request, "pages/audit_verify.html", context)


@require_GET
def export_log(request, form: str) -> StreamingHttpResponse:
    _check_reader(request.user)
    filters = _filters(request)
    if not filters.is_valid():
        raise BadInput("A filter of this export cannot be read.", hint="Go back and correct it.")
    return sent(filters.wanted(), form)


@require_GET
def checkpoint(request, number: int) -> HttpResponse:
    _check_reader(request.user)
    found = get_object_or_404(AuditCheckpoint, pk=number)
    return _file(checkpoints.document(found), found.file_name, "application/json")


@require_GET
def verifier(request) -> HttpResponse:
    """The stand-alone program, as it is in this installation."""
    return _file(Path(verify_log.__file__).read_bytes(), "verify_log.py", "text/x-python; charset=utf-8")


def sent(wanted: finding.Wanted, form: str) -> StreamingHttpResponse:
    """An export as a download."""
    content = StreamingHttpResponse(export.stream(wanted, form), content_type=export.TYPES[form])
    return attached(content, export.file_name(wanted, form))


def _file(content: bytes, name: str, content_type: str) -> HttpResponse:
    return attached(HttpResponse(content, content_type=content_type), name)


def _filters(request) -> LogFilters:
    """NUL is in no name, and PostgreSQL cannot compare with it."""
    given = {name: text.replace("\x00", "") for name, text in request.GET.items()}
    if given.get("refused"):  # as addresses of the first releases have it
        given.setdefault("outcome", "refused")
    return LogFilters({"since": given.get("from", ""), "until": given.get("to", "")} | given)


def _check_reader(user) -> None:
    if reason := access.may_read_audit(None, user):
        raise Refused(reason)


def _midnight(day) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _with_addresses(page: Page) -> Page:
    for row in page.rows:
        row.kind = kind_of(row.object_type) if row.object_id else None
    return page


def _with_names(change: dict) -> dict:
    """A change with the words of its model and the address of its history."""
    told = change["type"]
    rows = [
        {"name": name, "before": shown(told, name, pair[0]), "after": shown(told, name, pair[1])}
        for name, pair in sorted(change["fields"].items())
    ]
    return {**change, "noun": noun_of(told), "kind": kind_of(told), "rows": rows}
