"""Telling people and other systems, once each.

    notify([approver], f"case.decided:{decision.pk}", "Income v3 was approved", "Valid until …", "/models/income/v3/")

Called in the body of an action: the rows are written with the act or not at all. E-mail and webhooks go out after the
commit, by a task of the queue (`delivering`); only an act that committed is ever told.

delivering   sends what is due, tries again later, gives up in the end
calling      one call of a webhook: signed, to no private address, following no redirect
webhooks     the actions by which an administrator adds and ends webhooks
"""

from collections.abc import Iterable

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from registry import access
from registry.models import Delivery, Notification, Webhook

# Kind of event -> what it says. A key begins with one of them.
EVENTS = {
    "case.submitted": "a version was submitted for validation",
    "case.assigned": "a validator was assigned to a version",
    "case.returned": "a version was returned to its owner",
    "case.validated": "a validator gave an opinion on a version",
    "case.pending": "a version was put to decision",
    "case.decided": "a version was decided on",
    "case.expiring": "an approval will expire soon",
    "case.expired": "an approval expired",
    "use.changed": "a version came into use, or its use was restricted, suspended, reinstated or ended",
    "finding.issued": "a finding was issued",
    "finding.moved": "a finding waits for the other side",
    "finding.overdue": "a finding is overdue",
    "condition.due": "a condition is due soon, or breached",
    "exception.requested": "an exception waits for someone of a higher rank",
    "exception.decided": "an exception was granted, refused or revoked",
    "exception.due": "an exception ends soon, or has ended",
    "waiver.needed": "a file waits for a waiver",
    "tier.proposed": "a risk rating waits for a second person",
    "tier.confirmed": "a risk rating was confirmed or refused",
    "role.requested": "a role waits for a second person",
    "account.password": "somebody else set a person's password",
    "policy.proposed": "a policy waits for a second person",
    "policy.in_force": "a policy was signed, or took effect",
    "revalidation.asked": "a version must be validated again",
    "retention.due": "files are due for purge",
    "retention.asked": "a purge waits for a second person",
    "attestation.due": "an owner's attestation is due",
}


def notify(recipients: Iterable, key: str, subject: str, body: str = "", url: str = "") -> int:
    """Tell each of these people once. Returns how many of them hear it for the first time.

    key: kind of event and what it is about, for example `case.submitted:17`. url: from the root of this site.
    """
    event = key.partition(":")[0]
    if event not in EVENTS:
        raise ValueError(f"{event!r} is no kind of event: add it to EVENTS.")
    people = {person.pk: person for person in recipients if person.is_active}
    known = Notification.objects.filter(key=key, recipient__in=people).values_list("recipient", flat=True)
    new = people.keys() - set(known)
    text = {"subject": subject[:200], "body": body, "url": url}
    rows = [Notification(recipient=people[pk], key=key, **text) for pk in sorted(new)]
    # Of two at the same instant one writes the row; the other finds it written.
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    if _mail(key, [pk for pk in new if people[pk].email]) + _call(key, event, text):
        transaction.on_commit(ring, robust=True)
    return len(new)


def having_role(*roles: str, but: Iterable = ()) -> QuerySet:
    """The people with one of these roles now, without those in `but`."""
    people = access.people_with(*roles)
    return people.exclude(pk__in=[person.pk for person in but]).order_by("pk")


def ring() -> None:
    """Tell the queue. The rows are the truth: what is not heard goes out with the schedule."""
    from django_q.tasks import async_task

    async_task("registry.notifying.delivering.deliver_due", ack_failure=True, save=False)


def _mail(key: str, people: list[int]) -> int:
    if not settings.MODELRISK_SENDS_EMAIL or not people:
        return 0
    told = Notification.objects.filter(key=key, recipient__in=people)
    rows = [Delivery(notification=one, key=key) for one in told]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _call(key: str, event: str, text: dict) -> int:
    """Each webhook hears of a key once, however many people do."""
    wanting = [hook for hook in Webhook.objects.filter(active=True) if hook.wants(event)]
    told = set(Delivery.objects.filter(webhook__in=wanting, key=key).values_list("webhook", flat=True))
    payload = {"schema": "modelrisk.event/1", "event": event, "key": key, "at": timezone.now().isoformat(), **text}
    rows = [Delivery(webhook=hook, key=key, payload=payload) for hook in wanting if hook.pk not in told]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)
