"""One Jira Cloud site, as the use cases see it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from digital_spiral.application.ports import Account, IssuePage
from digital_spiral.domain.entities.agile import Board, Sprint
from digital_spiral.domain.entities.issue import Issue, IssueRef, Worklog
from digital_spiral.domain.entities.metadata import CustomField, IssueType, Priority, Resolution, Status
from digital_spiral.domain.entities.project import Component, Project, Version
from digital_spiral.domain.entities.sync import Skip
from digital_spiral.domain.entities.user import User
from digital_spiral.domain.errors import Forbidden, Invalid, NotFound, UnreadableAnswer
from digital_spiral.infrastructure.external.jira import parse_site, search, wire, wire_site
from digital_spiral.infrastructure.external.jira.client import JiraClient, Query
from digital_spiral.infrastructure.external.jira.decoding import convert_text
from digital_spiral.infrastructure.external.jira.field_values import FieldCatalogue
from digital_spiral.infrastructure.external.jira.issues import IssueReader
from digital_spiral.infrastructure.external.jira.lists import ListReader
from digital_spiral.infrastructure.external.jira.parse_issue import IssueParser
from digital_spiral.infrastructure.external.jira.raw import RawRules
from digital_spiral.infrastructure.external.jira.worklogs import WorklogReader

PLATFORM = "/rest/api/3"
AGILE = "/rest/agile/1.0"

# Page sizes; Jira lowers what is too large without a word (Atlassian's OpenAPI documents, field reports).
_PAGE = 100
_USERS_PER_PAGE = 1000

_NEEDED_PERMISSIONS = ("BROWSE_PROJECTS", "USER_PICKER")
"""To see issues, and to list accounts."""

_BOARDS_WITHOUT_SPRINTS = "kanban"

Row = TypeVar("Row")


class JiraGateway:
    """Satisfies ``ports.Jira`` for one site and one credential."""

    def __init__(self, client: JiraClient, rules: RawRules) -> None:
        self._client = client
        self._rules = rules
        self._lists = ListReader(client, rules)
        self._worklogs = WorklogReader(client, IssueParser(rules, FieldCatalogue()))
        self._issues: IssueReader | None = None
        self._learning = asyncio.Lock()

    @property
    def requests(self) -> int:
        """HTTP requests sent so far, retries included."""
        return self._client.requests

    async def account(self) -> Account:
        """Who the credential belongs to."""
        myself = await self._client.get(f"{PLATFORM}/myself", lambda text: convert_text(text, wire_site.Myself))
        return Account(myself.account_id, myself.display_name, myself.time_zone)

    async def missing_permissions(self) -> list[str]:
        """Names of the permissions a complete copy needs and the account lacks."""
        query = {"permissions": ",".join(_NEEDED_PERMISSIONS)}
        try:
            answer = await self._client.get(
                f"{PLATFORM}/mypermissions", lambda text: convert_text(text, wire_site.Permissions), query
            )
        except NotFound:
            answer = wire_site.Permissions()
        missing = [one.name or key for key, one in answer.permissions.items() if not one.have_permission]
        path, size = f"{PLATFORM}/project/search", {"maxResults": 1}
        if not missing and not (await self._client.get(path, lambda text: convert_text(text, wire.Page), size)).values:
            missing.append("Browse Projects (the account sees no project at all)")
        return missing

    async def projects(self) -> list[Project]:
        """Every project the account sees, archived ones included."""
        query: Query = {"expand": "description,lead", "status": ["live", "archived"]}
        texts = await self._lists.pages(f"{PLATFORM}/project/search", _PAGE, query)
        return _rows("a project", texts, parse_site.project)

    async def project_parts(self, project: Project) -> tuple[list[Component], list[Version]]:
        """The project's components and its versions, which the project's own description lists whole."""
        detail = await self._client.get(
            f"{PLATFORM}/project/{project.jira_id}",
            lambda text: convert_text(self._rules.apply(text).text, wire_site.ProjectDetail),
        )
        components, versions = ([bytes(text) for text in part] for part in (detail.components, detail.versions))
        return (
            _rows("a component", components, lambda text: parse_site.component(text, project.jira_id)),
            _rows("a version", versions, lambda text: parse_site.version(text, project.jira_id)),
        )

    async def users(self) -> list[User]:
        """Every account of the site, inactive ones included; ``Forbidden`` without "Browse users and groups"."""
        texts = await self._lists.arrays(f"{PLATFORM}/users/search", _USERS_PER_PAGE)
        return list({row.jira_id: row for row in _rows("a user", texts, parse_site.user)}.values())

    async def statuses(self) -> list[Status]:
        """Every status."""
        return _rows("a status", await self._lists.array(f"{PLATFORM}/status"), parse_site.status)

    async def priorities(self) -> list[Priority]:
        """Every priority in order."""
        texts = await self._lists.pages(f"{PLATFORM}/priority/search", _PAGE)
        positions = iter(range(len(texts)))
        return _rows("a priority", texts, lambda text: parse_site.priority(text, next(positions)))

    async def resolutions(self) -> list[Resolution]:
        """Every resolution."""
        texts = await self._lists.pages(f"{PLATFORM}/resolution/search", _PAGE)
        return _rows("a resolution", texts, parse_site.resolution)

    async def issue_types(self) -> list[IssueType]:
        """Every issue type."""
        return _rows("an issue type", await self._lists.array(f"{PLATFORM}/issuetype"), parse_site.issue_type)

    async def custom_fields(self) -> list[CustomField]:
        """Every custom field; issues that are read afterwards are read in their light."""
        texts = await self._lists.array(f"{PLATFORM}/field")
        fields = [row for row in _rows("a field", texts, parse_site.custom_field) if row is not None]
        self._learn(fields)
        return fields

    async def boards(self) -> list[Board]:
        """Every agile board; none where the site or the account has no Jira Software."""
        try:
            texts = await self._lists.pages(f"{AGILE}/board", _PAGE)
        except (Forbidden, NotFound):
            return []
        return _rows("a board", texts, parse_site.board)

    async def sprints(self, board: Board) -> list[Sprint]:
        """The board's sprints. Team-managed boards (type ``simple``) may have some, and say so when asked."""
        if board.type == _BOARDS_WITHOUT_SPRINTS:
            return []
        try:
            texts = await self._lists.pages(f"{AGILE}/board/{board.jira_id}/sprint", _PAGE)
        except Invalid as error:
            if "does not support sprints" in str(error):
                return []
            raise
        return _rows("a sprint", texts, lambda text: parse_site.sprint(text, board.jira_id))

    async def count_issues(self, projects: Sequence[Project]) -> int:
        """Jira's estimate of the number of issues in the projects together."""
        question = {"jql": f"project IN ({', '.join(str(project.jira_id) for project in projects)})"}
        path = f"{PLATFORM}/search/approximate-count"
        return (await self._client.post(path, lambda text: convert_text(text, wire.Count), question)).count

    def issue_refs(self, project: Project, *, after: int, with_updated: bool) -> AsyncIterator[list[IssueRef]]:
        """Pages of the project's issues with ids above ``after``, in ascending order of id."""
        return search.issue_refs(self._client, project.jira_id, after=after, with_updated=with_updated)

    async def changed_since(self, project: Project, moment: datetime) -> dict[int, datetime]:
        """``updated`` of every issue of the project that changed since a moment, and of some that did not."""
        return await search.changed_since(self._client, project.jira_id, moment)

    async def issues(self, ids: Sequence[int]) -> IssuePage:
        """Issues with comments, links, attachments and histories, all of them complete."""
        return await (await self._issue_reader()).read(ids)

    async def complete_worklogs(self, issue: Issue) -> list[Worklog]:
        """All worklogs of one issue, for those whose embedded list was cut."""
        return await self._worklogs.of_issue(issue.jira_id)

    async def worklogs_updated(self, since: int) -> tuple[dict[int, int], int]:
        """Worklog id to its ``updated`` since an instant (epoch ms), and the instant the feed reaches."""
        return await self._worklogs.feed("updated", since)

    async def worklogs_deleted(self, since: int) -> tuple[list[int], int]:
        """Ids of worklogs deleted since an instant (epoch ms), and the instant the feed reaches."""
        moments, reached = await self._worklogs.feed("deleted", since)
        return list(moments), reached

    async def worklogs(self, ids: Sequence[int]) -> tuple[list[Worklog], list[Skip]]:
        """Worklogs by id, and those that could not be read."""
        return await self._worklogs.by_id(ids)

    async def _issue_reader(self) -> IssueReader:
        async with self._learning:
            return self._issues or self._learn(await self.custom_fields())

    def _learn(self, fields: list[CustomField]) -> IssueReader:
        self._issues = IssueReader(self._client, IssueParser(self._rules, FieldCatalogue.of(fields)), self._rules)
        return self._issues


def _rows(kind: str, texts: Iterable[bytes], parse: Callable[[bytes], Row]) -> list[Row]:
    """Read the elements of a list; what cannot be read is named by its kind and the beginning of its text."""
    rows: list[Row] = []
    for text in texts:
        try:
            rows.append(parse(text))
        except UnreadableAnswer as error:
            beginning = text[:120].decode(errors="replace")
            raise UnreadableAnswer(f"Jira's description of {kind} cannot be read: {error} ({beginning}...)") from error
    return rows
