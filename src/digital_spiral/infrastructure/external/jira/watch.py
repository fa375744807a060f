"""Who is told how requests to Jira fare: metrics and traces."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from digital_spiral.infrastructure.external.jira.http import httpx

_WORD = re.compile(r"[a-z][A-Za-z-]*")
"""What endpoints are made of; ids and keys hold digits or begin with a capital letter."""
_API = 3
"""The first parts of a path name the API and its version: ``/rest/api/3``."""


def unwatched(*_: object) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Is told of requests.

    Attributes:
        answered: Called with the endpoint, the answer's status or what came in its place, and seconds.
        retried: Called with the reason and the seconds to wait before a request is sent again.
        instrument: Given each client before it is used.
    """

    answered: Callable[[str, str, float], None] = unwatched
    retried: Callable[[str, float], None] = unwatched
    instrument: Callable[[httpx.AsyncClient], None] = unwatched


@lru_cache(maxsize=4096)
def endpoint_of(path: str) -> str:
    """The path with ``{id}`` in place of each id and key."""
    parts = path.partition("?")[0].strip("/").split("/")
    named = [*parts[:_API], *(part if _WORD.fullmatch(part) else "{id}" for part in parts[_API:])]
    return "/" + "/".join(named)
