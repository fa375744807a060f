"""Instants and days as Jira writes them."""

from datetime import UTC, date, datetime
from functools import lru_cache

from digital_spiral.domain.errors import UnreadableAnswer


@lru_cache(maxsize=4096)
def instant(value: str | int) -> datetime:
    """The UTC instant of ``2026-09-27T10:03:11.123+0200``, its variants (``Z``, colon, no fraction), or epoch ms.

    Jira writes offsets without a colon, in the site's default zone (its OpenAPI document), sprint dates with ``Z``;
    ``changelog/bulkfetch`` may give epoch milliseconds.

    Raises:
        UnreadableAnswer: The value is no instant, or one without an offset from UTC.
    """
    try:
        if isinstance(value, int):
            return datetime.fromtimestamp(value / 1000, UTC)
        local = datetime.fromisoformat(value)
        if local.tzinfo is not None:
            return local.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UnreadableAnswer(f"{value!r:.60} is not an instant: {error}") from error
    raise UnreadableAnswer(f"{value!r:.60} is not an instant: it names no offset from UTC")


def instant_or_none(value: str | int | None) -> datetime | None:
    """Like ``instant``, for a value that may be absent or empty."""
    return instant(value) if value or value == 0 else None


def day_or_none(value: str | None) -> date | None:
    """The day of ``YYYY-MM-DD``, for a value that may be absent or empty.

    Raises:
        UnreadableAnswer: The value is no day.
    """
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise UnreadableAnswer(f"{value!r:.60} is not a day: {error}") from error
