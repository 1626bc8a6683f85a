"""A chart as SVG, PNG or CSV: drawn by trusted code from recorded numbers, kept by their digest."""

import hashlib
import json

from django.core.cache import cache
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from assessments import charts
from assessments.models import Assessment, Chart
from assessments.stored import chart_document
from registry.refusals import BadInput

TYPES = {"svg": "image/svg+xml", "png": "image/png", "csv": "text/csv; charset=utf-8"}
# An SVG opened by itself is a document: it may style itself and nothing else.
OWN_POLICY = "default-src 'none'; style-src 'unsafe-inline'; font-src data:; img-src data:; sandbox"
A_DAY = 86_400


@require_GET
def chart(request, pk: int, chart_id: str, format: str) -> HttpResponse:
    if format not in TYPES:
        raise Http404
    assessment = get_object_or_404(Assessment.objects.visible_to(request.user).only("pk"), pk=pk)
    # Tests name their charts apart; should two not, the first is shown.
    found = Chart.objects.filter(result__assessment=assessment, chart_id=chart_id).order_by("pk").first()
    if found is None:
        raise Http404("This assessment has no such chart.")
    response = HttpResponse(_told(found, format), content_type=TYPES[format])
    # The address carries the digest of the numbers, so that it never means anything else.
    response["Cache-Control"] = "private, max-age=31536000, immutable" if "v" in request.GET else "private, no-cache"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = OWN_POLICY
    name = f"assessment-{pk}-{chart_id}.{format}"
    response["Content-Disposition"] = content_disposition_header(as_attachment=format == "csv", filename=name)
    return response


def drawn(numbers: dict, format: str) -> bytes:
    """The picture or table of a chart document, kept by its digest. Raises charts.BadChart."""
    digest = hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()
    return cache.get_or_set(f"chart:{digest}:{format}", lambda: _draw(numbers, format), A_DAY)


def _draw(numbers: dict, format: str) -> bytes:
    return charts.csv(numbers).encode() if format == "csv" else charts.draw(numbers, format=format)


def _told(found: Chart, format: str) -> bytes:
    try:
        return drawn(chart_document(found), format)
    except charts.BadChart as error:
        raise BadInput(
            str(error), code="bad_chart", hint="The numbers of the other charts are not affected."
        ) from error
