"""How often a password may be tried: by address, and by account whatever the address. For pages and API alike.

Counted in the cache, which is each process's own by default: N web workers allow up to N times the rate.
"""

import base64
import binascii
import hashlib
import math

from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.throttling import SimpleRateThrottle


class AttemptsFromAddress(SimpleRateThrottle):
    scope = "login_address"

    def get_cache_key(self, request, view):
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


class AttemptsOnAccount(SimpleRateThrottle):
    """For guesses at one password from many addresses."""

    scope = "login_account"

    def get_cache_key(self, request, view):
        digest = hashlib.sha256(self.account(request).encode()).hexdigest()
        return self.cache_format % {"scope": self.scope, "ident": digest}

    def account(self, request) -> str:
        given = credentials(request)
        return str(given.get("username", "")) if isinstance(given, dict) else ""


class AttemptsAgain(AttemptsOnAccount):
    """At the password of who is signed in already; counted together with the sign-ins of that account."""

    def account(self, request) -> str:
        return request.user.get_username()


def seconds_to_wait(request) -> int:
    """Count one more try at the password of who is signed in; 0 where it is allowed, else how long to wait."""
    for throttle in (AttemptsFromAddress(), AttemptsAgain()):
        if not throttle.allow_request(request, None):
            return max(1, math.ceil(throttle.wait() or 1))
    return 0


def credentials(request):
    """Username and password of the HTTP Basic header; without one, the body."""
    scheme, _, encoded = get_authorization_header(request).partition(b" ")
    if scheme.lower() != b"basic":
        return request.data
    try:
        username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise AuthenticationFailed("The Basic header cannot be read.") from None
    return {"username": username, "password": password}
