"""The first page: what waits for you, what runs now, the inventory."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from assessments.models import Assessment
from assessments.views.assessment import with_progress
from modelrisk.pages import inventory, waiting
from registry import access
from registry.models import MLModel, ModelVersion

SHOWN_MODELS, SHOWN_WAITING = 10, 100


@require_GET
def inbox(request) -> HttpResponse:
    waits = waiting.of_request(request)
    visible = MLModel.objects.visible_to(request.user)
    context = {
        "waiting": waiting.with_evidence(waits[:SHOWN_WAITING]),
        "more": len(waits) - SHOWN_WAITING,
        "runs": _runs(request.user),
        "rows": inventory.rows(visible.order_by("name")[:SHOWN_MODELS]),
        "models": visible.count(),
        "versions": ModelVersion.objects.visible_to(request.user).count(),
        "may_register": access.may_register(None, request.user) is None,
    }
    return render(request, "pages/inbox.html", context)


@require_GET
def running(request) -> HttpResponse:
    """The fragment that the inbox polls while something runs; the last answer stops it."""
    runs = _runs(request.user)
    return render(request, "pages/_running.html", {"runs": runs}, status=200 if runs else 286)


def _runs(user) -> list[Assessment]:
    runs = Assessment.objects.visible_to(user).running().select_related("version__model", "dataset_version__dataset")
    runs = list(runs.defer("policy", "subject", "environment")[:20])
    with_progress(runs)
    return runs
