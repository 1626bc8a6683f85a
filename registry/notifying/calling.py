"""One call of a webhook: signed, with time-outs, to public addresses only, following no redirect.

A webhook's address is chosen by a person, so this is where this server could be made to knock on doors inside its own
network. The name is resolved once; each address it has must be public or named in MODELRISK_WEBHOOK_NETWORKS; and the
connection goes to the address that was judged, never to a second answer of the name server.
"""

import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from registry.refusals import BadInput

SECONDS = 5.0  # of silence
LONGEST_SECONDS = 10.0  # altogether
# What carries another address inside: 6to4, Teredo, NAT64, the old form of an IPv4 address. And what is inside a site,
# or of one operator, though Python calls it global.
NOT_PUBLIC = ("2002::/16", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48", "::/96", "fec0::/10", "5f00::/16")
NOT_PUBLIC_NETWORKS = [ipaddress.ip_network(net) for net in NOT_PUBLIC]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotCalled(Exception):
    """No answer that counts; the text says why. `final`: trying again would change nothing."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


def check_url(url: str) -> SplitResult:
    """Its parts. Raises BadInput where its form alone forbids it; where it leads is judged at each call."""
    hint = "Give an https address, for example https://hooks.example.com/modelrisk."
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError:
        raise BadInput("This is no address.", hint=hint, field="url") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or len(url) > 500:
        raise BadInput("This is no address that can be called.", hint=hint, field="url")
    if parts.username or parts.password or parts.fragment or any(ord(c) <= 32 or ord(c) > 126 for c in url):
        raise BadInput("An address here holds no name, password, fragment or space.", hint=hint, field="url")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise BadInput("Only https is called.", hint=hint, field="url")
    return parts


def call(url: str, secret: str, payload: dict, *, delivery: int) -> str:
    """Post it; what came back in a few words. Raises NotCalled unless that is a 2xx."""
    try:
        parts = check_url(url)
    except BadInput as error:
        raise NotCalled(error.text, final=True) from None
    body = json.dumps(payload, separators=(",", ":"), sort_keys=True).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "ModelRisk",
        "X-ModelRisk-Event": payload.get("event", ""),
        "X-ModelRisk-Delivery": str(delivery),
        "X-ModelRisk-Signature": signature(secret, body, int(time.time())),
    }
    connection = _connection(parts, judged(parts))
    watchdog = threading.Timer(LONGEST_SECONDS, _cut, [connection])
    watchdog.start()
    try:
        connection.request("POST", f"{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}", body, headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException, AttributeError) as error:  # AttributeError: cut off meanwhile
        raise NotCalled(f"No answer: {type(error).__name__}: {error}"[:300]) from None
    finally:
        watchdog.cancel()
        connection.close()
    if 200 <= status < 300:
        return f"answered {status}"
    where = " A redirect is not followed." if 300 <= status < 400 else ""
    raise NotCalled(f"Answered {status}.{where}", final=status == 410)


def signature(secret: str, body: bytes, at: int) -> str:
    """`t=<seconds>,v1=<hex>`: HMAC-SHA256 with the webhook's secret over `<seconds>.<body>`."""
    made = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={made.hexdigest()}"


def judged(parts: SplitResult) -> str:
    """An address of the host, after all of its addresses were found allowed."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotCalled(f"The name {parts.hostname} leads nowhere: {error}") from None
    addresses = [ipaddress.ip_address(str(row[4][0]).partition("%")[0]) for row in found]
    for address in addresses:
        if not _allowed(address):
            raise NotCalled(
                f"{parts.hostname} leads to {address}, which is no public address. "
                "MODELRISK_WEBHOOK_NETWORKS names the private networks that may be called."
            )
        if parts.scheme == "http" and not address.is_loopback:
            raise NotCalled("Only https is called.", final=True)
    return str(addresses[0])


def _allowed(address: Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        address = mapped
    if any(address in ipaddress.ip_network(net) for net in settings.MODELRISK_WEBHOOK_NETWORKS):
        return True
    if any(address in net for net in NOT_PUBLIC_NETWORKS):
        return False
    return address.is_global and not address.is_multicast


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _connection(parts: SplitResult, address: str) -> http.client.HTTPConnection:
    """To the address that was judged, in the name of the host: the certificate must be the host's."""
    host = parts.hostname or ""

    def to_judged(target, *given, **options):
        return socket.create_connection((address, target[1]), *given, **options)

    if parts.scheme == "https":
        made: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, parts.port, timeout=SECONDS, context=ssl.create_default_context()
        )
    else:
        made = http.client.HTTPConnection(host, parts.port, timeout=SECONDS)
    made._create_connection = to_judged  # type: ignore[attr-defined]
    return made


def _cut(connection: http.client.HTTPConnection) -> None:
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
