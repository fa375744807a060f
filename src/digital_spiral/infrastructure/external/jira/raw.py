"""The two rules by which what is kept of an answer may differ from the answer.

1. The value of every key ``emailAddress`` becomes the address's keyed hash; ``null`` and the empty text stay.
2. NUL and lone surrogates, which PostgreSQL cannot hold, become U+FFFD, and the row is marked.

Everything else stays as it is, to the digit of a number. The rules work on the bytes, without decoding: a backslash
occurs only inside of strings, and reading escapes from left to right, an escaped backslash as a pair, finds exactly
those that a JSON parser finds. A text that is not JSON passes through and fails where it is decoded.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

HashEmail = Callable[[str], str]
"""Turns an e-mail address into the keyed hash that stands for it."""

_MOST_HASHES = 100_000

_SURROGATE_PAIR = rb"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rb"\\(?:" + _SURROGATE_PAIR + rb"|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_UNICODE_ESCAPE = re.compile(rb"\\u")
_UNICODE_ESCAPE_LENGTH = 6
_REPLACEMENT = rb"\ufffd"
_NUL = rb"\u0000"
_EMAIL_KEY = b'"emailAddress"'
_EMAIL = re.compile(rb'("emailAddress"\s*:\s*)"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
# What follows the name: an address without escapes (its two groups), another value, or no value of a key at all.
_AFTER_EMAIL_KEY = re.compile(rb'(\s*:\s*)(?:"([^"\\]*)"|[^"\s])|\s*[^\s:]')
_BACKSLASH = b"\\"


@dataclass(frozen=True, slots=True)
class CleanText:
    """A JSON text under the rules; ``replaced`` tells whether the second one changed it."""

    text: bytes
    replaced: bool


class RawRules:
    """The rules with one hash function, and the hashes found so far."""

    def __init__(self, hash_email: HashEmail) -> None:
        self._hash_email = hash_email
        self._hashes: dict[bytes, bytes] = {}

    def apply(self, text: bytes) -> CleanText:
        """Apply both rules to a JSON text."""
        replaced = False
        if _UNICODE_ESCAPE.search(text) is not None:
            text, replaced = _plain_escapes(text)
        return CleanText(self._without_addresses(text), replaced)

    def _without_addresses(self, text: bytes) -> bytes:
        """Hash addresses: by splitting, which is many times faster than a pattern, if all of them are plain."""
        parts = text.split(_EMAIL_KEY)
        if len(parts) == 1:
            return text
        for position in range(1, len(parts)):
            part = parts[position]
            found = _AFTER_EMAIL_KEY.match(part)
            if found is None or parts[position - 1].endswith(_BACKSLASH):
                return _EMAIL.sub(self._replaced, text)
            address = found[2]
            if address:
                parts[position] = found[1] + self._hash(address) + part[found.end() :]
        return _EMAIL_KEY.join(parts)

    def _replaced(self, found: re.Match[bytes]) -> bytes:
        start = found.start()
        key, address = found.groups()
        # In valid JSON the quote before this name opens a string, unless it is an escaped one within a longer name.
        if not address or found.string[max(0, start - 1) : start] == _BACKSLASH:
            return found.group()
        return bytes(key) + self._hash(address)

    def _hash(self, address: bytes) -> bytes:
        value = self._hashes.get(address)
        if value is None:
            value = self._new_hash(address)
        return value

    def _new_hash(self, address: bytes) -> bytes:
        try:
            plain = msgspec.json.decode(b'"' + address + b'"', type=str)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Not JSON: the decoding that follows refuses the whole text, so the address is kept nowhere.
            return b'"' + address + b'"'
        if len(self._hashes) >= _MOST_HASHES:
            self._hashes.clear()
        value = self._hashes[address] = msgspec.json.encode(self._hash_email(plain))
        return value


def has_replacement(text: bytes) -> bool:
    """Whether a part of a text under the rules holds a character that they replaced."""
    return _REPLACEMENT in text and any(escape.group() == _REPLACEMENT for escape in _ESCAPE.finditer(text))


def decodable(text: bytes) -> bytes:
    """A JSON text that msgspec reads: escapes of lone surrogates, which it refuses, become escapes of NUL.

    That is as good for what follows, because the rules replace and mark both alike.
    """

    def held(found: re.Match[bytes]) -> bytes:
        escape = found.group()
        if len(escape) == _UNICODE_ESCAPE_LENGTH and 0xD800 <= int(escape[2:], 16) <= 0xDFFF:
            return _NUL
        return escape

    return _ESCAPE.sub(held, text)


def _plain_escapes(text: bytes) -> tuple[bytes, bool]:
    """Replace what cannot be held by an escaped U+FFFD.

    Escaped ASCII is spelled out, so that a key has one spelling, and so is a U+FFFD that the source itself escaped,
    so that the escape alone tells a replaced character.
    """
    replaced = False

    def plain(found: re.Match[bytes]) -> bytes:
        nonlocal replaced
        escape = found.group()
        if len(escape) != _UNICODE_ESCAPE_LENGTH:
            return escape
        code = int(escape[2:], 16)
        if code == 0 or 0xD800 <= code <= 0xDFFF:
            replaced = True
            return _REPLACEMENT
        if code == 0xFFFD or (0x20 <= code < 0x7F and code not in b'"\\'):
            return chr(code).encode()
        return escape

    return _ESCAPE.sub(plain, text), replaced
