"""What the night does with approvals: breaks overdue conditions, lets exceptions and approvals run out, asks for
revalidations, tells people once, also of files that are due for purge. Each step looks at rows and dates alone: run
twice, it does nothing the second time.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from assessments import revisiting
from assessments.actions import exceptions, policies
from assessments.models import Finding, PolicyException, PolicyVersion, Verdict
from registry import access, attestations, conditions, revalidation
from registry.approvals import use
from registry.approvals.states import RUNNING, STANDING
from registry.lineage import lineage
from registry.models import Condition, Decision, ModelVersion, RevalidationTrigger
from registry.notifying import having_role, notify
from registry.retention import nightly as retention
from registry.roles import system_user

log = logging.getLogger(__name__)
AHEAD = revalidation.RENEW_BEFORE
LATELY = timedelta(days=7)  # longer than a night is ever missed; who joins later is not told of old policies
WANTING = (
    ModelVersion.ApprovalStatus.REJECTED,
    ModelVersion.ApprovalStatus.VALIDATION_FAILED,
    ModelVersion.ApprovalStatus.WITHDRAWN,
)


def run(today: date | None = None) -> None:
    """All of it, for one day. A row that fails is written to the log, and the others go on."""
    today = today or timezone.localdate()
    for rows, act in STEPS:
        for row in list(rows(today)):
            try:
                with transaction.atomic():
                    act(row, today)
            except Exception:
                log.exception("The nightly step %s failed for %s.", act.__name__, row)


# --- triggers that a decision answered ------------------------------------------------------------
def _answered(_today: date) -> Iterable[RevalidationTrigger]:
    waiting = RevalidationTrigger.objects.filter(closed_at__isnull=True)
    return waiting.exclude(pk__in=RevalidationTrigger.objects.open().values("pk")).select_related("version")


def close_answered(trigger: RevalidationTrigger, _today: date) -> None:
    """Write down which decision answered it."""
    decision = revalidation.standing_decision(trigger.version)
    revalidation.close_trigger(trigger, actor=system_user(), decision=decision)


# --- conditions -----------------------------------------------------------------------------------
def _pending(today: date) -> Iterable[Condition]:
    rows = Condition.objects.exclude(state=Condition.State.SATISFIED)
    return rows.select_related("owner", "decision__request__version__model__owner").order_by("pk")


def settle_condition(condition: Condition, today: date) -> None:
    """A test settles it, or its day is over: then it is breached, and the use suspended."""
    by_test = condition.check_method == Condition.Check.CRITERION
    if by_test and (passed := _passed(condition)):
        conditions.pass_criterion(condition, actor=system_user(), text=passed)
        return
    if condition.due < today and condition.state != Condition.State.BREACHED:
        _breach(condition)
    elif today <= condition.due <= today + AHEAD and condition.state == Condition.State.OPEN:
        said = f"{condition} on {_version(condition)} is due on {condition.due:%-d %b %Y}"
        notify([condition.owner], f"condition.due:{condition.pk}", said, condition.text, _condition_page(condition))


def _passed(condition: Condition) -> str:
    """What met its criterion: the newest verdict on it, of an assessment made since the decision, by somebody
    independent or on data that was decided on. Who builds the model could find data on which it passes."""
    asked, version = condition.criterion, _version(condition)
    independent = ~Q(assessment__requested_by__in=lineage(version.model))
    since = Verdict.objects.filter(
        independent | Q(assessment__dataset_version__in=_decided_on(condition.decision)),
        assessment__version=version,
        assessment__state="done",
        assessment__created_at__gt=condition.decision.decided_at,
        metric=asked.get("metric", ""),
    )
    if asked.get("test"):
        since = since.filter(test=asked["test"])
    group = asked.get("group") or {}
    newest = next((one for one in since.order_by("-assessment_id", "position") if one.group == group), None)
    if newest is None or newest.verdict != Verdict.Word.PASS:
        return ""
    value = "" if newest.value is None else f" is {newest.value:g}, which"
    return f"Assessment {newest.assessment_id}: {newest.title}{value} passes."


def _decided_on(decision: Decision) -> list[int]:
    """The dataset versions under the evidence of a decision."""
    return [data["id"] for one in decision.request.evidence for data in one["summary"].get("datasets", [])]


def _breach(condition: Condition) -> None:
    version = _version(condition)
    text = f"It was due on {condition.due:%-d %b %Y} and is not met: {condition.text}"
    conditions.breach(condition, actor=system_user(), text=text)
    suspended = _suspend(version, f"{condition} is breached. {text}")
    said = f"{condition} on {version} is breached{', and its use is suspended' if suspended else ''}"
    told = [condition.owner, *_people(version)]
    notify(told, f"condition.due:breach:{condition.pk}", said, text, _condition_page(condition))


def _version(condition: Condition) -> ModelVersion:
    return condition.decision.request.version


def _condition_page(condition: Condition) -> str:
    return reverse("condition", args=[condition.pk])


# --- exceptions -----------------------------------------------------------------------------------
def _run_out(today: date) -> Iterable[PolicyException]:
    ended = PolicyException.objects.filter(state=PolicyException.State.ACTIVE, expiry__lt=today)
    return ended.select_related("version__model__owner", "requested_by", "approved_by", "finding").order_by("pk")


def expire_exception(one: PolicyException, today: date) -> None:
    """Past its last day. A use before validation stops with its exception."""
    text = f"Its last day, {one.expiry:%-d %b %Y}, is over."
    exceptions.expire(one, actor=system_user(), text=text)
    reason = f"{one}, under which it was used before validation, expired."
    suspended = exceptions.stop_use(one, reason, today)
    said = f"{one} for {one.version} expired{', and its use is suspended' if suspended else ''}"
    told = [one.requested_by, one.approved_by, *_people(one.version)]
    url = reverse("exception", args=[one.pk])
    notify(filter(None, told), f"exception.due:expired:{one.pk}", said, f"{one.subject}. {text}", url)


def _ending(today: date) -> Iterable[PolicyException]:
    return PolicyException.objects.expiring(AHEAD, today).select_related("version__model__owner", "requested_by")


def warn_of_exception(one: PolicyException, _today: date) -> None:
    said = f"{one} for {one.version} ends on {one.expiry:%-d %b %Y}"
    told = [one.requested_by, one.version.model.owner]
    notify(told, f"exception.due:ends:{one.pk}", said, one.subject, reverse("exception", args=[one.pk]))


# --- what was found wanting -------------------------------------------------------------------------
def _wanting(_today: date) -> Iterable[ModelVersion]:
    found = ModelVersion.objects.filter(approval_status__in=WANTING, use_status__in=RUNNING)
    return found.select_related("model__owner").order_by("pk")


def stop_what_was_found_wanting(version: ModelVersion, _today: date) -> None:
    """In use when its new validation or decision went against it: no exception excuses that."""
    _suspend(version, f"It is {version.get_approval_status_display()}, and was in use all the same.")


# --- approvals ------------------------------------------------------------------------------------
def _approved(_today: date) -> Iterable[ModelVersion]:
    return ModelVersion.objects.filter(approval_status__in=STANDING).select_related("model__owner").order_by("pk")


def expire_approval(version: ModelVersion, today: date) -> None:
    """Past its last day. The use status stays: it is in use without current approval, and listed so."""
    decision = revalidation.standing_decision(version)
    if decision is None:
        return
    last = revalidation.holds_until(version, decision)
    if last < today and not _is_excused(version, today):
        use.expire(version, actor=system_user(), today=today)
        said = f"The approval of {version} expired"
        used = version.use_status in RUNNING
        body = "It is in use without current approval." if used else "It is not in use."
        notify(_people(version), f"case.expired:{decision.pk}", said, body, _page(version))
    elif today <= last <= today + AHEAD:
        said = f"The approval of {version} ends on {last:%-d %b %Y}"
        body = "Have it validated and decided again before that day."
        notify(_people(version), f"case.expiring:{decision.pk}", said, body, _page(version))


def _is_excused(version: ModelVersion, today: date) -> bool:
    held = PolicyException.objects.in_force(today).filter(version=version, kind=PolicyException.Kind.USE)
    return held.exists()


# --- findings -------------------------------------------------------------------------------------
def _overdue(today: date) -> Iterable[Finding]:
    rows = Finding.objects.standing().filter(due__lt=today).exclude(state=Finding.State.ACCEPTED)
    return rows.select_related("version__model__owner", "owner", "raised_by").order_by("pk")


def tell_of_overdue_finding(finding: Finding, _today: date) -> None:
    said = f"{finding} of {finding.version} was due on {finding.due:%-d %b %Y}"
    told = [finding.owner, finding.raised_by, *_people(finding.version)]
    key = f"finding.overdue:{finding.pk}:{finding.due}"
    notify(told, key, said, finding.title, reverse("finding", args=[finding.pk]))


# --- policies -------------------------------------------------------------------------------------
def _begun(_today: date) -> Iterable[PolicyVersion]:
    """Signed for a later day, which has come since: the last signature said when."""
    lately = timezone.now() - LATELY
    begun = PolicyVersion.objects.in_force().filter(effective_from__gt=F("approved_at"), effective_from__gte=lately)
    return begun.filter(signatures__isnull=False).distinct().select_related("policy")


def tell_of_policy(version: PolicyVersion, _today: date) -> None:
    policies.tell_in_force(version, f"policy.in_force:{version.pk}")


# --- revalidation and attestation -----------------------------------------------------------------
def _used(_today: date) -> Iterable[ModelVersion]:
    return ModelVersion.objects.filter(use_status__in=RUNNING).select_related("model__owner", "artifact").order_by("pk")


def ask_for_revalidation(version: ModelVersion, today: date) -> None:
    """What has happened to a version in use, since it was approved, that a new validation must look at."""
    if version.approval_status not in revalidation.CONCERNS:
        return
    for found in list(revisiting.reasons(version, today)):
        if revalidation.raised_before(version, found.kind, found.key):
            continue
        asked = {"kind": found.kind, "reason": found.reason, "key": found.key}
        made = revalidation.open_trigger(version, actor=system_user(), **asked)
        said = f"{version} must be validated again: {made.get_kind_display()}"
        notify(_people(version), f"revalidation.asked:{made.pk}", said, made.reason, _page(version))


def remind_of_attestation(version: ModelVersion, today: date) -> None:
    due = attestations.due_of(version)
    if due is not None and due < today:
        said = f"Your attestation for {version} was due on {due:%-d %b %Y}"
        url = reverse("attest", args=[version.model.slug, version.number])
        key = f"attestation.due:{version.pk}:{due}"
        notify([version.model.owner], key, said, "State whether what was approved still holds.", url)


# Rows for a day -> what is done with each, in this order: an exception that ends may end an approval's grace.
STEPS: list[tuple[Callable[[date], Iterable[Any]], Callable[[Any, date], None]]] = [
    (_answered, close_answered),
    (_pending, settle_condition),
    (_run_out, expire_exception),
    (_ending, warn_of_exception),
    (_wanting, stop_what_was_found_wanting),
    (_approved, expire_approval),
    (_overdue, tell_of_overdue_finding),
    (_begun, tell_of_policy),
    (_used, ask_for_revalidation),
    (_used, remind_of_attestation),
    *retention.STEPS,
]


def _suspend(version: ModelVersion, reason: str) -> bool:
    """Stop its use, where it is used; whether it was."""
    version.refresh_from_db(fields=["use_status"])
    if version.use_status not in RUNNING:
        return False
    use.suspend(version, actor=system_user(), reason=reason)
    return True


def _people(version: ModelVersion) -> list:
    """Who has to know what happens to a version: its owner, its developers, those who run the process."""
    return [version.model.owner, *version.model.developers.all(), *having_role(access.MRM_LEAD)]


def _page(version: ModelVersion) -> str:
    return reverse("upkeep", args=[version.model.slug, version.number])
