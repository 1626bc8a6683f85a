"""API tokens: shown once, kept as a hash, with an end."""

from knox.models import AuthToken

from registry.action import Done, action


def _only_ones_own(user, actor, **_) -> str | None:
    return None if user.pk == actor.pk else "A token is given to the person it is for."


@action("token.issue", rule=_only_ones_own)
def issue(user, *, actor) -> Done:
    """Make a token for the actor; returns (row, text). The text is not kept."""
    row, text = AuthToken.objects.create(user=user)
    return Done((row, text), about=user, summary="Made a token for the API", detail={"expires": row.expiry.isoformat()})


@action("token.revoke", rule=_only_ones_own)
def revoke(user, *, actor, token: AuthToken) -> Done:
    """End one token now."""
    token.delete()
    return Done(None, about=user, summary="Ended a token for the API")
