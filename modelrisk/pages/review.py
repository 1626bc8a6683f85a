"""The approval request with its evidence, and the decision on it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from assessments.evidence import deciding
from assessments.models import Assessment, Finding, Verdict
from assessments.views import summaries
from modelrisk.pages.history import events_of_version
from modelrisk.pages.version import visible
from registry.approvals import actions as approvals
from registry.approvals import gates, rules
from registry.forms import VoteForm
from registry.models import ModelVersion


@require_http_methods(["GET", "POST"])
def review(request, slug: str, number: int) -> HttpResponse:
    found = visible(request, slug, number)
    form = VoteForm(request.POST or None, outcomes=rules.outcomes(found, request.user))
    if request.method == "POST":
        cast = form.perform(
            lambda: approvals.vote(found, actor=request.user, seen=request.POST.get("seen", ""), **form.asked()),
        )
        if cast is not None:
            messages.success(request, f"Recorded: {cast.get_outcome_display()} {found}, by {request.user}.")
            return redirect("version", slug, number)
    asked = found.approval_requests.select_related("requested_by", "decision__decided_by").first()
    context = {
        "version": found,
        "asked": asked,
        "form": form,
        "dossier": rules.dossier_of(asked),
        "refusal": rules.has_a_vote(found, request.user),
        "scan": found.artifact.scan,
        "waiver": (waiver := found.waiver),
        "waiver_told": waiver is not None and waiver.is_visible_to(request.user),
        "findings": Finding.objects.of_model(found.model).standing(),
        "blockers": gates.blockers(found),
        "events": events_of_version(found, request.user)[:12],
        **_assessed(found),
    }
    return render(request, "pages/review.html", context, status=form.status)


def _assessed(found: ModelVersion) -> dict:
    """The assessment that a decision rests on, what needs attention in it, and what changed since the approved one."""
    assessment = deciding(found)
    verdicts = list(assessment.verdicts.all()) if assessment else []
    before = _approved_before(found)
    return {
        "assessment": assessment,
        "counts": summaries.verdict_counts([assessment.pk]).get(assessment.pk, {}) if assessment else {},
        "attention": [verdict for verdict in verdicts if verdict.verdict in summaries.ATTENTION],
        "before": before,
        "changes": _changes(verdicts, before) if before else [],
    }


def _approved_before(found: ModelVersion) -> Assessment | None:
    """The newest assessment of the last approved version before this one."""
    earlier = found.model.versions.in_use().filter(number__lt=found.number).order_by("-number").first()
    if earlier is None:
        return None
    return deciding(earlier)


def _changes(verdicts: list[Verdict], before: Assessment) -> list[tuple[Verdict, Verdict | None]]:
    """Each criterion with its verdict on the approved version."""
    old = {(verdict.metric, _key(verdict)): verdict for verdict in before.verdicts.all()}
    judged = [verdict for verdict in verdicts if verdict.verdict != Verdict.Word.NOT_APPLICABLE]
    return [(verdict, old.get((verdict.metric, _key(verdict)))) for verdict in judged]


def _key(verdict: Verdict) -> tuple:
    return tuple(sorted(verdict.group.items()))
