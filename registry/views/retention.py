"""Retention: the schedule with what is due under it, how one file stands, a legal hold, a purge."""

from itertools import islice

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from registry import access
from registry.forms import ActionForm, LongSelect
from registry.models import Artifact, AuditEvent, Dataset, LegalHold, MLModel, Purge
from registry.refusals import Refused
from registry.retention import holds, purging, rules
from registry.retention.standing import due, standing
from registry.views.keyset import before_id

LISTED = 50  # files that are due


class WhyForm(ActionForm):
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), help_text="It is kept with your name.")


class HoldForm(WhyForm):
    model = forms.ModelChoiceField(MLModel.objects.none(), required=False, empty_label="No model", widget=LongSelect)
    dataset = forms.ModelChoiceField(
        Dataset.objects.none(), required=False, empty_label="No dataset", widget=LongSelect
    )
    field_order = ["model", "dataset", "reason"]

    def __init__(self, *given, user, **options):
        super().__init__(*given, **options)
        self.fields["model"].queryset = MLModel.objects.visible_to(user)
        self.fields["dataset"].queryset = Dataset.objects.visible_to(user)
        self.fields["reason"].help_text = "Which matter asks for it."


class AskForm(WhyForm):
    early = forms.BooleanField(
        required=False,
        label="It is special-category data that has served: purge it before the other rules end",
        help_text="Results, digest and the event of the purge stay. Nothing can be run on it any more.",
    )
    field_order = ["early", "reason"]


@require_http_methods(["GET", "POST"])
def retention(request) -> HttpResponse:
    """For those who see every model. Posting places a legal hold."""
    _check_reader(request.user)
    form = HoldForm(request.POST or None, user=request.user)
    if request.method == "POST":
        hold = form.perform(lambda: holds.place_hold(LegalHold, actor=request.user, **form.cleaned_data))
        if hold is not None:
            messages.success(request, f"Recorded: {hold}, by {request.user}. Nothing of it is purged.")
            return redirect("retention")
    purges = Purge.objects.select_related("artifact", "asked_by", "settled_by")
    context = {
        "schedule": rules.schedule(),
        "rules": rules.rules(),
        "holds": LegalHold.objects.in_force().select_related("model", "dataset", "placed_by"),
        "hold_form": form,
        "hold_refusal": holds.place_hold.refusal(LegalHold, request.user),
        "due": list(islice(due(), LISTED)),
        "waiting": purges.filter(state__in=purging.OPEN),
        "page": before_id(purges.filter(state=Purge.State.PURGED), request),
    }
    return render(request, "registry/retention.html", context, status=form.status)


@require_http_methods(["GET", "POST"])
def stored_file(request, sha256: str) -> HttpResponse:
    """What keeps one file. Posting asks for its purge."""
    found = get_object_or_404(Artifact.objects.visible_to(request.user), sha256=sha256)
    _check_reader(request.user)
    form = AskForm(request.POST or None)
    if request.method == "POST":
        made = form.perform(lambda: purging.ask_for_purge(found, actor=request.user, **form.cleaned_data))
        if made is not None:
            messages.success(request, f"Recorded: {made} is asked for, by {request.user}. A second person confirms it.")
            return redirect("purge", made.pk)
    stands = standing(found)
    refusal = purging.ask_for_purge.refusal(found, request.user)
    if stands.early and purging.ask_for_purge.refusal(found, request.user, early=True) is None:
        form.fields["early"].initial, refusal = refusal is not None, None
    else:
        del form.fields["early"]
    purges = found.purges.select_related("asked_by", "settled_by")
    context = {"artifact": found, "standing": stands, "form": form, "refusal": refusal, "purges": purges}
    return render(request, "registry/retention_file.html", context, status=form.status)


@require_http_methods(["GET", "POST"])
def legal_hold(request, pk: int) -> HttpResponse:
    """One hold with its history. Posting lifts it."""
    rows = LegalHold.objects.visible_to(request.user)
    found = get_object_or_404(rows.select_related("model", "dataset", "placed_by", "lifted_by"), pk=pk)
    form = WhyForm(request.POST or None)
    if request.method == "POST":
        lifted = form.perform(lambda: holds.lift_hold(found, actor=request.user, **form.cleaned_data))
        if lifted is not None:
            messages.success(request, f"Recorded: {lifted} is lifted, by {request.user}.")
            return redirect("legal-hold", pk)
    context = {"hold": found, "form": form, "refusal": holds.lift_hold.refusal(found, request.user)}
    context["events"] = AuditEvent.objects.about(found)
    return render(request, "registry/legal_hold.html", context, status=form.status)


@require_GET
def purge(request, pk: int) -> HttpResponse:
    return _purge_page(request, _purge(request, pk))


@require_POST
def confirm(request, pk: int) -> HttpResponse:
    """As the second person; the bytes go."""
    note = request.POST.get("note", "").replace("\x00", "")[:5000]
    done = purging.confirm_purge(_purge(request, pk), actor=request.user, note=note)
    messages.success(request, f"Purged, by {done.asked_by} and {request.user}. The digest stays.")
    return redirect("purge", pk)


@require_POST
def refuse(request, pk: int) -> HttpResponse:
    found, form = _purge(request, pk), WhyForm(request.POST)
    refused = form.perform(lambda: purging.refuse_purge(found, actor=request.user, **form.cleaned_data))
    if refused is None:
        return _purge_page(request, found, form=form)
    messages.success(request, f"Recorded: {refused} is refused, by {request.user}. The file stays.")
    return redirect("purge", pk)


def _purge(request, pk: int) -> Purge:
    rows = Purge.objects.visible_to(request.user).select_related("artifact", "asked_by", "settled_by")
    return get_object_or_404(rows, pk=pk)


def _purge_page(request, found: Purge, form: WhyForm | None = None) -> HttpResponse:
    form, is_open = form or WhyForm(), found.state in purging.OPEN
    context = {
        "purge": found,
        "form": form,
        "kept_by": standing(found.artifact).kept_by if is_open and not found.early else [],
        "may_not_confirm": purging.confirm_purge.refusal(found, request.user) if is_open else None,
        "may_not_refuse": purging.refuse_purge.refusal(found, request.user) if is_open else "It has ended.",
        "events": AuditEvent.objects.about(found.artifact).filter(detail__purge=found.pk),
    }
    return render(request, "registry/purge.html", context, status=form.status)


def _check_reader(user) -> None:
    if reason := access.may_read_audit(None, user):
        raise Refused(reason)
