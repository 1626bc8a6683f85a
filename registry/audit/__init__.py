"""The audit trail: one row for each act, in the same transaction.

sealing      puts events under Merkle roots, batch after batch, each chained to the one before
checkpoints  signs where the log stands and puts that outside
verifying    recomputes everything and names the first event that does not fit
verify_log   the hashes, and the same check for an exported file; the standard library only
triggers     what makes the database refuse to change or remove a row
"""

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from registry.models import AuditEvent, AuditMention

# Set by the web middleware, and by `one_act` in jobs and commands.
request_id: ContextVar[str] = ContextVar("request_id", default="")
# The web request that is being answered; None in jobs and commands.
asking: ContextVar = ContextVar("asking", default=None)


def record(
    *,
    actor,
    action: str,
    obj,
    summary: str,
    detail: dict | None = None,
    refused: bool = False,
    changes: list[dict] | None = None,
) -> AuditEvent:
    """Append one event about `obj` (a saved or unsaved row). A job passes the system user as actor.

    changes: rows that were made, changed or removed, as registry.changes gives them.
    Raises ValueError without an actor.
    """
    if getattr(actor, "pk", None) is None or not actor.get_username():
        raise ValueError(f"{action} has no actor: an event is never anonymous. A job acts as roles.system_user().")
    changes = changes or []
    about = (obj._meta.label_lower, str(obj.pk or ""))
    event = AuditEvent.objects.create(
        actor=actor,
        actor_name=actor.get_username(),
        action=action,
        refused=refused,
        object_type=about[0],
        object_id=about[1],
        object_label=(str(obj) if obj.pk else obj._meta.verbose_name)[:255],
        summary=summary[:500],
        detail=detail or {},
        changes=changes,
        request_id=request_id.get() or _new_id(),
        session=session_of(asking.get()),
    )
    others = {(change["type"], change["id"]) for change in changes} - {about}
    AuditMention.objects.bulk_create(
        AuditMention(event=event, object_type=kind, object_id=key) for kind, key in sorted(others)
    )
    return event


@contextmanager
def one_act() -> Iterator[None]:
    """What is recorded within has one request id, outside of requests too."""
    if request_id.get():
        yield
        return
    token = request_id.set(_new_id())
    try:
        yield
    finally:
        request_id.reset(token)


def session_of(request) -> str:
    """How the person was signed in: "session" or "token" and a name of it that is no secret; "" outside of requests."""
    if request is None:
        return ""
    token = getattr(request, "auth", None)
    if digest := getattr(token, "digest", None):
        return f"token {_name_of(digest)}"
    key = getattr(getattr(request, "session", None), "session_key", None)
    return f"session {_name_of(key)}" if key else ""


def _name_of(secret: str) -> str:
    """The same for the same secret, and no way back to it."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


def _new_id() -> str:
    return uuid.uuid4().hex
