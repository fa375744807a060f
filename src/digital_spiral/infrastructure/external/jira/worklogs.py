"""Worklogs: the two feeds of what changed, any by id, and all of one issue."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from digital_spiral.domain.entities.issue import Worklog
from digital_spiral.domain.entities.sync import Skip
from digital_spiral.domain.errors import UnreadableAnswer
from digital_spiral.infrastructure.external.jira import wire
from digital_spiral.infrastructure.external.jira.client import JiraClient
from digital_spiral.infrastructure.external.jira.decoding import convert_text
from digital_spiral.infrastructure.external.jira.parse_issue import IssueParser
from digital_spiral.infrastructure.external.jira.together import in_halves, together

# The sizes that Atlassian's OpenAPI documents of 2026 allow.
WORKLOGS_PER_REQUEST = 1000
WORKLOGS_PER_PAGE = 5000


class WorklogReader:
    """Reads the worklogs of a site."""

    def __init__(self, client: JiraClient, parser: IssueParser) -> None:
        self._client = client
        self._parser = parser

    async def feed(self, kind: Literal["updated", "deleted"], since: int) -> tuple[dict[int, int], int]:
        """Worklog id to the instant (epoch ms) it was changed, and the instant the feed reaches.

        The feed leaves out the minute before the request. Each page goes on where the one before ended.
        """
        moments: dict[int, int] = {}
        while True:
            page = await self._client.get(
                f"/rest/api/3/worklog/{kind}", lambda text: convert_text(text, wire.WorklogFeed), {"since": since}
            )
            moments.update((one.worklog_id, one.updated_time) for one in page.values)
            reached = since if page.until is None else page.until
            if page.last_page:
                return moments, max(since, reached)
            if reached <= since:
                raise UnreadableAnswer(f"the feed of {kind} worklogs does not move on from {since}")
            since = reached

    async def by_id(self, ids: Sequence[int]) -> tuple[list[Worklog], list[Skip]]:
        """Those of the worklogs that Jira shows, and those that cannot be read."""
        rows: list[Worklog] = []
        skips: list[Skip] = []

        async def ask(part: Sequence[int], insist: bool) -> None:
            texts = await self._client.post(
                "/rest/api/3/worklog/list",
                lambda text: convert_text(text, list[msgspec.Raw]),
                {"ids": list(part)},
                insist=insist,
            )
            for text in texts:
                self._read(bytes(text), part, rows, skips)

        def give_up(worklog_id: int, error: UnreadableAnswer) -> None:
            skips.append(Skip(f"worklog {worklog_id}", str(error)))

        wanted = list(dict.fromkeys(ids))
        chunks = (wanted[at : at + WORKLOGS_PER_REQUEST] for at in range(0, len(wanted), WORKLOGS_PER_REQUEST))
        await together(in_halves(chunk, ask, give_up) for chunk in chunks)
        return rows, skips

    def _read(self, text: bytes, asked: Sequence[int], rows: list[Worklog], skips: list[Skip]) -> None:
        try:
            rows.append(self._parser.worklog(text))
        except UnreadableAnswer as error:
            skips.append(Skip(_name(text, asked), str(error)))

    async def of_issue(self, issue_id: int) -> list[Worklog]:
        """All worklogs of an issue. ``total`` may count the page only, so it does not prove the end by itself."""
        rows: dict[int, Worklog] = {}
        start = 0
        while True:
            page = await self._client.get(
                f"/rest/api/3/issue/{issue_id}/worklog",
                lambda text: convert_text(text, wire.WorklogPage),
                {"startAt": start, "maxResults": WORKLOGS_PER_PAGE},
            )
            known = len(rows)
            for text in page.worklogs:
                row = self._parser.worklog(bytes(text), issue_id)
                rows[row.jira_id] = row
            start += len(page.worklogs)
            full = len(page.worklogs) >= page.max_results
            if len(rows) == known or (start >= page.total and not full):
                return list(rows.values())


def _name(text: bytes, asked: Sequence[int]) -> str:
    """How to call a worklog that cannot be read."""
    try:
        return f"worklog {convert_text(text, wire.Ref).id}"
    except UnreadableAnswer:
        return f"worklog {asked[0]}" if len(asked) == 1 else f"a worklog of {len(asked)}"
