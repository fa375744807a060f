"""Taking secrets and e-mail addresses out of text that leaves the program: logs, traces, messages at a terminal.

Two things are hidden: what is known to be secret in this process, letter by letter, and what looks like a secret
wherever it comes from. Hiding too much is harmless here, so the patterns are generous.
"""

import json
import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote

REDACTED = "[redacted]"

_LONGEST_TEXT = 32_768
_DEEPEST = 8
_SHORTEST_SECRET = 6
"""A shorter known secret would blot out ordinary words."""

_SECRET_NAME = re.compile(
    r"pass(?:word|wd|phrase)|secret|token|authorization|cookie|credential|api[_-]?key|(?:master|private)[_-]?key|dsn",
    re.IGNORECASE,
)

_SHAPES = "|".join(
    (
        r"(?<![A-Za-z0-9])ds_[A-Za-z0-9_-]{16,}",  # our API keys
        r"AT(?:ATT|CTT)[A-Za-z0-9_=+/.-]{8,}",  # Atlassian's API tokens
        r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?",  # JSON web tokens
        r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{43}=(?![A-Za-z0-9+/=])",  # 32 bytes in base64: a master key
        # An e-mail address, also percent-encoded; what follows `//` is the user of an address of a server.
        r"(?<![\w.+%-])(?<!//)[\w.+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+",
    )
)
_SHAPE = re.compile(_SHAPES, re.IGNORECASE)
_AUTHORIZATION = re.compile(r"\b(Bearer|Basic)(\s+)[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*://[^\s/:@'\"\\]*):[^\s/'\"\\]+@", re.IGNORECASE)

# A name of a secret and its value, as in a header, a query, JSON, or the representation of a Python object.
_OPENED = r"(?!\s*(?:b?\\?['\"])?\[redacted)(?:b?\\?['\"])?"
_HEADER = re.compile(
    rf"\b((?:proxy-)?authorization|(?:set-)?cookie|x-api-key)(\\?['\"]?\s*[:=,]\s*{_OPENED})[^'\"\r\n]+", re.IGNORECASE
)
_ASSIGNED = re.compile(
    rf"({_SECRET_NAME.pattern})(\w{{0,40}}(?:\\?['\"]\s*[:=]\s*|=){_OPENED})[^\s\"',;&)}}\]\\]+", re.IGNORECASE
)
_NAMED = re.compile(rf"({_SECRET_NAME.pattern})(:\s*)(?=\S*\d)[^\s\"',;&)}}\]\\]{{8,}}", re.IGNORECASE)
_PASSWORD = re.compile(r"://[^\s/:@]*:([^\s/]+)@")

# What one of has to be in a text, in lower case, for a pattern to match: nearly all texts are done with by this.
_MARKS_OF_SHAPES = ("@", "%40", "ds_", "atatt", "atctt", "eyj", "bearer", "basic", "=")
_MARKS_OF_NAMES = (
    *("passw", "passphrase", "secret", "token", "authorization", "cookie", "credential", "dsn"),
    *("apikey", "api_key", "api-key", "masterkey", "master_key", "master-key", "private"),
)


@dataclass(frozen=True)
class Redaction:
    """Hides secrets.

    Args:
        secrets: What is known to be secret, whatever it looks like.
    """

    secrets: frozenset[str] = frozenset()
    _known: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        long_enough = {secret for secret in self.secrets if len(secret) >= _SHORTEST_SECRET}
        in_json = {json.dumps(secret, ensure_ascii=False)[1:-1] for secret in long_enough}
        longest_first = sorted(long_enough | in_json, key=len, reverse=True)
        pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        object.__setattr__(self, "_known", pattern)

    def suspects(self, text: str) -> bool:
        """Whether there may be something to hide in a text, JSON included; cheap, and never wrong when it says no."""
        if len(text) > _LONGEST_TEXT or (self._known is not None and self._known.search(text)):
            return True
        return _has_one(text, _MARKS_OF_SHAPES) or _has_one(text, _MARKS_OF_NAMES)

    def text(self, text: str) -> str:
        """The text without secrets; what is longer than 32 KiB is cut."""
        if len(text) > _LONGEST_TEXT:
            text = f"{text[:_LONGEST_TEXT]} ... ({len(text) - _LONGEST_TEXT} more characters)"
        if _has_one(text, _MARKS_OF_NAMES):
            for pattern in (_HEADER, _ASSIGNED, _NAMED):
                text = pattern.sub(rf"\1\2{REDACTED}", text)
        return self.shapes(text)

    def shapes(self, text: str) -> str:
        """The text without what is secret by itself, whatever stands around it; other secrets are left in."""
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        if not _has_one(text, _MARKS_OF_SHAPES):
            return text
        text = _AUTHORIZATION.sub(rf"\1\2{REDACTED}", text)
        text = _URL_PASSWORD.sub(rf"\1:{REDACTED}@", text)
        return _SHAPE.sub(REDACTED, text)

    def value(self, value: object, depth: int = 0) -> object:
        """The value with nothing secret in it, made of what JSON holds.

        Mappings lose the values of keys that are called like a secret. What is neither text, number nor collection
        becomes its representation.
        """
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return self.text(value)
        if depth < _DEEPEST and isinstance(value, Mapping):
            return {self.text(str(key)): self._named(str(key), item, depth) for key, item in value.items()}
        if depth < _DEEPEST and isinstance(value, list | tuple | Set):
            return [self.value(item, depth + 1) for item in value]
        return self.text(_shown(value))

    def _named(self, name: str, value: object, depth: int) -> object:
        if _is_secret_name(name) and value is not None and not isinstance(value, bool):
            return REDACTED
        return self.value(value, depth + 1)


def _has_one(text: str, marks: tuple[str, ...]) -> bool:
    lower = text.lower()
    return any(mark in lower for mark in marks)


@lru_cache(maxsize=1024)
def _is_secret_name(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _shown(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    return str(value)


def known_secrets(values: Iterable[str | None], addresses: Iterable[str | None] = ()) -> frozenset[str]:
    """Collect what ``Redaction`` hides: secrets as they are, and the passwords of addresses of servers."""
    passwords = [found for address in addresses for found in _PASSWORD.findall(address or "")]
    return frozenset(text for text in (*values, *passwords, *map(unquote, passwords)) if text)
