"""Pages about models that need no assessment: register one, fetch a version's file."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from registry import actions
from registry.forms import RegisterModelForm
from registry.models import MLModel, ModelVersion
from registry.refusals import Refused
from registry.views.files import send


@require_http_methods(["GET", "POST"])
def register(request) -> HttpResponse:
    if request.method == "GET" and (reason := actions.register_model.refusal(MLModel, request.user)):
        raise Refused(reason)
    form = RegisterModelForm(request.POST or None)
    if request.method == "POST":
        model = form.perform(
            lambda: actions.register_model(MLModel, actor=request.user, **form.cleaned_data),
        )
        if model is not None:
            messages.success(request, f"{model} is registered. Add its first version.")
            return redirect("model", model.slug)
    return render(request, "registry/register_model.html", {"form": form}, status=form.status)


@require_GET
def version_file(request, slug: str, number: int) -> HttpResponse:
    versions = ModelVersion.objects.visible_to(request.user).select_related("artifact")
    version = get_object_or_404(versions, model__slug=slug, number=number)
    return send(version.artifact, f"{slug}-v{number}.{version.format}")
