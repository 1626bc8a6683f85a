"""One revision of a dossier: what deciders sign, as it was frozen; and the bytes that its hash is over."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from modelrisk.pages.evidence import linked
from registry.approvals import dossiers
from registry.models import Dossier
from registry.views.files import send_dossier


@require_GET
def dossier(request, pk: int) -> HttpResponse:
    found = _visible(request, pk)
    is_open = found.request.closed_at is None and found.replaced_at is None
    context = {
        "dossier": found,
        "version": found.request.version,
        "decision": getattr(found, "decision", None),
        "evidence": linked(found.document),
        "votes": found.votes.select_related("voter"),
        "revisions": found.request.dossiers.order_by("revision"),
        "stale": dossiers.stale(found) if is_open else [],
    }
    return render(request, "pages/dossier.html", context)


@require_GET
def document(request, pk: int) -> HttpResponse:
    return send_dossier(_visible(request, pk))


def _visible(request, pk: int) -> Dossier:
    rows = Dossier.objects.visible_to(request.user).select_related("frozen_by", "request__version__model")
    return get_object_or_404(rows, pk=pk)
