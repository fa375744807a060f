"""The text of an API key: ``ds_<tenant>_<prefix>_<secret>``.

The tenant's id stands in it so that the tenant is known before anything is read under row-level security. Nothing in it
is believed until the hash of the whole text is the stored one; the secret is 256 random bits, so a fast hash is enough.
"""

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from uuid import UUID

SECRET_BYTES = 32
PREFIX_BYTES = 5

# RFC 4648: five bytes are 8 characters of base32; 32 bytes are 43 of base64url, of which the last holds four bits only.
_FORM = re.compile(r"ds_(?P<tenant>[0-9a-f]{32})_(?P<prefix>[a-z2-7]{8})_[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token, and the parts of it that may be stored. ``token`` is shown once and kept nowhere."""

    token: str = field(repr=False)
    prefix: str
    secret_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ParsedToken:
    """What a presented token claims; ``secret_hash`` is what has to be compared."""

    tenant_id: UUID
    prefix: str
    secret_hash: bytes = field(repr=False)


def new_token(tenant_id: UUID) -> IssuedToken:
    """Return a new token of the tenant, made from the system's source of randomness."""
    prefix = base64.b32encode(secrets.token_bytes(PREFIX_BYTES)).decode().lower()
    secret = secrets.token_urlsafe(SECRET_BYTES)
    token = f"ds_{tenant_id.hex}_{prefix}_{secret}"
    return IssuedToken(token, prefix, _hash(token))


def parse_token(text: str) -> ParsedToken | None:
    """Return what ``text`` claims, or None unless it has exactly the form that ``new_token`` gives."""
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    return ParsedToken(UUID(hex=form["tenant"]), form["prefix"], _hash(text))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
