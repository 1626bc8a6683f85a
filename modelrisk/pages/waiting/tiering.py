"""Risk ratings that wait for a second person: for the model risk management lead."""

from collections.abc import Iterator

from django.urls import reverse

from modelrisk.pages.waiting.row import AT_MOST, Waiting
from registry import access
from registry.models import ModelVersion, TierRating


def found(user) -> Iterator[Waiting]:
    if access.MRM_LEAD not in access.roles_of(user):
        return
    proposed = TierRating.objects.proposed().select_related("model", "rated_by").order_by("rated_at")[:AT_MOST]
    mine = _built_by(user, [rating.model_id for rating in proposed])
    for rating in proposed:
        blocked = ""
        if rating.rated_by_id == user.pk:
            blocked = "You made this rating; a second person must settle it."
        elif rating.model_id in mine or rating.model.owner_id == user.pk:
            blocked = "You own, develop or uploaded this model; someone independent must settle its tier."
        yield Waiting(
            kind="confirm_tier",
            what="Confirm a risk rating",
            note=f"tier {rating.tier}, by {rating.rated_by}",
            about=str(rating.model),
            tier=rating.tier,
            since=rating.rated_at,
            url=reverse("tier", args=[rating.model.slug]),
            blocked=blocked,
        )


def _built_by(user, models: list[int]) -> set[int]:
    uploaded = ModelVersion.objects.filter(model__in=models, created_by=user).values_list("model", flat=True)
    developed = user.developed_models.filter(pk__in=models).values_list("pk", flat=True)
    return {*uploaded, *developed}
