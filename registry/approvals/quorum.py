"""Whose votes make a decision, by tier (guard G10): places, each to be filled by another person."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from registry import access
from registry.models import Vote

DECIDING = (access.COMMITTEE_CHAIR, access.COMPLIANCE, access.APPROVER)


@dataclass(frozen=True)
class Place:
    name: str
    roles: frozenset[str]


_CHAIR = Place("committee chair or compliance", frozenset({access.COMMITTEE_CHAIR, access.COMPLIANCE}))
_APPROVER = Place("approver", frozenset(DECIDING))
_MRM_LEAD = Place("MRM lead", frozenset({access.MRM_LEAD}))

QUORUM: dict[int, tuple[Place, ...]] = {1: (_CHAIR, _APPROVER), 2: (_APPROVER,), 3: (_MRM_LEAD,)}
# The lead validator's signature counts beside the votes, never as one of them.
WITHOUT_LEAD_VALIDATOR = frozenset({1, 3})


def roles_that_vote(tier: int) -> tuple[str, ...]:
    """The roles that fill a place, those that fill more places first."""
    roles = {role for place in QUORUM[tier] for role in place.roles}
    known = (*DECIDING, access.MRM_LEAD)
    return tuple(role for role in known if role in roles)


def words(tier: int) -> str:
    """What the tier asks for, in words."""
    told = {
        1: "two approvers, one of them the committee's chair or compliance",
        2: "one approver",
        3: "the validator's sign-off and the MRM lead's vote",
    }
    return told[tier]


def filled(tier: int, votes: Iterable[Vote]) -> dict[str, Vote] | None:
    """{place: the vote that fills it}, or None while one is empty. No person fills two."""
    found = _best(QUORUM[tier], list(votes))
    return found if len(found) == len(QUORUM[tier]) else None


def missing(tier: int, votes: Iterable[Vote]) -> list[str]:
    """The places that stay empty when the votes fill as many as they can."""
    found = _best(QUORUM[tier], list(votes))
    return [place.name for place in QUORUM[tier] if place.name not in found]


def _best(places: tuple[Place, ...], votes: list[Vote]) -> dict[str, Vote]:
    """The fullest way to give each place a vote of another person."""
    if not places:
        return {}
    first, rest = places[0], places[1:]
    ways = []
    for vote in votes:
        if vote.role in first.roles:
            others = [other for other in votes if other.voter_id != vote.voter_id]
            ways.append({first.name: vote} | _best(rest, others))
    return max([*ways, _best(rest, votes)], key=len)


def told(tier: int, places: dict[str, Vote]) -> dict[str, Any]:
    """As it is kept with the decision."""
    return {
        "tier": tier,
        "asked": words(tier),
        "places": [
            {"place": name, "voter": vote.voter.get_username(), "role": vote.role, "vote": vote.pk}
            for name, vote in places.items()
        ],
    }
