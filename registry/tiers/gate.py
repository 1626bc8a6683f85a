"""The lightest process is not for who registers a model to choose: tier 3 takes a confirmed rating."""

from collections.abc import Iterator

from registry.approvals.gates import Blocker, Stage, gate
from registry.models import MLModel, ModelVersion


@gate(at=Stage)
def rated(version: ModelVersion) -> Iterator[Blocker]:
    """Tiers 1 and 2 ask for no less than a model gets that nobody rated."""
    model = version.model
    if model.tier == MLModel.Tier.THREE and not model.tier_ratings.confirmed().exists():
        yield Blocker(
            "tier_not_confirmed",
            f"{model} is tier 3 by the word of who registered it alone.",
            "Rate it, and have an MRM lead confirm the rating.",
        )
