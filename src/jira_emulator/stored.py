r"""Stored JSON objects taken apart and put together without touching the values nobody asked about.

Jira answers with lone surrogates (``"\ud800"``) where people's text has them. They are JSON but no text, so the fast
decoder refuses them; the standard library's, which does not, steps in for the few objects that hold one.
"""

import json

import msgspec

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def split(text: bytes) -> dict[str, msgspec.Raw]:
    """The members of a stored object, their values still JSON."""
    try:
        return _OBJECT.decode(text)
    except msgspec.DecodeError:
        return {name: msgspec.Raw(json.dumps(value).encode()) for name, value in json.loads(text).items()}


def load(text: bytes | msgspec.Raw) -> object:
    """A stored value as Python objects."""
    try:
        value: object = msgspec.json.decode(text)
    except msgspec.DecodeError:
        value = json.loads(bytes(text))
    return value


def dump(value: object) -> bytes:
    """A value of plain Python objects as JSON; lone surrogates stay escaped."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def merge(text: bytes, values: dict[str, object]) -> bytes:
    """A stored object with some members replaced or added."""
    members = split(text)
    members.update({name: msgspec.Raw(dump(value)) for name, value in values.items()})
    return msgspec.json.encode(members)
