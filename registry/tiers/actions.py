"""Rate a model, confirm or refuse the rating. The tier of the model changes with the confirmation and not before."""

from dataclasses import asdict
from typing import Any

from django.urls import reverse
from django.utils import timezone

from registry import access
from registry.action import Done, action
from registry.models import ApprovalRequest, MLModel, TierRating
from registry.notifying import having_role, notify
from registry.refusals import BadInput, Conflict
from registry.tiers import matrix, rules

SHORTEST_REASON = 10  # characters


@action("tier.rate", rule=rules.may_rate)
def rate_model(
    model: MLModel, *, actor, answers: dict[str, Any], override_tier: int | None = None, reason: str = ""
) -> Done:
    """Answer the questions. An override needs a reason; each rating needs a second person, and replaces one that still
    waits for them."""
    found, reason = matrix.computed(answers), reason.strip()
    override_tier = None if override_tier == found.tier else override_tier
    _check_override(found, override_tier, reason)
    replaced = model.tier_ratings.proposed().update(state=TierRating.State.SUPERSEDED)
    rating = model.tier_ratings.create(
        answers=answers,
        materiality=found.materiality,
        inherent=found.inherent,
        computed_tier=found.tier,
        forced=list(found.forced),
        override_tier=override_tier,
        reason=reason,
        matrix_version=matrix.tiering()["version"],
        matrix_sha256=matrix.sha256(),
        rated_by=actor,
    )
    summary = f"Rated {model} tier {rating.tier}"
    summary += f", overriding tier {found.tier}: {reason}" if override_tier else " by the matrix"
    notify(
        having_role(access.MRM_LEAD, but=[actor, model.owner]),
        f"tier.proposed:{rating.pk}",
        f"The rating of {model} waits for a second person",
        f"{actor} rated it tier {rating.tier}. {reason}".strip(),
        reverse("tier", args=[model.slug]),
    )
    detail = asdict(found) | {"rating": rating.pk, "tier": rating.tier, "replaced": replaced, "reason": reason}
    return Done(rating, about=model, summary=summary, detail=detail | {"matrix": rating.matrix_sha256})


@action("tier.confirm", rule=rules.may_confirm, at_signing=True)
def confirm_rating(rating: TierRating, *, actor, note: str = "") -> Done:
    """The second person agrees: the model has this tier from now on."""
    model = MLModel.objects.select_for_update().get(pk=rating.model_id)
    _still_proposed(rating)
    was = model.tier
    model.tier_ratings.confirmed().update(state=TierRating.State.SUPERSEDED)
    _settle(rating, TierRating.State.CONFIRMED, actor, note)
    model.tier = rating.tier
    model.save(update_fields=["tier"])
    # A case that is open is decided as the stricter of both tiers asks; its dossier is another one with that.
    open_cases = ApprovalRequest.objects.filter(version__model=model, closed_at=None, tier__gt=model.tier)
    open_cases.update(tier=model.tier)
    _tell(rating, model, f"{model} is tier {model.tier}: {actor} confirmed the rating", note)
    summary = f"Confirmed {model} as tier {model.tier}" + (f", before: tier {was}" if was != model.tier else "")
    return Done(rating, about=model, summary=summary, detail={"rating": rating.pk, "from": was, "to": model.tier})


@action("tier.refuse", rule=rules.may_settle)
def refuse_rating(rating: TierRating, *, actor, reason: str) -> Done:
    """The second person does not agree: the tier stays as it is."""
    reason = reason.strip()
    if len(reason) < SHORTEST_REASON:
        raise _too_short("Refusing a rating needs a reason.")
    _still_proposed(rating)
    _settle(rating, TierRating.State.REFUSED, actor, reason)
    _tell(rating, rating.model, f"The rating of {rating.model} was refused", reason)
    detail = {"rating": rating.pk, "reason": reason}
    return Done(rating, about=rating.model, summary=f"Refused {rating}: {reason}", detail=detail)


def _check_override(found: matrix.Computed, tier: int | None, reason: str) -> None:
    if tier is None:
        return
    if tier not in MLModel.Tier.values:
        raise BadInput(f"There is no tier {tier!r}.", hint="Choose 1, 2 or 3.", field="override_tier")
    if found.forced and tier > found.tier:
        raise BadInput(
            f"Tier {found.tier} is forced: {found.forced[0]}.",
            hint="An override cannot lift this; change the answer if it is wrong.",
            field="override_tier",
        )
    if len(reason) < SHORTEST_REASON:
        raise _too_short("An override needs a reason.")


def _too_short(message: str) -> BadInput:
    hint = f"Write at least {SHORTEST_REASON} characters, for those who will ask."
    return BadInput(message, hint=hint, code="note_required", field="reason")


def _still_proposed(rating: TierRating) -> None:
    if rating.state != TierRating.State.PROPOSED:
        raise Conflict(f"This rating is {rating.get_state_display()} by now. Reload the page.")


def _settle(rating: TierRating, state: TierRating.State, actor, note: str) -> None:
    rating.state, rating.settled_by, rating.settled_at, rating.settled_note = state, actor, timezone.now(), note.strip()
    rating.save(update_fields=["state", "settled_by", "settled_at", "settled_note"])


def _tell(rating: TierRating, model: MLModel, subject: str, body: str) -> None:
    notify(
        {rating.rated_by, model.owner}, f"tier.confirmed:{rating.pk}", subject, body, reverse("tier", args=[model.slug])
    )
