"""How many wrong passwords are enough: by account, and by address. At the sign-in by page, API and admin, and where
somebody who is signed in gives the password again.

A try is written down before the password is looked at, and struck out where it was right: tries at the same instant are
all counted. While somebody has to wait nothing more is counted, so that every wait ends by itself; and guesses from
elsewhere never keep out a person who signed in from the same address lately.
"""

import hashlib
import math
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.throttling import BaseThrottle

from registry import audit, roles
from registry.models import SignInTry
from registry.refusals import Waits

KNOWN_FOR = timedelta(days=30)  # an address from which the account signed in


def begin(request, username: str) -> SignInTry:
    """Count one more try. Raises Waits where there were too many wrong ones lately."""
    account, address = _digest(username), address_of(request)
    _forget()
    made = SignInTry.objects.create(account=account, address=address)
    if seconds := _seconds(account, address, made.pk):
        made.delete()
        raise Waits(seconds)
    return made


def was_right(tried: SignInTry) -> None:
    """Strike it out, and the account's wrong ones from there: its person made them, and knows it after all."""
    mine = SignInTry.objects.filter(account=tried.account, address=tried.address)
    mine.exclude(pk=tried.pk).delete()
    mine.filter(pk=tried.pk).update(right=True, at=timezone.now())


def was_wrong(tried: SignInTry, username: str) -> None:
    """Into the audit trail, where there is such an account; and once more where it was one too many."""
    about = get_user_model().objects.filter(username=username).first()
    if about is None:
        return
    system, detail = roles.system_user(), {"address": tried.address}
    said = f"A wrong password for {about}, from {tried.address}"
    audit.record(actor=system, action="account.wrong_password", obj=about, summary=said, detail=detail, refused=True)
    if seconds := _seconds(tried.account, tried.address, tried.pk + 1):
        until = timezone.now() + timedelta(seconds=seconds)
        said = f"Too many wrong passwords for {about}: none is looked at until {until:%-d %b %Y %H:%M} UTC"
        detail |= {"until": until.isoformat()}
        audit.record(actor=system, action="account.throttled", obj=about, summary=said, detail=detail, refused=True)


def address_of(request) -> str:
    """Whose try it is, as far as the proxies before us tell."""
    return str(BaseThrottle().get_ident(request) or "")[:64] if request is not None else ""


def _seconds(account: str, address: str, before: int) -> int:
    """How long the next try waits; 0 where it need not. before: the id of the try that is asked about."""
    from_here = _wrong(before).filter(address=address)
    at_account = _wrong(before).filter(account=account)
    known = SignInTry.objects.filter(account=account, address=address, right=True)
    if known.exists():
        at_account = at_account.filter(address=address)
    most = settings.MODELRISK_SIGN_IN_TRIES
    return max(_until(at_account, most), _until(from_here, settings.MODELRISK_SIGN_IN_TRIES_PER_ADDRESS))


def _wrong(before: int) -> QuerySet[SignInTry]:
    since = timezone.now() - _window()
    return SignInTry.objects.filter(right=False, at__gt=since, pk__lt=before).order_by("-at")


def _until(tries: QuerySet[SignInTry], most: int) -> int:
    """Seconds until fewer than that many are left in the window."""
    last = list(tries.values_list("at", flat=True)[:most])
    if len(last) < most:
        return 0
    return max(1, math.ceil((last[-1] + _window() - timezone.now()).total_seconds()))


def _forget() -> None:
    now = timezone.now()
    SignInTry.objects.filter(right=False, at__lt=now - _window()).delete()
    SignInTry.objects.filter(right=True, at__lt=now - KNOWN_FOR).delete()


def _window() -> timedelta:
    return timedelta(minutes=settings.MODELRISK_SIGN_IN_WINDOW_MINUTES)


def _digest(username: str) -> str:
    return hashlib.sha256(username.encode()).hexdigest()
