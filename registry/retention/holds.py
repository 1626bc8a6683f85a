"""Legal holds: placed at once by whoever answers for records, lifted by the law's side alone."""

from django.utils import timezone

from registry import access, signing
from registry.action import Done, action
from registry.lineage import conflict
from registry.models import Dataset, LegalHold, MLModel
from registry.refusals import BadInput, Conflict, NotNow

KEEPERS = frozenset({access.MRM_LEAD, access.COMPLIANCE})  # answer for records
SHORTEST_REASON = 10  # characters


def not_a_keeper(actor, doing: str) -> str | None:
    if access.roles_of(actor) & KEEPERS:
        return None
    return f"{doing} takes the role MRM lead or compliance."


def not_independent(actor, models, datasets) -> str | None:
    """Who made a thing does not say that the traces of it may go."""
    for model in models:
        if reason := conflict(actor, model, "say that its files may go"):
            return reason
    own = next((dataset for dataset in datasets if dataset.owner_id == actor.pk), None)
    return f"You own {own}; someone independent must say that its files may go." if own else None


def may_place(_hold, actor, **_) -> str | None:
    """Keeping more needs no independence."""
    return not_a_keeper(actor, "Placing a legal hold") or signing.refusal(actor)


def may_lift(hold: LegalHold, actor, **_) -> str | None:
    if access.COMPLIANCE not in access.roles_of(actor):
        return "Lifting a legal hold takes the role compliance."
    models, datasets = ([hold.model] if hold.model else []), ([hold.dataset] if hold.dataset else [])
    if reason := not_independent(actor, models, datasets):
        return reason
    return NotNow(f"{hold} was lifted already.") if hold.lifted_at else signing.refusal(actor)


@action("hold.place", rule=may_place, at_signing=True)
def place_hold(
    _kind: type[LegalHold], *, actor, reason: str, model: MLModel | None = None, dataset: Dataset | None = None
) -> Done:
    """Place a legal hold. From now on nothing of this model, or of this dataset, is purged, whatever the rules say."""
    if bool(model) == bool(dataset):
        hint = "Choose the model or the dataset; another hold may name another."
        raise BadInput("A legal hold is on one model or one dataset.", hint=hint, field="model")
    reason = words(reason, "Placing a legal hold needs a reason.")
    hold = LegalHold.objects.create(model=model, dataset=dataset, reason=reason, placed_by=actor)
    detail = {"about": str(hold.about), "reason": reason}
    return Done(hold, summary=f"Placed a legal hold on {hold.about}: {reason}", detail=detail)


@action("hold.lift", rule=may_lift, at_signing=True)
def lift_hold(hold: LegalHold, *, actor, reason: str) -> Done:
    """Lift a legal hold. The rules alone say from now on how long its files are kept."""
    reason = words(reason, "Lifting a legal hold needs a reason.")
    if hold.lifted_at:
        raise Conflict(f"{hold} was lifted by now. Reload the page.")
    hold.lifted_by, hold.lifted_at, hold.lifted_reason = actor, timezone.now(), reason
    hold.save(update_fields=["lifted_by", "lifted_at", "lifted_reason"])
    return Done(hold, summary=f"Lifted the legal hold on {hold.about}: {reason}", detail={"reason": reason})


def words(text: str, message: str) -> str:
    """The reason as it is kept. Raises BadInput for one that says nothing."""
    text = text.strip()
    if len(text) < SHORTEST_REASON:
        hint = f"Write at least {SHORTEST_REASON} characters: they are kept with your name."
        raise BadInput(message, hint=hint, code="reason_required", field="reason")
    return text
