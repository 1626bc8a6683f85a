"""Sends what is due. Several workers may do it at once: each row is taken by one conditional update."""

import logging
from datetime import timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F
from django.utils import timezone
from django_q.models import Schedule

from registry.models import Delivery
from registry.notifying import calling

logger = logging.getLogger(__name__)
# Minutes until the next attempt, after the first, the second, …; after the last one it is given up.
WAITS = (1, 5, 30, 120, 720)
TAKEN = timedelta(minutes=5)  # longer than one attempt takes: so long no other worker tries
AT_ONCE = 200


def deliver_due() -> int:
    """What the queue calls, when rung and each minute. Returns how many were sent."""
    due = Delivery.objects.filter(state=Delivery.State.PENDING, next_try_at__lte=timezone.now())
    return sum(deliver(pk) for pk in list(due.order_by("next_try_at").values_list("pk", flat=True)[:AT_ONCE]))


def deliver(pk: int) -> bool:
    """Try one. The attempt is written before it is made: a worker that dies in it uses it up."""
    now = timezone.now()
    mine = Delivery.objects.filter(pk=pk, state=Delivery.State.PENDING, next_try_at__lte=now)
    if not mine.update(attempts=F("attempts") + 1, next_try_at=now + TAKEN):
        return False
    row = Delivery.objects.select_related("notification__recipient", "webhook").get(pk=pk)
    try:
        _end(row, Delivery.State.SENT, _send(row))
        return True
    except calling.NotCalled as error:
        _failed(row, str(error), final=error.final)
    except (OSError, SMTPException) as error:
        _failed(row, f"{type(error).__name__}: {error}")
    return False


def _send(row: Delivery) -> str:
    if row.webhook is None:
        return _mail(row)
    if not row.webhook.active:
        raise calling.NotCalled("The webhook was ended.", final=True)
    return calling.call(row.webhook.url, row.webhook.secret, row.payload, delivery=row.pk)


def _mail(row: Delivery) -> str:
    told = row.notification
    lines = [told.body, f"{settings.MODELRISK_URL}{told.url}" if told.url else ""]
    message = EmailMessage(
        subject=" ".join(told.subject.split()),  # a line break would be a header of its own
        body="\n\n".join(filter(None, lines)) or told.subject,
        to=[told.recipient.email],
        headers={
            "Message-ID": f"<modelrisk-{row.pk}-{told.pk}@{settings.MODELRISK_URL.partition('://')[2] or 'local'}>"
        },
    )
    message.send()
    return "handed to the mail server"


def _failed(row: Delivery, why: str, *, final: bool = False) -> None:
    if final or row.attempts > len(WAITS):
        logger.warning("Gave up on delivery %s after %s attempts: %s", row.pk, row.attempts, why)
        _end(row, Delivery.State.FAILED, why)
        return
    again = timezone.now() + timedelta(minutes=WAITS[row.attempts - 1])
    Delivery.objects.filter(pk=row.pk).update(next_try_at=again, answer=why[:300])


def _end(row: Delivery, state: str, answer: str) -> None:
    Delivery.objects.filter(pk=row.pk).update(state=state, answer=answer[:300], ended_at=timezone.now())


def ensure_schedule(**_) -> None:
    """Called after each migrate."""
    Schedule.objects.update_or_create(
        name="registry.notifying.deliver",
        defaults={
            "func": "registry.notifying.delivering.deliver_due",
            "schedule_type": Schedule.MINUTES,
            "minutes": 1,
            "repeats": -1,
        },
    )
