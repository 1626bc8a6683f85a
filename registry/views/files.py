"""Send a stored file: by a link to the store where it has links, otherwise in chunks."""

from django.http import HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.utils.http import content_disposition_header

from registry import storage
from registry.models import Artifact


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
