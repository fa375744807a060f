"""Comments, worklogs and histories as the JSON objects Jira answers with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import orjson

from jira_emulator.generate.changes import Item
from jira_emulator.model import Entry, User
from jira_emulator.wire import BASE, Json, timestamp

_UNITS = (("w", 5 * 8 * 3600), ("d", 8 * 3600), ("h", 3600), ("m", 60))


def encode(shape: Json) -> bytes:
    """JSON text in a block of exactly its size.

    The result of ``orjson.dumps`` keeps the larger buffer it was written into: kept as it is, a large site would
    need three times the memory.
    """
    return bytes(memoryview(orjson.dumps(shape)))


def duration(seconds: int) -> str:
    """Seconds as Jira words them, with days of 8 hours and weeks of 5 days: ``1d 2h 30m``."""
    parts: list[str] = []
    for unit, length in _UNITS:
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0m"


@dataclass(slots=True)
class EntryMaker:
    """Writes the children of issues. ``users`` holds the JSON of every account, ``next_id`` gives fresh ids."""

    zone: ZoneInfo
    users: Mapping[str, orjson.Fragment]
    next_id: Callable[[], int]

    def history(self, author: User, created: int, items: Sequence[Item]) -> Entry:
        """A history of one or more changed fields."""
        history_id = self.next_id()
        body: Json = {
            "id": str(history_id),
            "author": self.users[author.account_id],
            "created": timestamp(created, self.zone),
            "items": items,
        }
        return Entry(history_id, created, created, encode(body))

    def comment(
        self,
        issue_id: int,
        people: tuple[User, User],
        times: tuple[int, int],
        text: Json,
        *,
        public: bool = True,
        visibility: Json | None = None,
    ) -> Entry:
        """A comment.

        Args:
            issue_id: The issue it belongs to.
            people: Author and last editor.
            times: Creation and last edit.
            text: Its ADF document.
            public: Whether customers of a service desk see it (``jsdPublic``).
            visibility: The group or role it is restricted to.
        """
        comment_id = self.next_id()
        created, updated = times
        body: Json = {
            "self": f"{BASE}/rest/api/3/issue/{issue_id}/comment/{comment_id}",
            "id": str(comment_id),
            "author": self.users[people[0].account_id],
            "body": text,
            "updateAuthor": self.users[people[1].account_id],
            "created": timestamp(created, self.zone),
            "updated": timestamp(updated, self.zone),
            "jsdPublic": public,
        }
        if visibility is not None:
            body["visibility"] = visibility
        return Entry(comment_id, created, updated, encode(body))

    def worklog(self, issue_id: int, author: User, times: tuple[int, int, int], seconds: int, text: Json) -> Entry:
        """A worklog; ``times`` are the start of the work, creation and last edit of the record."""
        worklog_id = self.next_id()
        started, created, updated = times
        person = self.users[author.account_id]
        body: Json = {
            "self": f"{BASE}/rest/api/3/issue/{issue_id}/worklog/{worklog_id}",
            "author": person,
            "updateAuthor": person,
            "comment": text,
            "created": timestamp(created, self.zone),
            "updated": timestamp(updated, self.zone),
            "started": timestamp(started, self.zone),
            "timeSpent": duration(seconds),
            "timeSpentSeconds": seconds,
            "id": str(worklog_id),
            "issueId": str(issue_id),
        }
        return Entry(worklog_id, created, updated, encode(body))
