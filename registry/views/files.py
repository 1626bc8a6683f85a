"""Send a stored file: by a link to the store where it has links, otherwise in chunks."""

from django.http import HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.utils.http import content_disposition_header

from registry import storage
from registry.approvals import dossiers
from registry.models import Artifact, Dossier


def send(artifact: Artifact, filename: str) -> HttpResponse | StreamingHttpResponse:
    if url := storage.signed_url(artifact, filename):
        return HttpResponseRedirect(url)
    response = StreamingHttpResponse(storage.open_stream(artifact), content_type="application/octet-stream")
    response["Content-Length"] = str(artifact.size)
    return attached(response, filename)


def attached(response, filename: str):
    """The answer as a download under this name, taken for nothing else than what it says."""
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=filename)
    response["X-Content-Type-Options"] = "nosniff"
    return response


def send_dossier(dossier: Dossier) -> HttpResponse:
    """The document in its one canonical form: its SHA-256 is the one that was signed."""
    response = HttpResponse(dossiers.canonical(dossier.document), content_type="application/octet-stream")
    return attached(response, f"dossier-{dossier.pk}-revision-{dossier.revision}.json")
