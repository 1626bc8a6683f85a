"""Who works on an assessment: one conditional UPDATE decides, the attempt's number is the fencing token.

The database's clock measures leases, so that hosts need not agree on the time.
"""

import logging
import os
import socket
import threading
import time
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import DateTimeField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django_q.tasks import async_task

from assessments import admission
from assessments.models import Assessment

logger = logging.getLogger(__name__)
State = Assessment.State
LOOK_SECONDS = 1.0  # between two looks at whether somebody asked to cancel


class LeaseLost(Exception):
    """Another attempt owns the assessment now; this one must write nothing more."""


def worker_name() -> str:
    """host:process:cluster; the supervisor names each start of a cluster, to know later what died with it."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{os.environ.get('MODELRISK_CLUSTER_ID', '')}"


def in_seconds(seconds: float) -> ExpressionWrapper:
    """The database's time, `seconds` from now."""
    return ExpressionWrapper(Now() + timedelta(seconds=seconds), output_field=DateTimeField())


def claimable() -> Q:
    """Waiting, or left by a worker that died."""
    return Q(state=State.QUEUED) | Q(state=State.RUNNING, lease_until__lt=Now())


def claim(pk: int) -> Assessment | None:
    """Own it with a new attempt, or None: someone else does, it is over, or its attempts are used up."""
    won = (
        Assessment.objects.filter(claimable(), pk=pk, attempt__lt=F("max_attempts"))
        .filter(cancel_requested=False)
        .update(
            state=State.RUNNING,
            attempt=F("attempt") + 1,
            lease_until=in_seconds(settings.MODELRISK_LEASE_SECONDS),
            worker=worker_name(),
            started_at=Coalesce("started_at", Now()),
            current_test="",
            current_done=0,
            current_of=0,
            error="",
            hint="",
        )
    )
    if not won:
        return None
    assessment = Assessment.objects.get(pk=pk)
    return assessment if assessment.worker == worker_name() and assessment.state == State.RUNNING else None


def held(assessment: Assessment) -> QuerySet[Assessment]:
    """The row, while this attempt still owns it. Every write of a run goes through this."""
    return Assessment.objects.filter(pk=assessment.pk, state=State.RUNNING, attempt=assessment.attempt)


def write(assessment: Assessment, **values) -> None:
    """Change the row behind the fence. Raises LeaseLost."""
    if not held(assessment).update(**values):
        raise LeaseLost


def ring(pk: int) -> None:
    """Tell the queue. It carries the id only; ringing too often costs nothing, the claim decides."""
    Assessment.objects.filter(pk=pk).update(rung_at=Now())
    async_task("assessments.tasks.execute", pk, ack_failure=True, save=False)


class Heartbeat(threading.Thread):
    """Renews the lease while the work goes on elsewhere; hears that somebody asked to cancel, or revoked a waiver."""

    def __init__(self, assessment: Assessment) -> None:
        super().__init__(name=f"heartbeat-{assessment.pk}", daemon=True)
        self._assessment = assessment
        self._over = threading.Event()
        self._lease = settings.MODELRISK_LEASE_SECONDS
        self._renewed = time.monotonic()
        self.lost = False
        self.cancelled = False
        self.barred: tuple[str, str] | None = None  # why the gate lets the model run no longer, and what to do

    def __enter__(self) -> "Heartbeat":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        try:
            while not self.lost and not self._over.wait(min(LOOK_SECONDS, self._lease / 3)):
                self._beat()
        finally:
            connection.close()

    def _beat(self) -> None:
        now = time.monotonic()
        try:
            rows = held(self._assessment)
            if now - self._renewed >= self._lease / 3 and rows.update(lease_until=in_seconds(self._lease)):
                self._renewed = now
                self.barred = admission.problem(self._assessment)
            row = rows.values("cancel_requested").first()
            self.lost = row is None
            self.cancelled = row is not None and row["cancel_requested"]
        except DatabaseError:
            # A hiccup; but when the lease has run out unrenewed, someone else may own the row by now.
            logger.warning("assessment %s: the heartbeat could not reach the database", self._assessment.pk)
            connection.close()
            self.lost = now - self._renewed > self._lease
