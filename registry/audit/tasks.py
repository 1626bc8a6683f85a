"""What the queue calls on a schedule, and when a verification is asked for."""

from django.utils import timezone
from django_q.models import Schedule

from registry.audit import checkpoints, sealing, verifying
from registry.models import AuditCheck
from registry.roles import system_user

SEAL_MINUTES, CHECKPOINT_MINUTES = 1, 60


def seal() -> None:
    sealing.seal()


def checkpoint() -> None:
    checkpoints.make(actor=system_user())


def verify(pk: int) -> None:
    """Answer one question for a verification."""
    row = AuditCheck.objects.filter(pk=pk, finished_at__isnull=True).first()
    if row is None:
        return
    report = verifying.verify()
    row.holds, row.report, row.finished_at = report.holds, report.as_dict(), timezone.now()
    row.save(update_fields=["holds", "report", "finished_at"])


def ensure_schedules(**_) -> None:
    """Called after each migrate."""
    for name, minutes in (("seal", SEAL_MINUTES), ("checkpoint", CHECKPOINT_MINUTES)):
        Schedule.objects.update_or_create(
            name=f"registry.audit.{name}",
            defaults={
                "func": f"registry.audit.tasks.{name}",
                "schedule_type": Schedule.MINUTES,
                "minutes": minutes,
                "repeats": -1,
            },
        )
