"""A verification of the whole log that somebody asks for: a small log at once, a large one by the worker."""

from django.db import transaction
from django_q.tasks import async_task

from registry.audit import tasks
from registry.models import AuditCheck, AuditSeal

AT_ONCE = 20_000  # events: about half a second


def ask(actor) -> AuditCheck:
    """The row that will hold the answer; it holds it already where the log is small."""
    row = AuditCheck.objects.create(asked_by=actor)
    head = AuditSeal.objects.first()
    if head is None or head.last_serial <= AT_ONCE:
        tasks.verify(row.pk)
        row.refresh_from_db()
    else:
        transaction.on_commit(lambda: async_task("registry.audit.tasks.verify", row.pk))
    return row
