"""Assessments that nobody works on, though somebody should: rung again, or buried. Any host may do it at any time."""

import contextlib
import logging
import os
import shutil
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django_q.models import Schedule

from assessments import leasing, runner
from assessments.models import Assessment

logger = logging.getLogger(__name__)
State = Assessment.State
RING_AGAIN_SECONDS = 45.0
SWEEP_SECONDS = 3600  # beyond the longest run
AT_ONCE = 200  # rows in one go


def abandoned() -> QuerySet[Assessment]:
    """Waiting, or held by a lease that ran out."""
    return Assessment.objects.filter(leasing.claimable())


def unheard(seconds: float = RING_AGAIN_SECONDS) -> QuerySet[Assessment]:
    """Abandoned, and the queue was not told of it lately."""
    long_ago = Q(rung_at__isnull=True) | Q(rung_at__lt=leasing.in_seconds(-seconds))
    left_since = Q(state=State.RUNNING, rung_at__lt=F("lease_until"))
    return abandoned().filter(long_ago | left_since)


def reap() -> None:
    """Idempotent; several hosts may do it at once."""
    sweep()
    for pk in abandoned().filter(over()).values_list("pk", flat=True)[:AT_ONCE]:
        bury(pk)
    for pk in unheard().exclude(over()).values_list("pk", flat=True)[:AT_ONCE]:
        leasing.ring(pk)


def sweep() -> None:
    """Remove what a killed worker left of models and data. No run lives as long as these folders are old."""
    oldest = time.time() - settings.MODELRISK_ASSESSMENT_SECONDS - SWEEP_SECONDS
    for folder in Path(tempfile.gettempdir()).glob(f"{runner.FOLDER}*"):
        with contextlib.suppress(OSError):
            if folder.lstat().st_mtime < oldest and folder.lstat().st_uid == os.getuid():
                shutil.rmtree(folder, ignore_errors=True)


def over() -> Q:
    """Not to be run again: cancelled while its worker was dead, or its attempts are used up."""
    return Q(cancel_requested=True) | Q(attempt__gte=F("max_attempts"))


@transaction.atomic
def bury(pk: int) -> None:
    row = abandoned().filter(over(), pk=pk).select_for_update().first()
    if row is None:
        return
    if row.cancel_requested:
        runner.end(row, State.CANCELLED, error="Cancelled. The tests that had finished are kept.")
        return
    error = row.error or f"The worker died in each of {row.attempt} attempts, the last time in {where(row)}."
    hint = row.hint or "The test may need more memory than there is. Leave it out, or give fewer rows; then retry."
    runner.end(row, State.FAILED, error=error, hint=hint)


def where(row: Assessment) -> str:
    return f"the test {row.current_test}" if row.current_test else "reading the model and its data"


def waiting() -> set[int]:
    """The assessments that a worker should have taken."""
    return set(abandoned().exclude(over()).values_list("pk", flat=True)[:AT_ONCE])


def working(host: str) -> bool:
    """Whether a worker of this host is busy."""
    busy = Assessment.objects.filter(state=State.RUNNING, lease_until__gte=Now())
    return busy.filter(worker__startswith=f"{host}:").exists()


def release(cluster_id: str) -> None:
    """End the leases of a cluster whose processes are known to be dead; reap() rings for what they held."""
    mine = Assessment.objects.filter(state=State.RUNNING, worker__endswith=f":{cluster_id}")
    mine.update(lease_until=leasing.in_seconds(-1), rung_at=None)


def hand_back(cluster_id: str) -> None:
    """Queue again what a cluster is working on, because it is to stop. Not the runs' fault: the attempt counts not."""
    mine = Assessment.objects.filter(state=State.RUNNING, worker__endswith=f":{cluster_id}")
    mine.update(state=State.QUEUED, lease_until=None, rung_at=None, max_attempts=F("max_attempts") + 1)


def ensure_schedule(**_) -> None:
    """Have the queue reap each minute and look after the battery's self-test; called after each migrate."""
    Schedule.objects.update_or_create(
        name="assessments.reap",
        defaults={"func": "assessments.tasks.reap", "schedule_type": Schedule.MINUTES, "minutes": 1, "repeats": -1},
    )
    # Not at once: a worker that has just started is waited for.
    Schedule.objects.update_or_create(
        name="assessments.selftest",
        defaults={"func": "assessments.tasks.selftest_battery", "schedule_type": Schedule.MINUTES, "minutes": 15,
                  "repeats": -1},
        create_defaults={"func": "assessments.tasks.selftest_battery", "schedule_type": Schedule.MINUTES, "minutes": 15,
                         "repeats": -1, "next_run": timezone.now() + timedelta(minutes=10)},
    )  # fmt: skip
    # Each night, after the day has ended (UTC); a night that was missed is made up for at the next start.
    midnight = timezone.now().replace(hour=0, minute=10, second=0, microsecond=0) + timedelta(days=1)
    daily = {"func": "assessments.tasks.nightly", "schedule_type": Schedule.DAILY, "repeats": -1}
    Schedule.objects.update_or_create(
        name="assessments.nightly", defaults=daily, create_defaults=daily | {"next_run": midnight}
    )
