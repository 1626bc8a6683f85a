"""Raise a finding, answer it, remedy it, verify it. Each step is written down with its words in the audit trail."""

from datetime import date, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from assessments.findings import rules
from assessments.findings.states import STEPS, Event, after
from assessments.models import Finding, Verdict
from registry.action import Action, Done, action
from registry.models import ModelVersion
from registry.notifying import notify
from registry.refusals import BadInput, Conflict

SHORTEST_TEXT = 10  # characters
LONGEST_TITLE = Finding._meta.get_field("title").max_length
# House defaults: no regulator names a number of days. Whoever raises a finding may choose another day.
DAYS_TO_END = {"critical": 30, "high": 90, "medium": 180, "low": 365, "observation": None}


@action("finding.raise", rule=rules.may_raise)
def raise_finding(
    version: ModelVersion,
    *,
    actor,
    title: str,
    description: str,
    severity: str,
    due: date | None = None,
    verdict: Verdict | None = None,
    draft: bool = False,
) -> Done:
    """Put an issue on record against a version. It holds up the model until it has ended.

    draft: only the second line sees it, and it holds up nothing, until it is issued.

    due: the day by which it must have ended; without one, that of its severity. verdict: what it was raised from, of an
    assessment of this version.
    """
    title = title.strip()
    _check_text(description, "description", "A finding needs a description.")
    if not title or len(title) > LONGEST_TITLE:
        raise BadInput("A finding needs a title.", hint=f"Give at most {LONGEST_TITLE} characters.", field="title")
    if severity not in Finding.Severity.values:
        known = ", ".join(Finding.Severity.values)
        raise BadInput(f"{severity!r} is no severity.", hint=f"Choose one of {known}.", field="severity")
    if verdict is not None and verdict.assessment.version_id != version.pk:
        raise BadInput(f"This verdict is not about {version}.", hint="Give one of its assessments'.", field="verdict")
    finding = Finding.objects.create(
        version=version,
        assessment=verdict.assessment if verdict else None,
        criterion=_criterion(verdict) if verdict else {},
        title=title,
        description=description.strip(),
        severity=severity,
        owner=version.model.owner,
        due=_due(severity, due),
        state=Finding.State.DRAFT if draft else Finding.State.ISSUED,
        raised_by=actor,
    )
    if not draft:
        _tell_builders(finding, actor)
    summary = f"{'Drafted' if draft else 'Raised'} {finding} against {version}, {severity}: {title}"
    return Done(finding, summary=summary, detail=_told(finding))


def _told(finding: Finding) -> dict[str, Any]:
    """For the audit trail."""
    return {
        "version": finding.version_id,
        "severity": finding.severity,
        "title": finding.title,
        "description": finding.description,
        "due": finding.due.isoformat() if finding.due else None,
        "criterion": finding.criterion,
        "owner": finding.owner.get_username(),
    }


def _tell_builders(finding: Finding, actor) -> None:
    version = finding.version
    notify(
        {version.model.owner, *version.model.developers.all()} - {actor},
        f"finding.issued:{finding.pk}",
        f"{version} has a finding: {finding.title}",
        f"{actor} issued it, {finding.severity}" + (f", due on {finding.due}." if finding.due else "."),
        reverse("finding", args=[finding.pk]),
    )


def _step(event: Event) -> Action:
    """The action of one event of the table."""

    @action(f"finding.{event}", rule=rules.may(event))
    def act(finding: Finding, *, actor, text: str) -> Done:
        _check_text(text, "text", "This step needs a few words.")
        text, was = text.strip(), finding.state
        state = after(was, event)
        if state is None:
            raise Conflict(f"{finding} is in the state “{finding.get_state_display()}” by now. Reload the page.")
        finding.state = state
        finding.ended_at = timezone.now() if finding.has_ended else None
        if event == Event.ACCEPT:
            finding.plan = text
        if event == Event.SUBMIT:
            finding.remedy = text
        finding.save(update_fields=["state", "ended_at", "plan", "remedy"])
        if event == Event.ISSUE:
            _tell_builders(finding, actor)
        summary = f"{STEPS[event].done} {finding} of {finding.version}: {text}"
        return Done(finding, summary=summary, detail={"from": was, "to": state.value, "text": text})

    act.__doc__ = f"{STEPS[event].label}. text: {STEPS[event].asks[0].lower()}{STEPS[event].asks[1:]}."
    return act


steps: dict[Event, Action] = {event: _step(event) for event in Event}


def open_steps(finding: Finding, actor) -> list[tuple[Event, Any]]:
    """The events that this person may bring about now, each with its Step."""
    return [(event, STEPS[event]) for event, act in steps.items() if act.refusal(finding, actor) is None]


def _due(severity: str, due: date | None) -> date | None:
    today, days = timezone.localdate(), DAYS_TO_END[severity]
    if due is None:
        return today + timedelta(days=days) if days is not None else None
    if due < today:
        raise BadInput("The day by which it must have ended is over.", hint="Give a day to come.", field="due")
    return due


def _check_text(text: str, field: str, message: str) -> None:
    if len(text.strip()) < SHORTEST_TEXT:
        hint = f"Write at least {SHORTEST_TEXT} characters, for those who must act on it."
        raise BadInput(message, hint=hint, code="note_required", field=field)


def _criterion(verdict: Verdict) -> dict[str, Any]:
    return {
        "test": verdict.test,
        "metric": verdict.metric,
        "title": verdict.title,
        "group": verdict.group,
        "verdict": verdict.verdict,
        "value": verdict.value,
        "low": verdict.low,
        "high": verdict.high,
        "reason": verdict.reason,
    }
