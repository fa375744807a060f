"""The two ways Jira pages a list by number, and the tokens of the third."""

import base64
import binascii
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from jira_emulator.call import Answer, Call, ok
from jira_emulator.model import Entry
from jira_emulator.wire import BASE, Json


def page_bean(call: Call, items: Sequence[object], *, default: int, cap: int) -> Answer:
    """A ``PageBean``: the slice of ``items`` the query asks for, with its place in the whole."""
    start, size = call.page(default, cap)
    end = start + size
    page: Json = {"self": f"{BASE}{call.path}?maxResults={size}&startAt={start}"}
    if end < len(items):
        page["nextPage"] = f"{BASE}{call.path}?maxResults={size}&startAt={end}"
    page |= {
        "maxResults": size,
        "startAt": start,
        "total": len(items),
        "isLast": end >= len(items),
        "values": items[start:end],
    }
    return ok(page)


def entry_page(name: str, entries: Sequence[Entry], start: int, size: int) -> Answer:
    """The older page without ``isLast``: ``startAt``, ``maxResults``, ``total`` and a named list."""
    return ok({"startAt": start, "maxResults": size, "total": len(entries), name: raws(entries[start : start + size])})


def raws(entries: Sequence[Entry]) -> list[msgspec.Raw]:
    """The stored JSON of children, to be copied into an answer as it is."""
    return [msgspec.Raw(entry.body) for entry in entries]


class PageToken(msgspec.Struct, array_like=True, frozen=True):
    """What a page token carries: the query it belongs to, when it was given out, and where to go on."""

    query: str
    issued: int
    position: tuple[int | str, ...]

    def encode(self) -> str:
        """The token as text; opaque to clients."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode("ascii")


def decode_token(text: str) -> PageToken | None:
    """Read a token back; ``None`` when the text is no token."""
    try:
        return msgspec.json.decode(base64.b64decode(text, altchars=b"-_", validate=True), type=PageToken)
    except (binascii.Error, ValueError):
        return None


def query_digest(*parts: object) -> str:
    """A short fingerprint of what a token is bound to."""
    return blake2b(msgspec.json.encode(parts), digest_size=12).hexdigest()


def agile_page(call: Call, items: Sequence[object], *, cap: int) -> Answer:
    """The page of the agile resources: a ``PageBean`` without links."""
    start, size = call.page(cap, cap)
    end = start + size
    return ok(
        {
            "maxResults": size,
            "startAt": start,
            "total": len(items),
            "isLast": end >= len(items),
            "values": items[start:end],
        }
    )
