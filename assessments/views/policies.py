"""Pages of the policy: what is in force, each version with who answers for it, what differs, what a change would do."""

from datetime import datetime, time

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from assessments.actions import policies as actions
from assessments.api.policies import before
from assessments.battery.spec import FAMILIES
from assessments.models import Assessment, Policy, PolicyVersion
from assessments.policy.comparing import compare
from assessments.policy.force import HOUSE, in_force
from assessments.policy.forms import DraftForm, EndForm, LimitsForm, ProposeForm, SignForm, UploadForm
from assessments.policy.replay import outcome_of, replay
from assessments.policy.scope import told
from registry.models import AuditEvent

MOST_ROWS = 100


@require_GET
def policies(request) -> HttpResponse:
    """What is in force, now or at the end of a day of the past; and every version."""
    on = parse_date_or_none(request.GET.get("on", ""))
    moment = timezone.make_aware(datetime.combine(on, time.max)) if on else None
    version = in_force(moment)
    house = get_object_or_404(Policy, slug=HOUSE)
    versions = house.versions.select_related("policy", "drafted_by").prefetch_related("signatures__signer")
    context = {
        "policy": house,
        "on": on,
        "version": version,
        "families": by_family(version.document["criteria"]) if version else [],
        "versions": versions.defer("document"),
        "may_not_draft": actions.draft.refusal(house, request.user),
        "form": DraftForm(),
    }
    return render(request, "assessments/policies.html", context)


@require_GET
def policy_version(request, slug: str, number: int) -> HttpResponse:
    return _page(request, _version(slug, number))


@require_GET
def document(request, slug: str, number: int) -> HttpResponse:
    """For another installation, or to edit and upload again."""
    version = _version(slug, number)
    answer = JsonResponse(version.document, json_dumps_params={"indent": 1, "ensure_ascii": False})
    answer["Content-Disposition"] = f'attachment; filename="{slug}-v{number}.json"'
    return answer


@require_POST
def draft(request, slug: str) -> HttpResponse:
    policy = get_object_or_404(Policy, slug=slug)
    form = DraftForm(request.POST)
    made = form.perform(lambda: actions.draft(policy, actor=request.user, **form.cleaned_data))
    if made is None:
        return redirect("policies")
    messages.success(request, f"{made} is a draft. Change its limits, then propose it.")
    return redirect("policy-edit", slug, made.number)


@require_http_methods(["GET", "POST"])
def edit(request, slug: str, number: int) -> HttpResponse:
    """The limits as a form; or the whole document as a file."""
    version = _version(slug, number)
    reason = actions.edit.refusal(version, request.user)
    uploads = request.FILES or "upload" in request.POST
    form = LimitsForm(None if uploads else request.POST or None, version=version)
    upload = UploadForm(request.POST if uploads else None, request.FILES if uploads else None)
    if request.method == "POST":
        sent = upload if uploads else form
        if sent.perform(lambda: actions.edit(version, actor=request.user, **sent.asked())) is not None:
            messages.success(request, f"{version} is saved: nothing changes until it is proposed and signed.")
            return redirect("policy-version", slug, number)
        version = _version(slug, number)  # as it is kept, not as it was asked for
    context = {
        "version": version,
        "form": form,
        "upload": upload,
        "reason": reason,
        "families": [(family, rows) for family in FAMILIES if (rows := form.rows_of(family))],
    }
    status = max(form.status, upload.status)
    return render(request, "assessments/policy_edit.html", context, status=status)


@require_POST
def propose(request, slug: str, number: int) -> HttpResponse:
    return _step(request, slug, number, ProposeForm, actions.propose, "is proposed: two other people are asked to sign")


@require_POST
def sign(request, slug: str, number: int) -> HttpResponse:
    return _step(request, slug, number, SignForm, actions.sign, "has your signature")


@require_POST
def reject(request, slug: str, number: int) -> HttpResponse:
    return _step(request, slug, number, EndForm, actions.reject, "is rejected")


@require_POST
def withdraw(request, slug: str, number: int) -> HttpResponse:
    return _step(request, slug, number, EndForm, actions.withdraw, "is withdrawn")


@require_GET
def difference(request, slug: str, old: int, new: int) -> HttpResponse:
    first, second = _version(slug, old), _version(slug, new)
    found = compare(first.document, second.document)
    context = {
        "old": first,
        "new": second,
        "difference": found,
        "changed": [(one, told(one.criterion), _limits(one)) for one in found.changed],
        "versions": first.policy.versions.defer("document").select_related("policy"),
    }
    return render(request, "assessments/policy_difference.html", context)


@require_GET
def replayed(request, slug: str, number: int) -> HttpResponse:
    """What it would change, from what was measured."""
    version = _version(slug, number)
    found = replay(version.document, user=request.user)
    context = {"version": version, "replay": found, "rows": found.rows[:MOST_ROWS], "most": MOST_ROWS}
    return render(request, "assessments/policy_replay.html", context)


@require_GET
def of_assessment(request, pk: int) -> HttpResponse:
    """The limits that one run was judged by: who approved them, when; and what today's would say."""
    rows = Assessment.objects.visible_to(request.user).select_related(
        "version__model", "policy_version__policy", "policy_version__drafted_by"
    )
    found = get_object_or_404(rows, pk=pk)
    version, now = found.policy_version, in_force()
    started = found.started_at or found.created_at
    done = found.state == Assessment.State.DONE
    context = {
        "assessment": found,
        "version": version,
        "started": started,
        "held": bool(version and version.was_in_force(started)),
        "now": now,
        "difference": compare(found.policy, now.document) if now else None,
        "outcome": outcome_of(found, now.document) if now and done else None,
        "signatures": version.signatures.select_related("signer") if version else (),
    }
    return render(request, "assessments/assessment_policy.html", context)


def parse_date_or_none(text: str):
    try:
        return parse_date(text)
    except ValueError:
        return None


def by_family(criteria: list[dict]) -> list[tuple[str, list[dict]]]:
    rows = [criterion | {"holds": told(criterion)} for criterion in criteria]
    families = [(family, [row for row in rows if row["family"] == family]) for family in FAMILIES]
    return [family for family in families if family[1]]


def _limits(one) -> list[tuple[str, object, object]]:
    return [
        (name.replace("_", " "), old, new)
        for name, (old, new) in (one.limits | one.words).items()
        if name != "rationale"  # it has a column of its own
    ]


def _version(slug: str, number: int) -> PolicyVersion:
    rows = PolicyVersion.objects.select_related("policy", "drafted_by", "ended_by")
    return get_object_or_404(rows, policy__slug=slug, number=number)


def _step(request, slug: str, number: int, form_class, act, past: str) -> HttpResponse:
    version = _version(slug, number)
    form = form_class(request.POST)
    if form.perform(lambda: act(version, actor=request.user, **form.cleaned_data)) is None:
        return _page(request, version, sent=(act, form))
    messages.success(request, f"{version} {past}.")
    return redirect("policy-version", slug, number)


def _page(request, version: PolicyVersion, *, sent=None) -> HttpResponse:
    older = before(version)
    runs = version.assessments.visible_to(request.user).select_related("version__model")
    context = {
        "version": version,
        "signatures": version.signatures.select_related("signer"),
        "older": older,
        "difference": compare(older.document, version.document) if older else None,
        "runs": runs.defer("plan", "policy", "catalogue", "subject", "environment")[:10],
        "runs_count": runs.count(),
        "families": by_family(version.document["criteria"]),
        "battery": sorted(version.document["mandatory"].items()),
        "steps": _steps(request.user, version, sent),
        "events": AuditEvent.objects.about(version)[:20],
    }
    return render(request, "assessments/policy_version.html", context, status=sent[1].status if sent else 200)


def _steps(user, version: PolicyVersion, sent) -> list[dict]:
    """What may be done now: its form, where it goes, and why not for this person."""
    known = (
        ("propose", "Propose it", ProposeForm, {"rationale": version.rationale}),
        ("sign", "Sign it", SignForm, {}),
        ("reject", "Reject it", EndForm, {}),
        ("withdraw", "Withdraw it", EndForm, {}),
    )
    steps = []
    for name, label, form_class, initial in known:
        act = getattr(actions, name)
        reason = act.refusal(version, user)
        if reason is not None and not _worth_saying(name, version):
            continue
        was_sent = sent is not None and sent[0] is act
        form = sent[1] if was_sent else form_class(initial=initial, auto_id=f"{name}-%s")
        if "reason" in form.fields:
            form.fields["reason"].label = f"Why {name} it"
        steps.append({"name": name, "label": label, "form": form, "reason": reason, "url": f"policy-{name}"})
    return steps


def _worth_saying(name: str, version: PolicyVersion) -> bool:
    """Why not is told of the step that is next."""
    following = {PolicyVersion.State.DRAFT: "propose", PolicyVersion.State.PROPOSED: "sign"}
    return following.get(PolicyVersion.State(version.state)) == name
