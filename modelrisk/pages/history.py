"""What happened: to one object, for whoever may see it; to everything, for those who see everything."""

from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from assessments.models import Assessment, Finding
from registry import access
from registry.models import Artifact, AuditEvent, Dataset, DatasetVersion, MLModel, ModelVersion
from registry.refusals import Refused
from registry.views.keyset import before_id

KINDS = {
    "artifact": Artifact,
    "model": MLModel,
    "version": ModelVersion,
    "dataset": Dataset,
    "dataset-version": DatasetVersion,
    "assessment": Assessment,
    "finding": Finding,
}


@require_GET
def audit(request) -> HttpResponse:
    if not access.sees_everything(request.user):
        raise Refused("The whole log is for the second and third line. Each object shows its own history.")
    events = AuditEvent.objects.all()
    asked = {name: text.replace("\x00", "") for name, text in request.GET.items()}  # which PostgreSQL cannot compare
    if action := asked.get("action"):
        events = events.filter(action=action)
    if actor := asked.get("actor"):
        events = events.filter(actor_name=actor)
    if asked.get("refused"):
        events = events.filter(refused=True)
    page = before_id(events, request)
    context = {"page": page, "title": "Audit", "about": None, "whole": True, "filters": request.GET}
    return render(request, "pages/audit.html", context)


@require_GET
def history(request, kind: str, pk: int) -> HttpResponse:
    if kind not in KINDS:
        raise Http404
    found = get_object_or_404(KINDS[kind].objects.visible_to(request.user), pk=pk)
    events = _events(kind, found, request.user)
    context = {"page": before_id(events, request), "about": found, "url": address(found), "whole": False}
    return render(request, "pages/audit.html", context)


def _events(kind: str, found, user) -> QuerySet[AuditEvent]:
    if kind == "version":
        return events_of_version(found, user)
    return AuditEvent.objects.about_file(found, user) if kind == "artifact" else AuditEvent.objects.about(found)


def events_of_version(version: ModelVersion, user) -> QuerySet[AuditEvent]:
    """Its own events, those of its assessments and findings, and those of its file as far as this user may know."""
    runs = [str(pk) for pk in version.assessments.values_list("pk", flat=True)]
    own = Q(object_type=ModelVersion._meta.label_lower, object_id=str(version.pk))
    own |= Q(object_type=Assessment._meta.label_lower, object_id__in=runs)
    issues = [str(pk) for pk in version.findings.values_list("pk", flat=True)]
    own |= Q(object_type=Finding._meta.label_lower, object_id__in=issues)
    return AuditEvent.objects.about_file(version.artifact, user, or_else=own)


def address(found) -> str:
    """The page of an object."""
    arguments = {
        Artifact: lambda: ("artifact", [found.sha256]),
        MLModel: lambda: ("model", [found.slug]),
        ModelVersion: lambda: ("version", [found.model.slug, found.number]),
        Dataset: lambda: ("dataset", [found.slug]),
        DatasetVersion: lambda: ("dataset-version", [found.dataset.slug, found.number]),
        Assessment: lambda: ("assessment", [found.pk]),
        Finding: lambda: ("finding", [found.pk]),
    }[type(found)]
    name, args = arguments()
    return reverse(name, args=args)
