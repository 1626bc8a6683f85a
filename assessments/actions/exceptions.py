"""Ask for an exception, approve or refuse it, renew it once, close or revoke it; the night lets it expire."""

import hashlib
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from assessments.actions.findings import SHORTEST_TEXT
from assessments.catalogue import catalogue
from assessments.exceptions import rules
from assessments.exceptions.states import LONGEST_DAYS, Event, Kind, State, after, least_role, rank_of
from assessments.findings.states import ACCEPTANCE_ENDS, RISK_IS_ACCEPTED
from assessments.models import Finding, PolicyException, Verdict
from assessments.results import canonical
from registry.action import Action, Done, action
from registry.approvals import use
from registry.approvals.states import STANDING
from registry.models import ModelVersion
from registry.notifying import notify
from registry.refusals import BadInput, Conflict
from registry.roles import system_user

USED = (ModelVersion.UseStatus.IN_USE, ModelVersion.UseStatus.RESTRICTED)
ENDS_USE = (Event.CLOSE, Event.REVOKE)  # the night does it for those that expire


@action("exception.request", rule=rules.may_request)
def request_exception(
    version: ModelVersion,
    *,
    actor,
    kind: str,
    reason: str,
    compensating_control: str,
    expiry: date,
    finding: Finding | None = None,
    test: str = "",
    verdict: Verdict | None = None,
) -> Done:
    """Ask someone of a higher rank for a deviation, for a time, under a named control.

    finding, test, verdict: what it is about, by its kind; a use before validation is about the version itself.
    """
    about = _subject(version, kind, finding, test, verdict)
    _refuse_twin(version, about["subject_key"])
    return _ask(version, actor, {"kind": kind, **about}, reason, compensating_control, expiry)


@action("exception.renew", rule=rules.may_renew)
def renew(asked: PolicyException, *, actor, reason: str, compensating_control: str, expiry: date) -> Done:
    """Ask for it again, once. It takes the place of the earlier one when it is approved."""
    if PolicyException.objects.filter(renewed_from=asked).exists():
        raise Conflict(f"{asked} has its renewal by now. Reload the page.")
    same = ("kind", "finding", "test", "criterion", "subject_key")
    about = {name: getattr(asked, name) for name in same} | {"renewed_from": asked}
    return _ask(asked.version, actor, about, reason, compensating_control, expiry)


@action("exception.approve", rule=rules.may_approve, at_signing=True)
def approve(asked: PolicyException, *, actor, text: str) -> Done:
    """Put it in force until the end of its last day. text: why the risk can be lived with until then."""
    text = _words(text, "text", "An approval needs a reason.")
    _check_expiry(asked.kind, asked.expiry)
    if asked.renewed_from is not None and asked.renewed_from.state == State.ACTIVE:
        _end(asked.renewed_from, Event.CLOSE, actor, f"Renewed as {asked}.")
    _move(asked, Event.APPROVE)
    asked.approved_by, asked.approved_at = actor, timezone.now()
    asked.approved_as = rank_of(actor)[1]
    asked.save(update_fields=["state", "approved_by", "approved_as", "approved_at"])
    _accept_risk(asked)
    detail = _detail(asked) | {"text": text, "approved_as": asked.approved_as, "least_role": least_role(asked)}
    _tell_decided(asked, actor, f"granted until {asked.expiry:%-d %b %Y}", text)
    summary = f"Approved {asked} for {asked.version} until {asked.expiry:%-d %b %Y}, {asked.subject}: {text}"
    return Done(asked, summary=summary, detail=detail)


def _ending(event: Event, rule: Callable, done: str, doc: str) -> Action:
    @action(f"exception.{event}", rule=rule)
    def act(asked: PolicyException, *, actor, text: str) -> Done:
        text = _words(text, "text", "This step needs a few words.")
        was = asked.state
        _end(asked, event, actor, text)
        if event in ENDS_USE and was == State.ACTIVE:
            stop_use(asked, f"{asked}, under which it was used before validation, was {asked.get_state_display()}.")
        if event in {Event.REFUSE, Event.REVOKE}:
            _tell_decided(asked, actor, done.lower(), text)
        summary = f"{done} {asked} for {asked.version}, {asked.subject}: {text}"
        return Done(asked, summary=summary, detail={"from": was, "to": str(asked.state), "text": text})

    act.__doc__ = doc
    return act


refuse = _ending(Event.REFUSE, rules.may_refuse, "Refused", "Say no to what was asked. text: why.")
withdraw = _ending(Event.WITHDRAW, rules.may_withdraw, "Withdrew", "Take the request back. text: why.")
close = _ending(Event.CLOSE, rules.may_close, "Closed", "Give it up, because it is not needed any more. text: why.")
revoke = _ending(Event.REVOKE, rules.may_revoke, "Revoked", "End it now, before its last day. text: why.")
expire = _ending(Event.EXPIRE, rules.may_expire, "Expired:", "Its last day is over. Done by the night.")

STEPS: dict[Event, Action] = {
    Event.APPROVE: approve,
    Event.REFUSE: refuse,
    Event.WITHDRAW: withdraw,
    Event.CLOSE: close,
    Event.REVOKE: revoke,
}


def stop_use(asked: PolicyException, reason: str, today: date | None = None) -> bool:
    """Suspend the use that the exception alone allowed; whether it did. The system's doing, whoever ended it."""
    version = ModelVersion.objects.get(pk=asked.version_id)
    held = PolicyException.objects.in_force(today).filter(version=version, kind=Kind.USE)
    if asked.kind != Kind.USE or version.use_status not in USED or version.approval_status in STANDING or held.exists():
        return False
    use.suspend(version, actor=system_user(), reason=reason)
    return True


def _ask(version: ModelVersion, actor, about: dict[str, Any], reason: str, control: str, expiry: date) -> Done:
    reason = _words(reason, "reason", "An exception needs a reason.")
    control = _words(control, "compensating_control", "An exception needs a compensating control.")
    _check_expiry(about["kind"], expiry)
    asked = PolicyException.objects.create(
        version=version,
        reason=reason,
        compensating_control=control,
        expiry=expiry,
        requested_by=actor,
        requested_as=rank_of(actor)[1],
        **about,
    )
    _tell_asked(asked, actor)
    what = f"Asked for {asked} for {version} until {expiry:%-d %b %Y}"
    return Done(asked, summary=f"{what}, {asked.subject}: {reason}", detail=_detail(asked))


def _tell_asked(asked: PolicyException, actor) -> None:
    said = f"{asked} for {asked.version} waits for your decision"
    body = f"{actor} asks for it until {asked.expiry:%-d %b %Y}: {asked.subject}. {asked.reason}"
    notify(rules.deciders(asked), f"exception.requested:{asked.pk}", said, body, reverse("exception", args=[asked.pk]))


def _tell_decided(asked: PolicyException, actor, what: str, text: str) -> None:
    """Whoever asked, those who build the model, and whoever approved what is taken back."""
    model = asked.version.model
    told = {asked.requested_by, asked.approved_by, model.owner, *model.developers.all()} - {actor, None}
    key, said = f"exception.decided:{asked.pk}:{asked.state}", f"{asked} for {asked.version} was {what}"
    notify(told, key, said, f"By {actor}: {text} {asked.subject}.", reverse("exception", args=[asked.pk]))


def _subject(version: ModelVersion, kind: str, finding, test: str, verdict) -> dict[str, Any]:
    """What it is about, checked; and its key, by which two about the same thing are known."""
    if kind not in Kind.values:
        raise BadInput(f"{kind!r} is no kind of exception.", hint=f"Choose {', '.join(Kind.values)}.", field="kind")
    if kind == Kind.RISK:
        _check_finding(version, finding)
        return {"finding": finding, "subject_key": f"finding:{finding.pk}"}
    if kind == Kind.TEST:
        if test not in catalogue():
            raise BadInput(f"There is no test {test!r}.", hint="/api/v1/catalogue/ lists them.", field="test")
        return {"test": test, "subject_key": f"test:{test}"}
    if kind == Kind.CRITERION:
        if verdict is None or verdict.assessment.version_id != version.pk:
            raise BadInput(f"Name a criterion that {version} failed.", hint="Give its verdict.", field="verdict")
        named = {"test": verdict.test, "metric": verdict.metric, "group": verdict.group}
        key = hashlib.sha256(canonical(named)).hexdigest()
        criterion = named | {"title": verdict.title, "assessment": verdict.assessment_id}
        return {"test": verdict.test, "criterion": criterion, "subject_key": f"criterion:{key}"}
    return {"subject_key": "use"}


def _check_finding(version: ModelVersion, finding: Finding | None) -> None:
    if finding is None or finding.version.model_id != version.model_id:
        raise BadInput(f"Name a finding of {version.model}.", field="finding")
    if finding.has_ended or finding.state == Finding.State.DRAFT:
        raise BadInput(f"{finding} is {finding.get_state_display()}: there is no risk to accept.", field="finding")


def _refuse_twin(version: ModelVersion, key: str) -> None:
    open_ones = PolicyException.objects.filter(state__in=[State.REQUESTED, State.ACTIVE])
    twin = open_ones.filter(version=version, subject_key=key).first()
    if twin is not None:
        raise Conflict(f"{twin} ({twin.get_state_display()}) is about the same. Renew it, or wait for its end.")


def _check_expiry(kind: str, expiry: date) -> None:
    today, longest = timezone.localdate(), LONGEST_DAYS[Kind(kind)]
    if expiry < today:
        raise BadInput("Its last day would be over already.", hint="Give a day to come.", field="expiry")
    if expiry > today + timedelta(days=longest):
        said = f"An exception of this kind holds for at most {longest} days."
        raise BadInput(said, hint="Give an earlier day; it can be renewed once.", field="expiry")


def _move(asked: PolicyException, event: Event) -> None:
    state = after(asked.state, event)
    if state is None:
        raise Conflict(f"{asked} is {asked.get_state_display()} by now. Reload the page.")
    asked.state = state


def _end(asked: PolicyException, event: Event, actor, text: str) -> None:
    was_active = asked.state == State.ACTIVE
    _move(asked, event)
    asked.ended_by, asked.ended_at, asked.ended_because = actor, timezone.now(), text
    asked.save(update_fields=["state", "ended_by", "ended_at", "ended_because"])
    if was_active and asked.finding_id:
        _end_acceptance(asked.finding)


def _accept_risk(asked: PolicyException) -> None:
    if asked.finding_id is None:
        return
    finding = Finding.objects.select_for_update().get(pk=asked.finding_id)  # the end of what this renews changed it
    if state := RISK_IS_ACCEPTED.get(Finding.State(finding.state)):
        finding.state = state
        finding.save(update_fields=["state"])


def _end_acceptance(finding: Finding) -> None:
    """The finding is open again, unless another exception still accepts it, or it went on meanwhile."""
    state = ACCEPTANCE_ENDS.get(Finding.State(finding.state))
    if state and not PolicyException.objects.filter(finding=finding, state=State.ACTIVE).exists():
        finding.state = state
        finding.save(update_fields=["state"])


def _words(text: str, field: str, message: str) -> str:
    if len(text.strip()) < SHORTEST_TEXT:
        hint = f"Write at least {SHORTEST_TEXT} characters, for those who will ask."
        raise BadInput(message, hint=hint, code="note_required", field=field)
    return text.strip()


def _detail(asked: PolicyException) -> dict[str, Any]:
    return {
        "exception": asked.pk,
        "version": asked.version_id,
        "kind": asked.kind,
        "finding": asked.finding_id,
        "test": asked.test,
        "criterion": asked.criterion,
        "reason": asked.reason,
        "compensating_control": asked.compensating_control,
        "expiry": asked.expiry.isoformat(),
        "renewed_from": asked.renewed_from_id,
        "requested_as": asked.requested_as,
    }
