"""Digests by which two versions of a thing are told apart.

The digest of a JSON document does not depend on key order or white space, so a source that prints the same content
differently is not a change.
"""

from hashlib import blake2b

import msgspec

_encoder = msgspec.json.Encoder(order="sorted")
_DIGEST_BYTES = 16


def canonical(document: object) -> bytes:
    """The document's JSON text with sorted keys and no white space."""
    return _encoder.encode(document)


def digest(document: object) -> bytes:
    """A 16-byte digest of a JSON-like document."""
    return digest_text(_encoder.encode(document))


def digest_text(text: bytes) -> bytes:
    """A 16-byte digest of text that is already canonical."""
    return blake2b(text, digest_size=_DIGEST_BYTES).digest()
