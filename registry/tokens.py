"""API tokens: shown once, kept as a hash, with an end."""

from knox.models import AuthToken

from registry import access
from registry.action import Done, action
from registry.models import ServiceAccount
from registry.refusals import NotNow


def _only_ones_own(user, actor, **_) -> str | None:
    """One's own; of a service account, its owner's to make and to end."""
    account = ServiceAccount.objects.filter(account=user.pk).first()
    if account is None:
        return None if user.pk == actor.pk else "A token is given to the person it is for."
    if account.owner_id != actor.pk:
        return f"Tokens of {user} are made and ended by {account.owner}, who answers for it."
    return None


def _may_issue(user, actor, **_) -> str | None:
    reason = _only_ones_own(user, actor)
    if reason is None and user.pk != actor.pk and access.SERVICE_ACCOUNT not in access.roles_of(user):
        return NotNow(f"{user} has not the role service account yet: a second person must grant it.")
    return reason


def not_answered_for(user) -> str | None:
    """Why the tokens of this account open nothing now: a program acts in its role, for a person who is there."""
    account = ServiceAccount.objects.select_related("owner").filter(account=user.pk).first()
    if account is None:
        return None
    if access.SERVICE_ACCOUNT not in access.roles_of(user):
        return f"{user} has not the role service account now."
    return None if account.owner.is_active else f"Nobody answers for {user} any more: the account of its owner ended."


@action("token.issue", rule=_may_issue)
def issue(user, *, actor) -> Done:
    """Make a token for oneself or for a service account of one's own; returns (row, text). The text is not kept."""
    row, text = AuthToken.objects.create(user=user)
    summary = f"Made a token for the API, for {user}"
    return Done((row, text), about=user, summary=summary, detail={"expires": row.expiry.isoformat()})


@action("token.revoke", rule=_only_ones_own)
def revoke(user, *, actor, token: AuthToken) -> Done:
    """End one token now."""
    token.delete()
    return Done(None, about=user, summary=f"Ended a token for the API, of {user}")
