"""The audit trail: one row for each act, in the same transaction."""

from contextvars import ContextVar

from registry.models import AuditEvent

# Set by the web middleware; empty in jobs and commands.
request_id: ContextVar[str] = ContextVar("request_id", default="")


def record(*, actor, action: str, obj, summary: str, detail: dict | None = None, refused: bool = False) -> AuditEvent:
    """Append one event about `obj` (a saved or unsaved row). A job passes the system user as actor."""
    return AuditEvent.objects.create(
        actor=actor,
        actor_name=actor.get_username(),
        action=action,
        refused=refused,
        object_type=obj._meta.label_lower,
        object_id=str(obj.pk or ""),
        object_label=(str(obj) if obj.pk else obj._meta.verbose_name)[:255],
        summary=summary[:500],
        detail=detail or {},
        request_id=request_id.get(),
    )
