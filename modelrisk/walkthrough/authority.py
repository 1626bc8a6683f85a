"""Who decided, in which role, with what authority on that day: each vote with the grant that it was cast under."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from registry.models import Decision, RoleGrant, Vote


@dataclass(frozen=True)
class Authority:
    """One vote. held: whether the grant was in force at the moment of the vote."""

    vote: Vote
    grant: RoleGrant | None
    held: bool

    @property
    def sentence(self) -> str:
        role = self.vote.role.replace("_", " ")
        if self.grant is None:
            return f"The vote names no grant of the role {role}."
        told = f"{role}: asked for by {self.grant.requested_by}"
        if self.grant.granted_by and self.grant.granted_at:
            told += f", granted {self.grant.granted_at:%Y-%m-%d %H:%M} UTC by {self.grant.granted_by}"
        return f"{told}; {'in force' if self.held else 'NOT in force'} at the vote."

    def as_dict(self) -> dict[str, Any]:
        vote, grant = self.vote, self.grant
        return {
            "vote": vote.pk,
            "person": vote.voter.get_username(),
            "role": vote.role,
            "outcome": vote.outcome,
            "comment": vote.comment,
            "cast_at": vote.cast_at,
            "password_given_at": vote.authenticated_at,
            "dossier_sha256": vote.dossier.sha256,
            "grant": grant.pk if grant else None,
            "granted_at": grant.granted_at if grant else None,
            "granted_by": grant.granted_by.get_username() if grant and grant.granted_by else "",
            "ended_at": grant.ended_at if grant else None,
            "in_force": self.held,
            "conflict_check": vote.conflict_check,
        }


def of_decision(decision: Decision) -> list[Authority]:
    """The votes under the dossier that was decided on, in their order. A case has others: for its use again."""
    votes = Vote.objects.filter(dossier=decision.dossier_id, cleared_at__isnull=True)
    votes = votes.select_related("voter", "dossier", "grant__requested_by", "grant__granted_by").order_by("pk")
    return [_authority(vote) for vote in votes]


def _authority(vote: Vote) -> Authority:
    grant = vote.grant or _grant_at(vote.voter_id, vote.role, vote.cast_at)
    return Authority(vote, grant, bool(grant and _held(grant, vote.cast_at)))


def _grant_at(person: int, role: str, moment: datetime) -> RoleGrant | None:
    rows = RoleGrant.objects.in_force(moment).filter(user=person, role=role)
    return rows.select_related("requested_by", "granted_by").first()


def _held(grant: RoleGrant, moment: datetime) -> bool:
    began = grant.granted_at is not None and grant.granted_at <= moment
    return began and (grant.ended_at is None or grant.ended_at > moment)
