"""Reading values out of JSON that may have any shape."""

import json
import re
from datetime import UTC, datetime, timedelta

import orjson

from jira_emulator.wire import Json

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SURROGATE = re.compile("[\ud800-\udfff]")


def an_object(value: object) -> Json:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[Json]:
    """The JSON objects in a list; empty for anything but a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object) -> str | None:
    """The value if it is a string that is not empty."""
    return value if isinstance(value, str) and value else None


def number(value: object) -> int | None:
    """A whole number given as such or as a string of digits; seconds and ids come in both forms."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None


def resource_id(value: object) -> str | None:
    """A Jira id, which v2 answers give as a string and agile ones as a number."""
    found = number(value)
    return None if found is None else str(found)


def instant(value: object) -> int | None:
    """Epoch milliseconds of an ISO 8601 time with any offset (UTC without one), or ``None``."""
    if not isinstance(value, str) or not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # At the ends of the calendar another time zone may have no date.
    if not 1 < moment.year < 9999:
        return None
    return (moment - _EPOCH) // _MILLISECOND


def decode(line: bytes) -> object:
    """The JSON value in a line; lone surrogates, which orjson refuses and Jira stores, are accepted.

    Raises:
        ValueError: If the line is not JSON.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        value: object = json.loads(line)
        return value


def encode(value: object) -> bytes:
    r"""JSON bytes of a value; lone surrogates are written as ``\uXXXX``.

    Raises:
        TypeError: If the value cannot be written as JSON (nested too deeply, for example).
    """
    try:
        # orjson hands out its work buffer cut down in place; a copy of the right size halves what a site occupies.
        return bytes(memoryview(orjson.dumps(value)))
    except orjson.JSONEncodeError:
        return orjson.dumps(_escaped(value))


def _escaped(value: object) -> object:
    if isinstance(value, str):
        return orjson.Fragment(json.dumps(value)) if _SURROGATE.search(value) else value
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    return value
