"""What pages and API of an auditor's questions share: the rows that a person may ask about, files as downloads."""

from django.http import FileResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404

from assessments.models import Assessment
from modelrisk import evidence_pack
from modelrisk.questions import population
from registry.models import Decision, ModelVersion
from registry.views.files import attached


def decision_of(user, pk) -> Decision:
    """Whoever sees the version sees what was decided on it."""
    rows = Decision.objects.visible_to(user)
    related = ("request__version__model", "request__version__artifact", "decided_by", "dossier")
    return get_object_or_404(rows.select_related(*related), pk=pk)


def newest_decision(user) -> Decision | None:
    """The last one that this person sees."""
    return Decision.objects.visible_to(user).select_related("request").order_by("-pk").first()


def version_of(user, pk) -> ModelVersion:
    return get_object_or_404(ModelVersion.objects.visible_to(user).select_related("model", "artifact"), pk=pk)


def run_of(user, pk) -> Assessment:
    rows = Assessment.objects.visible_to(user)
    related = ("version__model", "version__artifact", "dataset_version__dataset", "reference__dataset")
    return get_object_or_404(rows.select_related(*related), pk=pk)


def sent_pack(version: ModelVersion, decision: Decision | None = None) -> FileResponse:
    """A pack as a download, from disk as it was made."""
    opened, digest = evidence_pack.make(version, decision)
    response = FileResponse(opened, content_type="application/zip")
    response["X-Manifest-SHA256"] = digest
    named = f"decision-{decision.pk}" if decision else f"version-{version.pk}"
    return attached(response, f"evidence-{named}-{digest[:12]}.zip")


def sent_population(period: population.Period, user) -> StreamingHttpResponse:
    content = StreamingHttpResponse(population.stream(period, user), content_type="text/csv; charset=utf-8")
    return attached(content, period.file_name)
