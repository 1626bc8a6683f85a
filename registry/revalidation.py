"""When a version must be looked at again: the cadence of its tier, and what brings that day forward."""

from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from registry import access, independence, roles
from registry.action import Done, action
from registry.models import Decision, ModelVersion, RevalidationTrigger
from registry.refusals import BadInput, NotNow

SHORTEST_TEXT = 10  # characters
# House defaults, in months by tier: no regulator names a number.
REVIEW_MONTHS = {1: 12, 2: 24, 3: 36}
RENEW_BEFORE = timedelta(days=30)  # the end of an approval: so early it is warned of, and may be submitted anew
Status = ModelVersion.ApprovalStatus
CONCERNS = {Status.APPROVED, Status.CONDITIONS, Status.EXPIRED}  # what was never approved is validated anyway


def add_months(day: date, months: int) -> date:
    """The same day of a later month; its last day where there is none such."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (following - date(year, month + 1, 1)).days))


def standing_decision(version: ModelVersion) -> Decision | None:
    """The newest approval of a version."""
    approvals = Decision.objects.filter(request__version=version).exclude(outcome=Decision.Outcome.REJECT)
    return approvals.order_by("-pk").first()


def cadence_day(version: ModelVersion, decision: Decision) -> date:
    """By when the tier asks for the next validation."""
    return add_months(decision.decided_at.date(), REVIEW_MONTHS[version.model.tier])


def holds_until(version: ModelVersion, decision: Decision) -> date:
    """The last day of an approval: the one that was decided, or that of the tier's cadence."""
    return decision.valid_until or cadence_day(version, decision)


def is_due(version: ModelVersion) -> bool:
    """Whether what stands approved may be submitted anew: something asks for it, or its end is near."""
    decision = standing_decision(version)
    if decision is None or holds_until(version, decision) - timezone.localdate() <= RENEW_BEFORE:
        return True
    return RevalidationTrigger.objects.open().filter(version=version).exists()


def may_raise(version: ModelVersion, actor, *, kind: str = "", **_: Any) -> str | None:
    """Whoever builds the model, and whoever judges models: saying that something happened needs no independence."""
    if not roles.is_system(actor):
        if not access.is_builder(actor, version.model) and (
            reason := independence.not_second_line(actor, "Asking for a revalidation of another's model")
        ):
            return reason
        if kind and kind not in RevalidationTrigger.BY_PERSONS:
            return "This reason is found by the system alone."
    if version.approval_status not in CONCERNS:
        return NotNow(f"{version} is {version.get_approval_status_display()}: there is no approval to look at again.")
    return None


@action("revalidation.open", rule=may_raise)
def open_trigger(version: ModelVersion, *, actor, kind: str, reason: str, key: str = "") -> Done:
    """Ask for a revalidation: it stands until a new approval answers it. key: given by jobs, never twice the same."""
    if kind not in RevalidationTrigger.Kind.values:
        raise BadInput(f"{kind!r} is no reason for a revalidation.", field="kind")
    if len(reason.strip()) < SHORTEST_TEXT:
        hint = f"Write at least {SHORTEST_TEXT} characters, for those who must act on it."
        raise BadInput("This needs a few words.", hint=hint, code="note_required", field="reason")
    made = RevalidationTrigger.objects.create(
        version=version, kind=kind, reason=reason.strip(), key=key, raised_by=actor
    )
    detail = {"trigger": made.pk, "kind": kind, "reason": made.reason, "key": key}
    summary = f"{version} must be validated again, {made.get_kind_display()}: {made.reason}"
    return Done(made, about=version, summary=summary, detail=detail)


def raised_before(version: ModelVersion, kind: str, key: str) -> bool:
    return RevalidationTrigger.objects.filter(version=version, kind=kind, key=key).exists()


def _by_system(trigger: RevalidationTrigger, actor, **_: Any) -> str | None:
    return None if roles.is_system(actor) else "A new decision closes it, and nothing else."


@action("revalidation.close", rule=_by_system)
def close_trigger(trigger: RevalidationTrigger, *, actor, decision: Decision) -> Done:
    """Write down by which decision it was answered. Done by the system."""
    trigger.closed_at, trigger.decision = timezone.now(), decision
    trigger.save(update_fields=["closed_at", "decision"])
    summary = f"Closed {trigger} of {trigger.version}: decided again on {decision.decided_at:%-d %b %Y}"
    return Done(trigger, about=trigger.version, summary=summary, detail={"decision": decision.pk})
