"""Pages of long lists, and the cursors that lead from one to the next.

A cursor is the position of the last item, made opaque: it stays valid while rows come and go, and finding the next
page costs no more for the thousandth than for the first.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Generic, TypeVar

import msgspec

from digital_spiral.domain.errors import Invalid

Item = TypeVar("Item")
Position = TypeVar("Position")

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment in a position; one without its offset from UTC is none."""

_ALTCHARS = b"-_"


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items of a list; ``next_cursor`` is None on the last page."""

    items: list[Item]
    next_cursor: str | None


def page_of(
    rows: Sequence[Item], limit: int, listing: str, position: Callable[[Item], tuple[object, ...]]
) -> Page[Item]:
    """Cut a page out of rows that were asked for with one more than ``limit``.

    Args:
        rows: At most ``limit + 1`` of them; one too many says that another page follows.
        limit: Items on a page.
        listing: Name of the list and its order; a cursor is good for that list only.
        position: An item's place in the order.
    """
    if len(rows) <= limit:
        return Page(list(rows), None)
    return Page(list(rows[:limit]), encode_cursor(listing, position(rows[limit - 1])))


def encode_cursor(listing: str, position: tuple[object, ...]) -> str:
    """Return a position as a cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode((listing, *position))).decode().rstrip("=")


def decode_cursor(listing: str, cursor: str, shape: type[Position]) -> Position:
    """Return the position that a cursor holds.

    Args:
        listing: Name of the list and its order.
        cursor: What the caller sent.
        shape: The position's type, a tuple such as ``tuple[Instant, UUID, int]``.

    Raises:
        Invalid: The cursor is none of this list.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        parts = msgspec.json.decode(base64.b64decode(padded, altchars=_ALTCHARS, validate=True), type=list[msgspec.Raw])
        if not parts or msgspec.json.decode(parts[0], type=str) != listing:
            raise Invalid("The cursor belongs to another list or order. Start again without one.")
        return msgspec.json.decode(b"[" + b",".join(bytes(part) for part in parts[1:]) + b"]", type=shape)
    except (UnicodeEncodeError, binascii.Error, msgspec.MsgspecError, RecursionError) as error:
        raise Invalid("The cursor is none that a page gave. Start again without one.") from error
