"""How a version moves in the tables: by compare-and-swap, under the lock on its row that the action holds."""

from django.utils import timezone

from registry.approvals.states import Anew, Event, step
from registry.models import ApprovalRequest, ModelVersion
from registry.refusals import Conflict


def move(version: ModelVersion, event: Event) -> str:
    """Where it is now, in words. Whoever comes second finds the state changed: a Conflict."""
    found = step(version, event)
    at = {"approval_status": version.approval_status, "revalidation": version.revalidation}
    changed = {} if found is None else _changed(found.to, event)
    if not changed or not ModelVersion.objects.filter(pk=version.pk, **at).update(**changed):
        raise Conflict(f"{version} is {version.case_words} by now. Reload the page.")
    for name, value in changed.items():
        setattr(version, name, value)
    return version.case_words


def _changed(to: str, event: Event) -> dict[str, str]:
    """A revalidation leaves the approval alone until it ends; an approval that expires meanwhile leaves it open."""
    if isinstance(to, Anew):
        return {"revalidation": to}
    return {"approval_status": to} if event == Event.EXPIRE else {"approval_status": to, "revalidation": Anew.NONE}


def open_case(version: ModelVersion) -> ApprovalRequest:
    """Raises Conflict where there is none."""
    case: ApprovalRequest | None = version.approval_requests.filter(closed_at__isnull=True).first()
    if case is None:
        raise Conflict(f"{version} has no open case.")
    return case


def close(case: ApprovalRequest) -> None:
    """It has ended, in whatever way."""
    case.closed_at = timezone.now()
    case.save(update_fields=["closed_at", "evidence"])
