"""Datasets: the list, one with its versions, one version with its columns."""

from django.contrib import messages
from django.db.models import Count, Max
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from registry import actions
from registry.forms import ColumnsForm, RegisterDatasetForm, RelationForm, UploadDatasetForm
from registry.models import AuditEvent, Dataset, DatasetVersion, Relation
from registry.refusals import Refused
from registry.relations import judge_relation
from registry.views.files import send
from registry.views.keyset import after_name

ORDER = [Relation.State.CONFIRMED, Relation.State.SUGGESTED, Relation.State.DISMISSED]


@require_GET
def datasets(request) -> HttpResponse:
    found = Dataset.objects.visible_to(request.user).select_related("owner")
    found = found.annotate(version_count=Count("versions"), newest=Max("versions__number"))
    page = after_name(found, request)
    refusal = actions.register_dataset.refusal(Dataset, request.user)
    return render(request, "registry/datasets.html", {"page": page, "may_register": refusal is None})


@require_http_methods(["GET", "POST"])
def register(request) -> HttpResponse:
    if request.method == "GET" and (reason := actions.register_dataset.refusal(Dataset, request.user)):
        raise Refused(reason)
    form = RegisterDatasetForm(request.POST or None)
    if request.method == "POST":
        dataset = form.perform(
            lambda: actions.register_dataset(Dataset, actor=request.user, **form.cleaned_data),
        )
        if dataset is not None:
            messages.success(request, f"{dataset} is registered. Upload its first file.")
            return redirect("dataset", dataset.slug)
    return render(request, "registry/register_dataset.html", {"form": form}, status=form.status)


@require_http_methods(["GET", "POST"])
def dataset(request, slug: str) -> HttpResponse:
    found = get_object_or_404(Dataset.objects.visible_to(request.user).select_related("owner"), slug=slug)
    form = UploadDatasetForm(request.POST or None, request.FILES or None)
    if request.method == "POST":
        version = form.perform(lambda: _upload(request, found, form.cleaned_data))
        if version is not None:
            messages.success(request, f"{version} is stored and profiled. Check how its columns were read.")
            return redirect("dataset-version", slug, version.number)
    context = {
        "dataset": found,
        "versions": found.versions.select_related("artifact", "created_by").prefetch_related("columns"),
        "form": form,
        "refusal": actions.upload_dataset_version.refusal(found, request.user),
        "events": AuditEvent.objects.about(found)[:8],
    }
    return render(request, "registry/dataset.html", context, status=form.status)


def _upload(request, found: Dataset, given: dict) -> DatasetVersion:
    return actions.upload_dataset_version(
        found,
        actor=request.user,
        file=given["file"],
        target=given["target"] or None,
        favourable=given["favourable"] or None,
    )


@require_http_methods(["GET", "POST"])
def dataset_version(request, slug: str, number: int) -> HttpResponse:
    version = _version(request, slug, number)
    form = ColumnsForm(request.POST or None, version=version)
    if request.method == "POST":
        changed = form.perform(
            lambda: actions.edit_columns(
                version, actor=request.user, columns=form.edits(), favourable=form.cleaned_data["favourable"]
            )
        )
        if changed is not None:
            messages.success(request, "The columns are recorded. Assessments started from now on use them.")
            return redirect("dataset-version", slug, number)
    return _shown(request, version, form, RelationForm(), form.status)


@require_POST
def relation(request, slug: str, number: int) -> HttpResponse:
    """Confirm or dismiss a relation, or write a new one."""
    version = _version(request, slug, number)
    form = RelationForm(request.POST)
    judged = form.perform(lambda: judge_relation(version, actor=request.user, **form.cleaned_data))
    if judged is None:
        return _shown(request, version, ColumnsForm(version=version), form, form.status)
    messages.success(request, f"The relation “{judged}” is {judged.get_state_display()}.")
    return redirect(reverse("dataset-version", args=[slug, number]) + "#relations")


def _shown(
    request, version: DatasetVersion, form: ColumnsForm, relation_form: RelationForm, status: int
) -> HttpResponse:
    context = {
        "version": version,
        "form": form,
        "relation_form": relation_form,
        "relations": sorted(version.relations.all(), key=lambda found: ORDER.index(found.state)),
        "refusal": actions.edit_columns.refusal(version, request.user),
        "events": AuditEvent.objects.about(version)[:8],
    }
    return render(request, "registry/dataset_version.html", context, status=status)


@require_GET
def dataset_file(request, slug: str, number: int) -> HttpResponse:
    version = _version(request, slug, number)
    return send(version.artifact, f"{slug}-v{number}.{version.format}")


def _version(request, slug: str, number: int) -> DatasetVersion:
    versions = DatasetVersion.objects.visible_to(request.user)
    versions = versions.select_related("dataset__owner", "artifact", "created_by").prefetch_related("columns")
    return get_object_or_404(versions, dataset__slug=slug, number=number)
