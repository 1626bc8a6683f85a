"""A model with its versions; upload another."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from assessments.views import summaries
from registry import access, actions, contexts
from registry.forms import UploadVersionForm
from registry.models import AuditEvent, MLModel, ModelVersion


@require_http_methods(["GET", "POST"])
def model(request, slug: str) -> HttpResponse:
    found = get_object_or_404(MLModel.objects.visible_to(request.user).select_related("owner"), slug=slug)
    form = UploadVersionForm(request.POST or None, request.FILES or None)
    if request.method == "POST":
        version = form.perform(
            lambda: actions.upload_version(found, actor=request.user, **form.cleaned_data),
        )
        if version is not None:
            _tell(request, version)
            return redirect("version", slug, version.number)
    versions = list(found.versions.with_gate().select_related("artifact", "created_by"))
    latest = summaries.latest_by_version([v.pk for v in versions])
    counts = summaries.verdict_counts(a.pk for a in latest.values())
    rows = [(v, latest.get(v.pk), counts.get(latest[v.pk].pk, {}) if v.pk in latest else {}) for v in versions]
    context = {
        "model": found,
        "developers": found.developers.order_by("username"),
        "tier_confirmed": found.tier_ratings.confirmed().exists(),
        "use_case": contexts.use_cases().get(found.use_case, ""),
        "legal_contexts": [contexts.legal_contexts().get(one, one) for one in found.legal_contexts],
        "rows": rows,
        "form": form,
        "refusal": actions.upload_version.refusal(found, request.user),
        "events": AuditEvent.objects.about(found)[:8],
    }
    return render(request, "pages/model.html", context, status=form.status)


def _tell(request, version: ModelVersion) -> None:
    """What became of the upload, and what comes next."""
    if problem := access.gate_problem(version):
        messages.warning(request, f"{version} is stored and not loaded. {' '.join(problem)}")
    else:
        messages.success(request, f"{version} is stored and was read in the sandbox. Assess it next.")
