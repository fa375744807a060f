"""Date literals of JQL: minute grain, read in the caller's time zone."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from jira_emulator.jql.tree import JqlError

MINUTE = 60_000

_ABSOLUTE = re.compile(r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})(?: (\d{1,2}):(\d{1,2}))?")
_PERIOD = re.compile(r"[+-]?(?:\d+[wdhm] ?)+|[+-]?\d+")
_PART = re.compile(r"(\d+)([wdhm]?)")
_UNITS = {"w": 7 * 24 * 60, "d": 24 * 60, "h": 60, "m": 1, "": 1}
_EPOCH_DIGITS = 10
"""Bare numbers with at least this many digits are epoch milliseconds, which live sites accept without documenting."""


def read_date(text: str, field: str, zone: ZoneInfo, now: int) -> int:
    """The instant, in epoch milliseconds, that a date literal stands for.

    Accepts ``yyyy-MM-dd HH:mm`` and ``yyyy/MM/dd HH:mm`` (both also without the time: midnight), periods relative
    to ``now`` such as ``-5m`` or ``4w 2d``, and epoch milliseconds.

    Raises:
        JqlError: The literal has none of these forms.
    """
    found = _ABSOLUTE.fullmatch(text)
    if found is not None:
        year, _, month, day, hour, minute = found.groups(default="0")
        try:
            moment = datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=zone)
            return int(moment.timestamp()) * 1000
        except (ValueError, OverflowError) as error:
            raise _invalid(text, field) from error
    if text.isascii() and text.isdigit() and len(text) >= _EPOCH_DIGITS:
        return int(text)
    if _PERIOD.fullmatch(text) is not None and len(text) < 2 * _EPOCH_DIGITS:
        minutes = sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(text))
        return now + (-minutes if text.startswith("-") else minutes) * MINUTE
    raise _invalid(text, field)


def _invalid(text: str, field: str) -> JqlError:
    return JqlError(
        f"Date value '{text}' for field '{field}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', "
        "'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
    )
