"""Who may sign a decision now (guard G2): a named person, in a web session, who gave their password a moment ago.

The session keeps when its person last gave the password: at the sign-in, and each time they are asked again before a
signature. A token never signs, whoever's it is; nor do those who run the system and decide nothing.

A rule of a decision returns `refusal(actor)` as it is: where the password alone is missing it is a PasswordNeeded,
which pages and API turn into the question for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, authenticate, update_session_auth_hash
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ValidationError
from django.utils import timezone

from registry import access, audit, sign_ins
from registry.action import Done, action, is_supposed
from registry.refusals import BadInput, PasswordNeeded

KEPT_AS = "authenticated_at"  # in the session
NOT_A_SESSION = "A decision is signed in the web session of a named person, not with an API token."
DECIDES_NOTHING = {
    access.ADMIN: "An admin runs the system and decides nothing; someone else must sign.",
    access.SERVICE_ACCOUNT: "A service account decides nothing; a named person must sign.",
}


def refusal(actor: AbstractBaseUser) -> str | None:
    """Why this person's signature does not count in the request that is being answered, or None."""
    if getattr(actor, "is_superuser", False):
        return DECIDES_NOTHING[access.ADMIN]
    for role, reason in DECIDES_NOTHING.items():
        if role in access.roles_of(actor):
            return reason
    return in_person(actor)


def in_person(actor: AbstractBaseUser) -> str | None:
    """Why this is not surely the person who is signed in, or None. For acts of those who run the system, too."""
    if is_supposed():
        return None
    if _session_of(actor) is None:
        return NOT_A_SESSION
    given = authenticated_at()
    if given is None or given < timezone.now() - _lasts():
        return PasswordNeeded(
            f"A signature needs your password, given within the last {settings.MODELRISK_SIGN_WITHIN_MINUTES:g} "
            "minutes. Give it again, then sign."
        )
    return None


def authenticated_at() -> datetime | None:
    """When the person of the session that is being answered last gave their password; None outside of sessions."""
    session = getattr(audit.asking.get(), "session", None)
    written = session.get(KEPT_AS) if session is not None else None
    return datetime.fromisoformat(written) if written else None


def signs_until(actor: AbstractBaseUser) -> datetime | None:
    """Until when this person may sign without giving the password again; None where they may not now."""
    given = authenticated_at()
    return given + _lasts() if given is not None and refusal(actor) is None else None


def _own_session(user, actor, **_) -> str | None:
    if user.pk != actor.pk:
        return "Only the person of a session gives the password in it."
    return None if _session_of(actor) is not None else NOT_A_SESSION


@contextmanager
def _is_theirs(user, *, actor, password: str, **given: Any) -> Iterator[dict[str, Any]]:
    """Counted as at the sign-in, and outside of the transaction: what is wrong must not be forgotten with it."""
    request, name = audit.asking.get(), user.get_username()
    tried = sign_ins.begin(request, name)
    found = authenticate(request, username=name, password=password)
    if found is None or found.pk != user.pk:
        sign_ins.was_wrong(tried, name)
        raise BadInput(
            "The password is wrong.",
            hint="It is the one that you sign in with.",
            code="wrong_password",
            field="password",
        )
    sign_ins.was_right(tried)
    yield {"password": password, **given}


@action("account.reauthenticate", rule=_own_session, prepare=_is_theirs)
def reauthenticate(user, *, actor, password: str) -> Done:
    """Give one's password again in the session that is open. Raises BadInput where it is wrong, and Waits where
    too many were."""
    request = audit.asking.get()
    _keep_the_time(request)
    return Done(user, summary=f"{user} gave their password again", detail={"at": request.session[KEPT_AS]})


@action("account.choose_password", rule=_own_session, prepare=_is_theirs)
def choose_password(user, *, actor, password: str, new: str) -> Done:
    """Choose another password, giving the one of now: what an admin set is known to two. The person's other sessions
    end. Raises BadInput where the old one is wrong, or the new one is the same or too weak; Waits where too many
    were wrong."""
    if new == password:
        raise BadInput("That is your password already.", hint="Choose another one.", field="new")
    try:
        validate_password(new, user)
    except ValidationError as weak:
        raise BadInput(" ".join(weak.messages), hint="A few unrelated words make a good one.", field="new") from None
    user.set_password(new)
    user.save(update_fields=["password"])
    request = audit.asking.get()
    update_session_auth_hash(request, user)
    _keep_the_time(request)
    return Done(user, summary=f"{user} chose a new password")


def listen() -> None:
    """Called once, when the apps are ready: signing in is giving the password."""
    user_logged_in.connect(_signed_in, dispatch_uid="registry.signing")


def _signed_in(sender, request, user, **_) -> None:
    _keep_the_time(request)


def _keep_the_time(request) -> None:
    request.session[KEPT_AS] = timezone.now().isoformat()


def _session_of(actor: AbstractBaseUser):
    """The session of the request that is being answered, where it is this person's and no token came with it."""
    request = audit.asking.get()
    if request is None or getattr(request, "auth", None) is not None:
        return None
    session = getattr(request, "session", None)
    return session if session is not None and session.get(SESSION_KEY) == str(actor.pk) else None


def _lasts() -> timedelta:
    return timedelta(minutes=settings.MODELRISK_SIGN_WITHIN_MINUTES)
