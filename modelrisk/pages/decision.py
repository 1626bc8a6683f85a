"""One decision: what was decided, by whom and in which role, on which dossier, under which conditions."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from modelrisk.pages.evidence import linked
from registry.models import Decision

OUTCOMES = {
    Decision.Outcome.APPROVE: "approved",
    Decision.Outcome.CONDITIONS: "approved with conditions",
    Decision.Outcome.REJECT: "rejected",
}


@require_GET
def decision(request, pk: int) -> HttpResponse:
    rows = Decision.objects.visible_to(request.user)
    rows = rows.select_related(
        *("dossier__frozen_by", "decided_by", "request__validated_by", "request__requested_by"),
        *("request__version__model__owner", "request__version__artifact"),
    )
    found = get_object_or_404(rows, pk=pk)
    dossier = found.dossier
    context = {
        "decision": found,
        "case": found.request,
        "version": found.request.version,
        "dossier": dossier,
        "votes": dossier.votes.filter(cleared_at=None).select_related("voter", "grant") if dossier else [],
        "void": dossier.request.dossiers.filter(revision__lt=dossier.revision).order_by("revision") if dossier else [],
        "conditions": found.conditions.select_related("owner", "settled_by"),
        "evidence": linked(dossier.document if dossier else {"evidence": found.request.evidence}),
        "outcome": OUTCOMES[found.outcome],
        "has_ended": found.valid_until is not None and found.valid_until < timezone.localdate(),
    }
    return render(request, "pages/decision.html", context)
