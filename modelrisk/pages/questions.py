"""The auditor's questions as pages: the list, and those answers that no other page gives."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from modelrisk.answers import decision_of, newest_decision, run_of, sent_population
from modelrisk.questions import asked, past, population, reproduction, standing
from modelrisk.questions.api import inputs_of
from registry import access
from registry.models import Decision
from registry.refusals import BadInput, Refused

CHOICES = 200  # decisions to choose from, and rows of an answer that a page shows


class DayForm(forms.Form):
    on = forms.DateField(label="At the end of", required=False, widget=forms.DateInput({"type": "date"}))


class PeriodForm(forms.Form):
    since = forms.DateField(label="From", required=False, widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(label="To, within", required=False, widget=forms.DateInput({"type": "date"}))

    def period(self) -> population.Period:
        """A year up to today where nothing is given. Raises BadInput where a day cannot be read."""
        if not self.is_valid():
            raise BadInput("A day cannot be read.", hint="Write it as 2026-03-14.")
        last, first = self.cleaned_data["until"] or timezone.localdate(), self.cleaned_data["since"]
        return population.Period(first, last) if first else population.Period.of_year(last)


@require_GET
def questions(request) -> HttpResponse:
    """Those about a decision are asked of the one that is chosen; of the newest where none is."""
    _check_reader(request.user)
    chosen = request.GET.get("decision", "")
    decision = decision_of(request.user, int(chosen)) if chosen.isdecimal() and len(chosen) < 19 else None
    decision = decision or newest_decision(request.user)
    rows = Decision.objects.visible_to(request.user)
    rows = rows.select_related("request__version__model").order_by("-pk")[:CHOICES]
    context = {"decision": decision, "rows": rows, "asked": asked.asked_of(decision)}
    return render(request, "questions/questions.html", context)


@require_GET
def findings_on(request) -> HttpResponse:
    _check_reader(request.user)
    form = DayForm(request.GET or None)
    usable = not form.is_bound or form.is_valid()
    day = (form.cleaned_data["on"] if form.is_bound and usable else None) or timezone.localdate()
    found = past.findings_on(day, request.user, at_most=CHOICES)
    context = {"form": form, "found": found, "ages": [name for _most, name in past.AGES]}
    return render(request, "questions/findings_on.html", context, status=200 if usable else 400)


@require_GET
def expired_in_use(request) -> HttpResponse:
    _check_reader(request.user)
    return render(request, "questions/expired_in_use.html", {"found": standing.expired_in_use(request.user)})


@require_GET
def without_approval(request) -> HttpResponse:
    _check_reader(request.user)
    return render(request, "questions/without_approval.html", {"found": standing.without_approval(request.user)})


@require_GET
def population_of(request) -> HttpResponse:
    """The decisions of a period to look at; the CSV has every column and the control totals."""
    _check_reader(request.user)
    form = PeriodForm(request.GET or None)
    period = form.period() if form.is_bound else PeriodForm({}).period()
    if not form.is_bound:
        form = PeriodForm(initial={"since": period.first, "until": period.last})
    found = population.decisions(period, request.user)
    context = {"form": form, "period": period, "count": found.count(), "rows": found.prefetch_related(None)[:CHOICES]}
    return render(request, "questions/population.html", context)


@require_GET
def population_file(request) -> HttpResponse:
    _check_reader(request.user)
    return sent_population(PeriodForm(request.GET).period(), request.user)


@require_http_methods(["GET", "POST"])
def reproduce(request, pk: int) -> HttpResponse:
    """Posting runs it again, for who may assess the version."""
    run = run_of(request.user, pk)
    if request.method == "POST":
        started = reproduction.run_again(run, actor=request.user)
        messages.success(request, f"{started} runs it again with the same seed. Its digest is compared here.")
        return redirect("reproduce", pk)
    context = {
        "run": run,
        "command": reproduction.command_of(run),
        "inputs": inputs_of(run),
        "repeated": reproduction.repeated(run),
        "refusal": reproduction.refusal(run, request.user),
    }
    return render(request, "questions/reproduce.html", context)


def _check_reader(user) -> None:
    if reason := access.may_read_audit(None, user):
        raise Refused(reason)
