"""Every model with what is in use, how it stands with the policy, and its approval."""

from collections.abc import Iterable

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from assessments.battery.spec import FAMILIES
from assessments.views import summaries
from registry import access
from registry.models import Decision, MLModel, ModelVersion
from registry.views.keyset import after_name


@require_GET
def models(request) -> HttpResponse:
    wanted = request.GET.get("q", "").replace("\x00", "").strip()
    found = MLModel.objects.visible_to(request.user)
    if wanted:
        found = found.filter(Q(name__icontains=wanted) | Q(domain__icontains=wanted))
    page = after_name(found, request)
    context = {
        "page": page,
        "rows": rows(page.rows),
        "wanted": wanted,
        "may_register": access.may_register(None, request.user) is None,
    }
    return render(request, "pages/models.html", context)


def rows(models: Iterable[MLModel]) -> list[dict]:
    """A row a model, in a fixed number of queries."""
    models = list(models)
    versions = list(ModelVersion.objects.filter(model__in=models).order_by("number").defer("estimator", "notes"))
    latest = summaries.latest_by_version([v.pk for v in versions], states=["done"])
    worst = summaries.worst_by_family(a.pk for a in latest.values())
    ends = dict(
        Decision.objects.filter(request__version__in=versions)
        .order_by("pk")
        .values_list("request__version", "valid_until")
    )
    by_model = {model.pk: [v for v in versions if v.model_id == model.pk] for model in models}
    return [_row(model, by_model[model.pk], latest, worst, ends) for model in models]


def _row(model: MLModel, versions: list[ModelVersion], latest: dict, worst: dict, ends: dict) -> dict:
    in_use = next((v for v in reversed(versions) if v.approval_status.startswith("approved")), None)
    newest = versions[-1] if versions else None
    assessed = next((latest[v.pk] for v in reversed(versions) if v.pk in latest), None)
    found = worst.get(assessed.pk, {}) if assessed else {}
    return {
        "model": model,
        "in_use": in_use,
        "valid_until": ends.get(in_use.pk) if in_use else None,
        "newest": newest,
        "assessed": assessed,
        "families": [(family, found.get(family)) for family in FAMILIES],
    }
