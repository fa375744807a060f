"""Issues by id, in bulk: bodies, histories and what embedded lists leave out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from digital_spiral.application.ports import IssuePage
from digital_spiral.domain.entities.issue import Comment
from digital_spiral.domain.entities.sync import Skip
from digital_spiral.domain.errors import NotFound, UnreadableAnswer
from digital_spiral.infrastructure.external.jira import wire
from digital_spiral.infrastructure.external.jira.client import JiraClient
from digital_spiral.infrastructure.external.jira.decoding import convert_text
from digital_spiral.infrastructure.external.jira.parse_issue import IssueParser, ParsedIssue
from digital_spiral.infrastructure.external.jira.raw import RawRules
from digital_spiral.infrastructure.external.jira.together import in_halves, together

# The sizes that Atlassian's OpenAPI documents of 2026 allow.
BODIES_PER_REQUEST = 100
HISTORY_IDS_PER_REQUEST = 1000
HISTORIES_PER_PAGE = 10_000
COMMENTS_PER_PAGE = 5000


@dataclass(slots=True)
class _Found:
    """What has come back for the ids of one call; each ends in one of the first three."""

    parsed: dict[int, ParsedIssue] = field(default_factory=dict)
    missing: set[int] = field(default_factory=set)
    unreadable: dict[int, Skip] = field(default_factory=dict)
    histories: dict[int, list[wire.History]] = field(default_factory=dict)
    history_errors: dict[int, UnreadableAnswer] = field(default_factory=dict)

    def settled(self, issue_id: int) -> bool:
        """Whether it is known what became of the id."""
        return issue_id in self.parsed or issue_id in self.missing or issue_id in self.unreadable

    def set_aside(self, issue_id: int, key: str, error: UnreadableAnswer) -> None:
        """Name an issue that cannot be read."""
        self.parsed.pop(issue_id, None)
        self.unreadable[issue_id] = Skip(f"issue {issue_id} ({key})" if key else f"issue {issue_id}", str(error))


class IssueReader:
    """Reads issues in few requests: one for 100 bodies, one for 1,000 histories, one per long list of comments."""

    def __init__(self, client: JiraClient, parser: IssueParser, rules: RawRules) -> None:
        self._client = client
        self._parser = parser
        self._rules = rules

    async def read(self, ids: Sequence[int]) -> IssuePage:
        """Issues with comments and histories, all of them complete; order as asked, each id once."""
        wanted = list(dict.fromkeys(ids))
        found = _Found()
        await together(
            [
                *(self._bodies(chunk, found) for chunk in _chunks(wanted, BODIES_PER_REQUEST)),
                *(self._histories(chunk, found) for chunk in _chunks(wanted, HISTORY_IDS_PER_REQUEST)),
            ]
        )
        for issue_id in wanted:
            self._add_changes(issue_id, found)
        return IssuePage(
            bundles=[found.parsed[issue_id].bundle for issue_id in wanted if issue_id in found.parsed],
            missing=[issue_id for issue_id in wanted if issue_id in found.missing],
            unreadable=[(issue_id, found.unreadable[issue_id]) for issue_id in wanted if issue_id in found.unreadable],
        )

    async def _bodies(self, ids: Sequence[int], found: _Found) -> None:
        async def ask(part: Sequence[int], insist: bool) -> None:
            await self._ask_bodies(part, insist, found)

        def give_up(issue_id: int, error: UnreadableAnswer) -> None:
            found.set_aside(issue_id, "", error)

        await in_halves(ids, ask, give_up)
        # Neither shown nor refused: asked for alone before it counts as gone.
        silent = [issue_id for issue_id in ids if not found.settled(issue_id)]
        await together(in_halves([issue_id], ask, give_up) for issue_id in silent)
        found.missing.update(issue_id for issue_id in silent if not found.settled(issue_id))
        cut = [found.parsed[issue_id] for issue_id in ids if issue_id in found.parsed]
        await together(self._complete_comments(parsed, found) for parsed in cut if parsed.comments_cut)

    async def _ask_bodies(self, ids: Sequence[int], insist: bool, found: _Found) -> None:
        body = {"issueIdsOrKeys": [str(issue_id) for issue_id in ids], "fields": ["*all"]}
        page = await self._client.post(
            "/rest/api/3/issue/bulkfetch", lambda text: convert_text(text, wire.IssuePage), body, insist=insist
        )
        asked = frozenset(ids)
        for raw in page.issues:
            text = bytes(raw)
            try:
                parsed = self._parser.issue(text)
            except UnreadableAnswer as error:
                head = _head(text)
                if head is not None and head.id in asked:
                    found.set_aside(head.id, head.key, error)
                elif len(ids) == 1:
                    found.set_aside(ids[0], "", error)
            else:
                if parsed.bundle.issue.jira_id in asked:
                    found.parsed[parsed.bundle.issue.jira_id] = parsed
        refused = {int(error.id) for error in page.issue_errors if error.id.isdecimal()}
        found.missing.update(issue_id for issue_id in refused & asked if not found.settled(issue_id))

    async def _complete_comments(self, parsed: ParsedIssue, found: _Found) -> None:
        issue = parsed.bundle.issue
        try:
            parsed.bundle.comments = await self._comments(parsed)
        except NotFound:
            del found.parsed[issue.jira_id]
            found.missing.add(issue.jira_id)
        except UnreadableAnswer as error:
            found.set_aside(issue.jira_id, issue.key, error)

    async def _comments(self, parsed: ParsedIssue) -> list[Comment]:
        """All comments of an issue. How many there are, only the pages know: the embedded total may be too high."""
        bundle = parsed.bundle
        issue_id = bundle.issue.jira_id
        rows: dict[int, Comment] = {}
        start = 0
        while True:
            page = await self._client.get(
                f"/rest/api/3/issue/{issue_id}/comment",
                lambda text: convert_text(text, wire.CommentPage),
                {"startAt": start, "maxResults": COMMENTS_PER_PAGE},
            )
            known = len(rows)
            for raw in page.comments:
                comment = self._parser.comment(issue_id, bytes(raw), bundle.users)
                rows[comment.jira_id] = comment
            start += len(page.comments)
            if start >= page.total or len(rows) == known:
                return list(rows.values())

    async def _histories(self, ids: Sequence[int], found: _Found) -> None:
        async def ask(part: Sequence[int], insist: bool) -> None:
            found.histories.update(await self._ask_histories(part, insist))

        await in_halves(ids, ask, found.history_errors.__setitem__)

    async def _ask_histories(self, ids: Sequence[int], insist: bool) -> dict[int, list[wire.History]]:
        """Histories by issue; one issue's may come on several pages."""
        histories: dict[int, list[wire.History]] = {}
        body: dict[str, object] = {
            "issueIdsOrKeys": [str(issue_id) for issue_id in ids],
            "maxResults": HISTORIES_PER_PAGE,
        }
        tokens: set[str] = set()
        while True:
            page = await self._client.post("/rest/api/3/changelog/bulkfetch", self._history_page, body, insist=insist)
            for one in page.issues:
                histories.setdefault(one.issue_id, []).extend(one.change_histories)
            token = page.next_page_token
            if not token:
                return histories
            if token in tokens:
                raise UnreadableAnswer("the pages of histories go round in circles")
            tokens.add(token)
            body["nextPageToken"] = token

    def _history_page(self, text: bytes) -> wire.HistoryPage:
        return convert_text(self._rules.apply(text).text, wire.HistoryPage)

    def _add_changes(self, issue_id: int, found: _Found) -> None:
        parsed = found.parsed.get(issue_id)
        if parsed is None:
            return
        bundle = parsed.bundle
        try:
            error = found.history_errors.get(issue_id)
            if error is not None:
                raise error
            bundle.changes = self._parser.changes(issue_id, found.histories.get(issue_id, ()), bundle.users)
        except UnreadableAnswer as error:
            found.set_aside(issue_id, bundle.issue.key, UnreadableAnswer(f"its history: {error}"))


def _head(text: bytes) -> wire.IssueHead | None:
    """What names an issue that cannot be read further, if that much can be read."""
    try:
        return convert_text(text, wire.IssueHead)
    except UnreadableAnswer:
        return None


def _chunks(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
