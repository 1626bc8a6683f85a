"""The auditor's walk through one decision: evidence, what failed or was waived, independence, since then, the pack."""

from pathlib import Path

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from modelrisk.answers import decision_of, sent_pack
from modelrisk.evidence_pack import verify_pack
from modelrisk.pages.history import events_of_version
from modelrisk.pages.version import visible
from modelrisk.walkthrough import authority, conflicts, evidence, identity, since, thresholds
from registry import access
from registry.models import AuditCheckpoint, AuditEvent, AuditKey, Decision
from registry.refusals import Refused
from registry.views.files import attached


@require_GET
def who(request, pk: int) -> HttpResponse:
    """Each vote with the role and the grant that it was cast under."""
    decision = decision_of(request.user, pk)
    conditions = decision.conditions.select_related("owner")
    return _page(request, decision, "authority", found=authority.of_decision(decision), conditions=conditions)


@require_GET
def runs(request, pk: int) -> HttpResponse:
    """The runs by their hashes, and what the newest check of these hashes found."""
    decision = decision_of(request.user, pk)
    checked = _last_check(decision)
    context = {"checked": checked, "items": checked.detail["items"] if checked else []}
    return _page(request, decision, "evidence", runs=evidence.runs_of(decision.request), **context)


@require_POST
def check(request, pk: int) -> HttpResponse:
    decision = decision_of(request.user, pk)
    _tell(request, identity.check_evidence(decision.request.version, actor=request.user, decision=decision))
    return redirect("decision-evidence", pk)


@require_POST
def check_version(request, slug: str, number: int) -> HttpResponse:
    found = visible(request, slug, number)
    _tell(request, identity.check_evidence(found, actor=request.user))
    event = events_of_version(found, request.user).filter(action="evidence.check").order_by("-pk").first()
    return redirect("audit-event", event.pk)


@require_GET
def limits(request, pk: int) -> HttpResponse:
    """The policies of the runs, in force before these began or not; and what today's would say."""
    decision = decision_of(request.user, pk)
    found = [thresholds.of_run(run) for run in evidence.runs_of(decision.request)]
    return _page(request, decision, "thresholds", found=found)


@require_GET
def failed(request, pk: int) -> HttpResponse:
    decision = decision_of(request.user, pk)
    found = evidence.runs_of(decision.request)
    context = {"attention": evidence.not_passed(found), "not_run": evidence.not_run(found)}
    return _page(request, decision, "failed", runs=found, accepted=evidence.accepted(decision), **context)


@require_GET
def independence(request, pk: int) -> HttpResponse:
    """Were owner, developer, validator and approver different people?"""
    decision = decision_of(request.user, pk)
    return _page(request, decision, "independence", found=conflicts.of_case(decision.request))


@require_GET
def since_then(request, pk: int) -> HttpResponse:
    _check_reader(request.user)
    return _page(request, decision := decision_of(request.user, pk), "since", since=since.since(decision))


@require_GET
def pack(request, pk: int) -> HttpResponse:
    """What is in the pack, and how it is verified."""
    _check_reader(request.user)
    context = {"key": AuditKey.objects.first(), "checkpoint": AuditCheckpoint.objects.first()}
    return _page(request, decision_of(request.user, pk), "pack", **context)


@require_GET
def pack_file(request, pk: int) -> HttpResponse:
    _check_reader(request.user)
    decision = decision_of(request.user, pk)
    return sent_pack(decision.request.version, decision)


@require_GET
def version_pack(request, slug: str, number: int) -> HttpResponse:
    _check_reader(request.user)
    return sent_pack(visible(request, slug, number))


@require_GET
def verifier(request) -> HttpResponse:
    """The stand-alone program, as it is in this installation."""
    content = Path(verify_pack.__file__).read_bytes()
    return attached(HttpResponse(content, content_type="text/x-python; charset=utf-8"), "verify_pack.py")


def _page(request, decision: Decision, step: str, **context) -> HttpResponse:
    context |= {"decision": decision, "version": decision.request.version, "step": step}
    return render(request, f"walkthrough/{step}.html", context)


def _last_check(decision: Decision) -> AuditEvent | None:
    events = AuditEvent.objects.about(decision.request.version).filter(action="evidence.check", refused=False)
    return events.filter(detail__decision=decision.pk).first()


def _tell(request, found: identity.Checked) -> None:
    (messages.success if found.identical else messages.error)(request, found.sentence)


def _check_reader(user) -> None:
    if reason := access.may_read_audit(None, user):
        raise Refused(reason)
