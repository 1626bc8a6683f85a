"""A purge takes two people: one asks, another confirms. Then the bytes go; the row with the digest stays.

The bytes are removed under the lock on the file's row: an upload of the same bytes meanwhile waits, finds the file
purged, and stores it again. Where the store does not answer, the purge stays confirmed, and the night ends it.
"""

from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from registry import roles, signing, storage
from registry.action import Done, action
from registry.models import Artifact, Purge
from registry.notifying import having_role, notify
from registry.refusals import Conflict, NotNow
from registry.retention import rules
from registry.retention.holds import KEEPERS, not_a_keeper, not_independent, words
from registry.retention.standing import Standing, standing

State = Purge.State
OPEN = Purge.OPEN


# --- rules ----------------------------------------------------------------------------------------
def may_ask(artifact: Artifact, actor, *, early: bool = False, **_: Any) -> str | None:
    """Something must be due; early, nothing may hold it, and the schedule must know such a rule."""
    if reason := not_a_keeper(actor, "Asking for a purge"):
        return reason
    found = standing(artifact)
    return _not_independent_of(found, actor) or _kept(found, early) or _open_one(artifact)


def may_confirm(purge: Purge, actor, **_: Any) -> str | None:
    """A second person, who made none of it."""
    if reason := not_a_keeper(actor, "Confirming a purge"):
        return reason
    if purge.asked_by_id == actor.pk:
        return f"You asked for it, {actor}; a second person must confirm it."
    found = standing(purge.artifact)
    reason = _not_independent_of(found, actor) or _still(purge, State.ASKED) or _kept(found, purge.early)
    return reason or signing.refusal(actor)


def may_refuse(purge: Purge, actor, **_: Any) -> str | None:
    """Also once it is confirmed, as long as the bytes are there; the night does so where a hold came in between."""
    if not roles.is_system(actor) and (reason := not_a_keeper(actor, "Refusing a purge")):
        return reason
    return None if purge.state in OPEN else _still(purge, State.ASKED)


def may_carry_out(purge: Purge, actor, **_: Any) -> str | None:
    if not roles.is_system(actor) and purge.settled_by_id != actor.pk:
        return "A purge is carried out by whoever confirmed it, or by the system in the night after."
    return _still(purge, State.CONFIRMED)


def may_order(artifact: Artifact, actor, **_: Any) -> str | None:
    """Without people: where the rule says so itself."""
    if not roles.is_system(actor):
        return "Only the system orders a purge by itself."
    found = standing(artifact)
    if reason := _kept(found, early=False) or _open_one(artifact):
        return reason
    if found.rule is None or not found.rule.by_itself:
        return NotNow("The rule that it was kept under asks for two people.")
    return None


# --- actions --------------------------------------------------------------------------------------
@action("retention.ask", rule=may_ask)
def ask_for_purge(artifact: Artifact, *, actor, reason: str, early: bool = False) -> Done:
    """Ask that a file is purged. early: as special-category data that has served, before the other rules end."""
    reason = words(reason, "Asking for a purge needs a reason.")
    purge = _opened(artifact, actor, reason, early=early)
    said = f"{actor} asks to purge {', '.join(purge.served)}. {reason}"
    told = having_role(*KEEPERS, but=[actor])
    notify(told, f"retention.asked:{purge.pk}", f"{purge} waits for a second person", said, reverse("retention"))
    summary = f"Asked to purge {artifact}, {', '.join(purge.served)}"
    return Done(purge, about=artifact, summary=summary[:500], detail=_detail(purge))


@action("retention.order", rule=may_order)
def order_purge(artifact: Artifact, *, actor) -> Done:
    """As the rule says by itself. Done by the system."""
    purge = _opened(artifact, actor, "Its time is over, and the rule asks for no person.", early=False)
    purge.state, purge.settled_by, purge.settled_at = State.CONFIRMED, actor, timezone.now()
    purge.save(update_fields=["state", "settled_by", "settled_at"])
    return Done(purge, about=artifact, summary=f"Ordered the purge of {artifact} by its rule", detail=_detail(purge))


def confirm_purge(purge: Purge, *, actor, note: str = "") -> Purge:
    """Confirm a purge, as the second person. It is carried out at once."""
    return carry_out(_confirm(purge, actor=actor, note=note), actor=actor)


@action("retention.confirm", rule=may_confirm, at_signing=True)
def _confirm(purge: Purge, *, actor, note: str) -> Done:
    if purge.state != State.ASKED:
        raise Conflict(f"{purge} is {purge.get_state_display()} by now. Reload the page.")
    _settle(purge, State.CONFIRMED, actor, note.strip())
    return Done(purge, about=purge.artifact, summary=f"Confirmed {purge}", detail=_detail(purge))


confirm_purge.action_name, confirm_purge.refusal = _confirm.action_name, _confirm.refusal  # type: ignore[attr-defined]


@action("retention.refuse", rule=may_refuse)
def refuse_purge(purge: Purge, *, actor, reason: str) -> Done:
    """Refuse a purge. The file stays; it may be asked for again."""
    reason = words(reason, "Refusing a purge needs a reason.")
    if purge.state not in OPEN:
        raise Conflict(f"{purge} is {purge.get_state_display()} by now. Reload the page.")
    _settle(purge, State.REFUSED, actor, reason)
    detail = _detail(purge) | {"note": reason}
    return Done(purge, about=purge.artifact, summary=f"Refused {purge}: {reason}"[:500], detail=detail)


@action("retention.purge", rule=may_carry_out)
def carry_out(purge: Purge, *, actor) -> Done:
    """Remove the bytes; what they were, and under which rule they went, stays."""
    artifact = Artifact.objects.select_for_update().get(pk=purge.artifact_id)
    if purge.state != State.CONFIRMED:
        raise Conflict(f"{purge} is {purge.get_state_display()} by now. Reload the page.")
    if kept := _kept(standing(artifact), purge.early):
        raise Conflict(kept)
    purge.state, purge.purged_at = State.PURGED, timezone.now()
    purge.save(update_fields=["state", "purged_at"])
    artifact.purged_at = purge.purged_at
    artifact.save(update_fields=["purged_at"])
    storage.remove(artifact.sha256)  # last: where it fails, nothing of the above is written
    summary = f"Purged {artifact}, {', '.join(purge.served)}, under the rule “{purge.rule['title']}”"
    return Done(purge, about=artifact, summary=summary[:500], detail=_detail(purge))


def finish(purge: Purge) -> None:
    """What was confirmed and could not be carried out: end it now, or drop it where something keeps the file since."""
    system = roles.system_user()
    if kept := _kept(standing(purge.artifact), purge.early):
        with transaction.atomic():
            refuse_purge(purge, actor=system, reason=f"It was confirmed; before it was carried out, this came: {kept}")
        return
    carry_out(purge, actor=system)


# --- what they share ------------------------------------------------------------------------------
def _opened(artifact: Artifact, actor, reason: str, *, early: bool) -> Purge:
    """The caller holds the lock on the file."""
    if taken := _open_one(artifact):
        raise Conflict(taken)
    found = standing(artifact)
    rule = found.early if early else found.rule
    if rule is None:
        raise Conflict(f"No rule lets {artifact} go.")
    return Purge.objects.create(
        artifact=artifact,
        sha256=artifact.sha256,
        size=artifact.size,
        served=found.labels,
        rule=rule.as_dict(),
        schedule_sha256=rules.sha256(),
        early=early,
        reason=reason,
        asked_by=actor,
    )


def _settle(purge: Purge, state: State, actor, note: str) -> None:
    purge.state, purge.settled_by, purge.settled_at, purge.settled_note = state, actor, timezone.now(), note
    purge.save(update_fields=["state", "settled_by", "settled_at", "settled_note"])


def _kept(found: Standing, early: bool) -> NotNow | None:
    if said := storage.gone(found.artifact):
        return NotNow(said)
    kept = found.firmly_kept_by if early else found.kept_by
    if early and found.early is None and not kept:
        kept = ["Only data with a column that is marked sensitive may go before its time."]
    return NotNow(kept[0]) if kept else None


def _open_one(artifact: Artifact) -> NotNow | None:
    found = artifact.purges.filter(state__in=OPEN).first()
    return NotNow(f"{found} {found.get_state_display()} already.") if found else None


def _still(purge: Purge, state: State) -> NotNow | None:
    return None if purge.state == state else NotNow(f"{purge}: {purge.get_state_display()}.")


def _not_independent_of(found: Standing, actor) -> str | None:
    models = {use.model.pk: use.model for use in found.uses if use.model}
    datasets = [use.dataset for use in found.uses if use.dataset]
    return not_independent(actor, models.values(), datasets)


def _detail(purge: Purge) -> dict[str, Any]:
    """What went, under which rule, by whom."""
    told = {"purge": purge.pk, "sha256": purge.sha256, "bytes": purge.size, "served": purge.served}
    told |= {"rule": purge.rule["id"], "source": purge.rule["source"], "basis": purge.rule["basis"]}
    told |= {"schedule_sha256": purge.schedule_sha256, "early": purge.early, "reason": purge.reason}
    settled = purge.settled_by.get_username() if purge.settled_by else None
    return told | {"asked_by": purge.asked_by.get_username(), "settled_by": settled}
