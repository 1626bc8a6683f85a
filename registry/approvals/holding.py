"""Guard G7 of what stands approved: a condition that was not kept holds it back, whether or not the night came by."""

from datetime import date

from django.db.models import Q
from django.utils import timezone

from registry.approvals.gates import Blocker
from registry.models import Condition, ModelVersion
from registry.refusals import NotNow


def not_kept(version: ModelVersion, today: date | None = None) -> list[Blocker]:
    """Each condition of its approvals that is breached, or past its day and not met."""
    unmet = Condition.objects.filter(decision__request__version=version).exclude(state=Condition.State.SATISFIED)
    held = unmet.filter(Q(state=Condition.State.BREACHED) | Q(due__lt=today or timezone.localdate()))
    return [_blocker(one) for one in held.select_related("owner").order_by("pk")]


def conditions_kept(version: ModelVersion) -> NotNow | None:
    """Why it may not come into use, or back into it."""
    found = not_kept(version)
    if not found:
        return None
    return NotNow(" ".join(f"{one.message} {one.hint}" for one in found), code=found[0].id)


def _blocker(condition: Condition) -> Blocker:
    hint = f"It must be met first: {condition.owner} owns it."
    if condition.state == Condition.State.BREACHED:
        return Blocker("condition_breached", f"{condition} is breached: {condition.text}", hint)
    due = f"{condition.due:%-d %b %Y}"
    return Blocker("condition_overdue", f"{condition} was due on {due} and is not met: {condition.text}", hint)
