"""The case with its evidence as those who decide see it, and their votes on it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from assessments.evidence import deciding
from assessments.models import Assessment, Finding, Verdict
from assessments.views import summaries
from modelrisk.components.texts import group_text
from modelrisk.pages.case import open_places
from modelrisk.pages.history import events_of_version
from modelrisk.pages.version import visible
from registry import signing
from registry.approvals import actions, dossiers, gates, quorum, rules
from registry.approvals.deciding import APPROVING, latest_day, not_counted
from registry.case_forms import VoteForm
from registry.models import Decision, ModelVersion, Vote
from registry.refusals import PasswordNeeded


@require_http_methods(["GET", "POST"])
def review(request, slug: str, number: int) -> HttpResponse:
    """Posting signs the dossier. The button `more` records nothing: it asks for another condition."""
    found = visible(request, slug, number)
    assessed = _assessed(found)
    form = _form(request, found, _criteria(assessed["verdicts"]))
    if form.is_bound:
        vote = form.perform(lambda: actions.vote(found, actor=request.user, **form.asked()))
        if vote is not None:
            return _recorded(request, found, vote)
    case = rules.request_of(found)
    refusal = actions.vote.refusal(found, request.user)
    password_needed = isinstance(refusal, PasswordNeeded)
    context = {
        "version": found,
        "case": case,
        "form": form,
        "refusal": "" if password_needed else refusal,
        "password_needed": refusal if password_needed else "",
        "signs_until": signing.signs_until(request.user),
        "scan": found.artifact.scan,
        "waiver": (waiver := found.waiver),
        "waiver_told": waiver is not None and waiver.is_visible_to(request.user),
        "findings": Finding.objects.of_model(found.model).standing().select_related("owner", "version__model"),
        "blockers": gates.blockers(found),
        "events": events_of_version(found, request.user)[:12],
        **_signed(case),
        **assessed,
    }
    return render(request, "pages/review.html", context, status=form.status)


def _form(request, found: ModelVersion, criteria: dict[str, Verdict]) -> VoteForm:
    given = {
        "version": found,
        "outcomes": rules.outcomes(found, request.user),
        "criteria": [(key, _title(verdict)) for key, verdict in criteria.items()],
        "meaning": {
            key: {"test": verdict.test, "metric": verdict.metric, "group": verdict.group}
            for key, verdict in criteria.items()
        },
    }
    if request.method == "POST" and "more" not in request.POST:
        return VoteForm(request.POST, **given)
    typed = {name: value for name, value in request.POST.items() if name != "more"}
    if "more" in request.POST:
        typed["rows"] = str(VoteForm(request.POST, **given).row_count + 1)
    return VoteForm(initial=typed, **given)


def _recorded(request, found: ModelVersion, vote) -> HttpResponse:
    decision = Decision.objects.filter(dossier=vote.dossier).first()
    messages.success(request, f"Recorded: {vote.get_outcome_display()} {found}, by {request.user}.")
    if decision is not None:
        return redirect("decision", decision.pk)
    return redirect("review", found.model.slug, found.number)


def _signed(case) -> dict:
    """The dossier that is signed, or was, and by whom; which places of the quorum are open."""
    decision = Decision.objects.filter(request=case).select_related("dossier__frozen_by").first() if case else None
    dossier = decision.dossier if decision else case.dossiers.select_related("frozen_by").first() if case else None
    if dossier is None:
        return {"dossier": None, "decision": decision}
    is_open = case.closed_at is None
    votes = dossier.votes.filter(cleared_at=None).select_related("voter")
    return {
        "dossier": dossier,
        "decision": decision,
        "stale": dossiers.stale(dossier) if is_open else [],
        "quorum": quorum.words(case.tier),
        "votes": [(vote, not_counted(vote) if is_open and vote.outcome in APPROVING else None) for vote in votes],
        "open": open_places(case) if is_open else [],
        "void": Vote.objects.filter(dossier__request=case, cleared_at__isnull=False).count(),
        "latest_day": latest_day(case.tier),
    }


def _criteria(verdicts: list[Verdict]) -> dict[str, Verdict]:
    """Those that a condition may be checked by: what needs attention first."""
    judged = [verdict for verdict in verdicts if verdict.verdict != Verdict.Word.NOT_APPLICABLE]
    ordered = sorted(judged, key=lambda verdict: verdict.verdict not in summaries.ATTENTION)
    return {str(verdict.pk): verdict for verdict in ordered}


def _title(verdict: Verdict) -> str:
    group = f", {group_text(verdict.group)}" if verdict.group else ""
    return f"{verdict.title}{group} ({verdict.get_verdict_display()})"


def _assessed(found: ModelVersion) -> dict:
    """The assessment that a decision rests on, what needs attention in it, and what changed since the approved one."""
    assessment = deciding(found)
    verdicts = list(assessment.verdicts.all()) if assessment else []
    before = _approved_before(found)
    return {
        "assessment": assessment,
        "verdicts": verdicts,
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
