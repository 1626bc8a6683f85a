"""Pages about models that need no assessment: register one, fetch a version's file."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from registry import actions
from registry.forms import ModelUseForm, RegisterModelForm
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


@require_http_methods(["GET", "POST"])
def context(request, slug: str) -> HttpResponse:
    """What a model is used for, and which laws look at that."""
    model = get_object_or_404(MLModel.objects.visible_to(request.user), slug=slug)
    known = {"use_case": model.use_case, "legal_contexts": model.legal_contexts, "purpose": model.purpose}
    form = ModelUseForm(request.POST or None, initial=known)
    if request.method == "POST":
        form = ModelUseForm(request.POST)
        if form.perform(lambda: actions.edit_context(model, actor=request.user, **form.cleaned_data)) is not None:
            messages.success(request, f"Recorded what {model} is used for. New assessments go by it.")
            return redirect("model", slug)
    given = {"model": model, "form": form, "reason": actions.edit_context.refusal(model, request.user)}
    return render(request, "registry/model_context.html", given, status=form.status)


@require_GET
def version_file(request, slug: str, number: int) -> HttpResponse:
    versions = ModelVersion.objects.visible_to(request.user).select_related("artifact")
    version = get_object_or_404(versions, model__slug=slug, number=number)
    return send(version.artifact, f"{slug}-v{number}.{version.format}")
