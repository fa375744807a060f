"""One request as a handler sees it, and the answer it gives; no handler touches ASGI."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec
from starlette.datastructures import QueryParams

from jira_emulator.errors import JSON, JiraError, RouterError, invalid_payload, issue_not_found, unauthenticated
from jira_emulator.faults import Faults
from jira_emulator.journal import Journal
from jira_emulator.limits import Limits
from jira_emulator.model import Issue, Project, User
from jira_emulator.site import Site

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body in which links still start with ``wire.BASE``."""

    status: int
    body: bytes
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def ok(content: object, status: int = 200) -> Answer:
    """An answer holding this content as JSON; ``msgspec.Raw`` parts are copied as they are."""
    return Answer(status, msgspec.json.encode(content))


def no_content() -> Answer:
    """The answer 204."""
    return Answer(204, b"")


@dataclass(frozen=True, slots=True)
class Call:
    """A request to an operation. Anonymous callers are given an empty site, which is what they may see."""

    site: Site
    limits: Limits
    faults: Faults
    journal: Journal
    caller: User | None
    path: str
    arguments: Mapping[str, str]
    query: QueryParams
    content: bytes = b""

    def number(self, name: str, default: int) -> int:
        """A whole number of the query string.

        Raises:
            RouterError: It is not one.
        """
        text = self.query.get(name)
        if text is None or text == "":
            return default
        try:
            return int(text)
        except ValueError as error:
            raise RouterError(400, f"Failed to convert '{name}' with value: '{text}'") from error

    def flag(self, name: str) -> bool:
        """A boolean of the query string, false when absent.

        Raises:
            RouterError: It is neither ``true`` nor ``false``.
        """
        text = self.query.get(name, "").lower()
        if text not in ("", "true", "false"):
            raise RouterError(400, f"Failed to convert '{name}' with value: '{text}'")
        return text == "true"

    def names(self, name: str) -> list[str]:
        """A list of the query string, repeated, comma-separated or both."""
        return split_names(self.query.getlist(name))

    def page(self, default: int, cap: int) -> tuple[int, int]:
        """``startAt`` and ``maxResults``; too large a page is lowered without a word, as Jira does."""
        return max(0, self.number("startAt", 0)), min(max(0, self.number("maxResults", default)), cap)

    def body(self, shape: type[T]) -> T:
        """The JSON body in the given shape.

        Raises:
            JiraError: It is not JSON, has the wrong shape, or holds a property a closed shape does not know.
        """
        try:
            return msgspec.json.decode(self.content, type=shape)
        except msgspec.ValidationError as error:
            raise invalid_payload() from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            message = "There was an error parsing JSON. Check that your request body is valid."
            raise JiraError(400, message) from error

    def issue(self) -> Issue:
        """The issue the path names.

        Raises:
            JiraError: There is none, or the caller may not see it.
        """
        found = self.site.find_issue(self.arguments["issueIdOrKey"])
        if found is None:
            raise issue_not_found()
        return found

    def project(self) -> Project:
        """The project the path names.

        Raises:
            JiraError: There is none, or the caller may not see it.
        """
        wanted = self.arguments["projectIdOrKey"]
        found = self.site.find_project(wanted)
        if found is None:
            by = "id" if wanted.isdecimal() else "key"
            raise JiraError(404, f"No project could be found with {by} '{wanted}'.")
        return found

    def zone(self) -> ZoneInfo:
        """The time zone in which the caller's dates are read: the profile's, else the site's."""
        return self.site.zone if self.caller is None else ZoneInfo(self.caller.time_zone)

    def account(self) -> User:
        """The account that asks.

        Raises:
            JiraError: The caller is anonymous.
        """
        if self.caller is None:
            raise unauthenticated()
        return self.caller


def split_names(values: list[str]) -> list[str]:
    """The names in values that each may hold a comma-separated list."""
    return [name for value in values for part in value.split(",") if (name := part.strip())]
