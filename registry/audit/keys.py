"""The Ed25519 key that checkpoints are signed with, and the record of its changes.

The private key comes from MODELRISK_AUDIT_KEY (PEM, or 64 hex digits; or a file by MODELRISK_AUDIT_KEY_FILE). Without
that, one is made on first use and kept in the state folder, readable by this user only. Keep it away from the people
who administer the database: whoever holds both can write another history and sign it.
"""

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings
from django.db import transaction

from registry import audit
from registry.audit.verify_log import key_id
from registry.models import AuditKey
from registry.refusals import BadInput

ENDORSED = b"modelrisk.audit-key/1\n"  # before the public key that an older one signs


def signing_key() -> Ed25519PrivateKey:
    """The private key now. Raises BadInput where what is configured is no Ed25519 key."""
    if settings.MODELRISK_AUDIT_KEY:
        return _parsed(settings.MODELRISK_AUDIT_KEY, "MODELRISK_AUDIT_KEY")
    path = Path(settings.MODELRISK_AUDIT_KEY_PATH)
    if not path.exists():
        _keep(path, Ed25519PrivateKey.generate())
    return _parsed(path.read_text(), str(path))


def public_of(key: Ed25519PrivateKey) -> str:
    """32 bytes in hex."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def signed(key: Ed25519PrivateKey, message: bytes) -> str:
    """64 bytes in hex."""
    return key.sign(message).hex()


@transaction.atomic
def current(key: Ed25519PrivateKey, *, actor, former: Ed25519PrivateKey | None = None) -> AuditKey:
    """The row of this key. Where it is a new one, that is recorded: with the word of `former` for it, where given."""
    public = public_of(key)
    newest = AuditKey.objects.first()
    found = AuditKey.objects.filter(public_key=public).first()
    if found is not None:
        return found
    endorsed = {}
    if former is not None:
        message = ENDORSED + bytes.fromhex(public)
        endorsed = {"endorsed_by": key_id(public_of(former)), "endorsement": signed(former, message)}
    row = AuditKey.objects.create(key_id=key_id(public), public_key=public, **endorsed)
    before = newest.key_id if newest else None
    audit.record(
        actor=actor,
        action="audit.key",
        obj=row,
        summary=f"Checkpoints are signed with the key {row.key_id}" + (f" instead of {before}" if before else ""),
        detail={"key": [before, row.key_id], "public_key": public, **endorsed},
    )
    return row


def rotate(*, actor) -> AuditKey:
    """Make a new key in the state folder; the old one signs it and is kept beside it for as long as you want it.

    Raises BadInput where the key comes from the environment: it is changed there.
    """
    if settings.MODELRISK_AUDIT_KEY:
        raise BadInput(
            "The key comes from MODELRISK_AUDIT_KEY.",
            hint="Set another one there; the next checkpoint records the change.",
            code="key_elsewhere",
        )
    path = Path(settings.MODELRISK_AUDIT_KEY_PATH)
    former = signing_key()
    current(former, actor=actor)
    fresh = Ed25519PrivateKey.generate()
    os.replace(path, path.with_name(f"{path.name}.{key_id(public_of(former))}"))
    _keep(path, fresh)
    return current(fresh, actor=actor, former=former)


def _keep(path: Path, key: Ed25519PrivateKey) -> None:
    """Written whole under another name first; of two processes at once the first one's key stands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    try:
        os.link(partial, path)
    except FileExistsError:
        pass
    finally:
        partial.unlink()


def _parsed(text: str, where: str) -> Ed25519PrivateKey:
    text = text.strip()
    try:
        if text.startswith("-----BEGIN"):
            key = load_pem_private_key(text.encode(), password=None)
        else:
            key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key(where) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(where)
    return key


def _no_key(where: str) -> BadInput:
    hint = "Make one with: openssl genpkey -algorithm ed25519"
    return BadInput(f"{where} is no Ed25519 private key.", hint=hint, code="bad_key")
