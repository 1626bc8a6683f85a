"""Who may rate a model, and who may be the second person. Each gives a sentence, or None."""

from registry import access
from registry.lineage import conflict
from registry.models import MLModel, TierRating
from registry.refusals import NotNow
from registry.tiers import matrix

RATERS = frozenset({access.MRM_LEAD, access.VALIDATOR})


def may_rate(model: MLModel, actor, **_) -> str | None:
    if access.is_builder(actor, model) or access.roles_of(actor) & RATERS:
        return None
    return f"Rating {model} is for its owner, its developers, a validator or the model risk management lead."


def may_settle(rating: TierRating, actor, **_) -> str | None:
    """Four eyes, of which two belong to someone who neither answered nor builds."""
    if access.MRM_LEAD not in access.roles_of(actor):
        return "Confirming or refusing a rating takes the role model risk management lead (mrm_lead)."
    if rating.rated_by_id == actor.pk:
        return f"You made this rating of {rating.model}; a second person must confirm or refuse it."
    if reason := conflict(actor, rating.model, "settle its tier"):
        return reason
    if rating.state != TierRating.State.PROPOSED:
        return NotNow(f"This rating is {rating.get_state_display()} already.")
    return None


def may_confirm(rating: TierRating, actor, **_) -> str | None:
    if reason := may_settle(rating, actor):
        return reason
    if rating.matrix_sha256 != matrix.sha256():
        return NotNow("The tiering matrix changed since this rating was made: rate the model again.")
    return None
