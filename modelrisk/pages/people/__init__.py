"""Who has which role and which part, since when and by whom; and who may do what."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from modelrisk.pages.people import rights
from modelrisk.pages.people.api import roles as roles_told
from modelrisk.pages.people.forms import PartForm, ReasonForm, RoleForm, ServiceAccountForm
from modelrisk.pages.people.subjects import of_model
from registry import access, assignments, lineage, service_accounts, tokens
from registry import people as roles_of_people
from registry.models import Assignment, MLModel, RoleGrant, ServiceAccount
from registry.refusals import BadInput, Conflict

PEOPLE_AT_ONCE = 6  # columns of the table of one model


@never_cache
@require_http_methods(["GET", "POST"])
def people(request) -> HttpResponse:
    """Posting asks for a role."""
    form = RoleForm(request.POST or None, actor=request.user)
    if request.method == "POST":
        made = form.perform(
            lambda: roles_of_people.request_role(form.cleaned_data.pop("user"), actor=request.user, **form.cleaned_data)
        )
        if made is not None:
            messages.success(request, f"Asked for: {made}. A second person grants it.")
            return redirect("people")
    return _page(request, form=form, status=form.status)


def _page(request, *, form=None, account_form=None, token: str = "", status: int = 200) -> HttpResponse:
    grants = RoleGrant.objects.visible_to(request.user)
    grants = grants.select_related("user", "requested_by", "granted_by", "ended_by")
    waiting = list(grants.filter(state=RoleGrant.State.REQUESTED).order_by("requested_at"))
    refusal = {grant.pk: roles_of_people.grant_role.refusal(grant, request.user) for grant in waiting}
    in_force = grants.in_force().order_by("user__username", "granted_at")
    context = {
        "form": form or RoleForm(actor=request.user),
        "refusal": roles_of_people.request_role.refusal(request.user, request.user),
        "waiting": [(grant, refusal[grant.pk]) for grant in waiting],
        "in_force": in_force,
        "may_end": bool(access.roles_of(request.user) & access.GRANTORS),
        "past": grants.filter(state__in=[RoleGrant.State.ENDED, RoleGrant.State.REFUSED]).order_by("-ended_at")[:50],
        "accounts": ServiceAccount.objects.visible_to(request.user).select_related("account", "owner"),
        "account_form": account_form or ServiceAccountForm(),
        "account_refusal": service_accounts.make.refusal(ServiceAccount, request.user),
        "token": token,
    }
    return render(request, "pages/people.html", context, status=status)


@require_POST
def grant(request, pk: int) -> HttpResponse:
    found = _grant(request, pk)
    roles_of_people.grant_role(found, actor=request.user)
    messages.success(request, f"Granted: {found}.")
    return redirect("people")


@require_http_methods(["GET", "POST"])
def end(request, pk: int) -> HttpResponse:
    """Refuse what waits, or end what is in force: both take a reason."""
    found = _grant(request, pk)
    refuses = found.state == RoleGrant.State.REQUESTED
    act = roles_of_people.refuse_role if refuses else roles_of_people.end_role
    form = ReasonForm(request.POST or None)
    if request.method == "POST":
        done = form.perform(lambda: act(found, actor=request.user, **form.cleaned_data))
        if done is not None:
            messages.success(request, f"{'Refused' if refuses else 'Ended'}: {found}.")
            return redirect("people")
    context = {"grant": found, "refuses": refuses, "form": form, "refusal": act.refusal(found, request.user)}
    return render(request, "pages/end_role.html", context, status=form.status)


def _grant(request, pk: int) -> RoleGrant:
    rows = RoleGrant.objects.visible_to(request.user).select_related("user", "requested_by", "granted_by")
    return get_object_or_404(rows, pk=pk)


@never_cache
@require_POST
def make_account(request) -> HttpResponse:
    form = ServiceAccountForm(request.POST)
    made = form.perform(lambda: service_accounts.make(ServiceAccount, actor=request.user, **form.cleaned_data))
    if made is None:
        return _page(request, account_form=form, status=form.status)
    messages.success(request, f"Made {made.account}. A second person grants its role; then make it a token here.")
    return redirect("people")


@never_cache
@require_POST
def make_token(request, pk: int) -> HttpResponse:
    """The token is in this one answer and nowhere else."""
    found = get_object_or_404(ServiceAccount.objects.visible_to(request.user).select_related("account"), pk=pk)
    _row, text = tokens.issue(found.account, actor=request.user)
    return _page(request, token=text)


@require_safe
def roles(request) -> HttpResponse:
    found = rights.of_roles(request.user)
    context = {"roles": roles_told(), "rights": found, "columns": rights.COLUMNS}
    return render(request, "pages/roles.html", context)


@require_http_methods(["GET", "POST"])
def model_people(request, slug: str) -> HttpResponse:
    """Posting gives a person a part in the model."""
    model = get_object_or_404(MLModel.objects.visible_to(request.user).select_related("owner"), slug=slug)
    form = PartForm(request.POST or None)
    if request.method == "POST":
        made = form.perform(lambda: assignments.assign(model, actor=request.user, **form.cleaned_data))
        if made is not None:
            messages.success(request, f"Recorded: {made}.")
            return redirect("model-people", slug)
    everyone = rights.people_of(model)
    shown = _shown(request, everyone)
    parts = lineage.lineage(model)
    told = [
        (person, sorted(access.roles_of(person)), [part for part in lineage.PARTS if part in parts.get(person.pk, ())])
        for person in everyone
    ]
    rows = model.assignments.select_related("user", "assigned_by", "ended_by", "model")
    context = {
        "model": model,
        "people": told,
        "shown": shown,
        "rights": rights.of_model(model, shown, of_model(model)),
        "assignments": [(row, assignments.end_assignment.refusal(row, request.user)) for row in rows],
        "form": form,
        "refusals": _refusals(model, request.user),
    }
    return render(request, "pages/model_people.html", context, status=form.status)


def _refusals(model: MLModel, user) -> set[str]:
    """Why this person may give no part at all; empty where they may give one."""
    reasons = {act.refusal(model, user) for act in assignments.ASSIGNING.values()}
    return set() if None in reasons else {str(reason) for reason in reasons}


def _shown(request, everyone: list) -> list:
    """The person asked for, else the first few: a column each."""
    wanted = request.GET.get("person", "")
    return [person for person in everyone if person.username == wanted] or everyone[:PEOPLE_AT_ONCE]


@require_POST
def end_part(request, pk: int) -> HttpResponse:
    found = get_object_or_404(Assignment.objects.visible_to(request.user).select_related("model", "user"), pk=pk)
    try:
        assignments.end_assignment(found, actor=request.user)
        messages.success(request, f"Ended: {found}. It stays of the lineage.")
    except (BadInput, Conflict) as problem:
        messages.error(request, str(problem))
    return redirect("model-people", found.model.slug)
