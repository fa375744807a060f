"""The ids of a project's issues, in ascending order, and which of them have changed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from digital_spiral.domain.entities.issue import IssueRef
from digital_spiral.domain.errors import Invalid, UnreadableAnswer
from digital_spiral.infrastructure.external.jira import wire
from digital_spiral.infrastructure.external.jira.client import JiraClient
from digital_spiral.infrastructure.external.jira.decoding import convert_text
from digital_spiral.infrastructure.external.jira.times import instant

REFS_PER_PAGE = 5000
"""The most that ``search/jql`` allows, and gives where only ids and single fields are asked for."""


ZONE_MARGIN = timedelta(hours=26)
"""Subtracted from an instant in JQL. Jira reads a date literal in the time zone of the caller's profile, which lies at
most 14 hours from UTC and may change; the rest is for an index that lags behind."""


async def changed_since(client: JiraClient, project_id: int, moment: datetime) -> dict[int, datetime]:
    """``updated`` of every issue of the project that changed since ``moment``, and of some that changed before."""
    literal = (moment.astimezone(UTC) - ZONE_MARGIN).strftime("%Y-%m-%d %H:%M")
    condition = f'updated >= "{literal}"'
    pages = issue_refs(client, project_id, after=0, with_updated=True, condition=condition)
    return {ref.jira_id: ref.updated or UNKNOWN async for page in pages for ref in page}


UNKNOWN = datetime.min.replace(tzinfo=UTC)
"""Stands for an ``updated`` that cannot be read: it differs from any that is stored, so the issue is read again."""


async def issue_refs(
    client: JiraClient, project_id: int, *, after: int, with_updated: bool, condition: str = ""
) -> AsyncIterator[list[IssueRef]]:
    """Pages of the project's issues above an id, of those that fulfil ``condition`` (JQL) if one is given.

    The last id is the position, not the page token: a token lives for a limited time, and when Jira no longer takes
    it the search goes on behind the last id. A page may be short, or empty, without being the last.

    Raises:
        UnreadableAnswer: Ids do not ascend, or pages come again.
    """
    last = after
    token: str | None = None
    tokens: set[str] = set()
    while True:
        try:
            page = await _page(client, _jql(project_id, after, condition), token, with_updated)
        except Invalid:
            if token is None or last == after:
                raise
            after, token = last, None
            continue
        refs = [IssueRef(hit.id, _updated(hit)) for hit in page.issues if hit.id > last]
        if page.issues and not refs:
            raise UnreadableAnswer("the pages of the search do not ascend by id")
        if refs:
            last = _ascending(refs, last)
            yield refs
        token = page.next_page_token
        if not token or page.is_last:
            return
        if token in tokens:
            raise UnreadableAnswer("the pages of the search go round in circles")
        tokens.add(token)


def _jql(project_id: int, after: int, condition: str) -> str:
    clauses = [f"project = {project_id}", f"id > {after}", *([condition] if condition else [])]
    return f"{' AND '.join(clauses)} ORDER BY id ASC"


async def _page(client: JiraClient, jql: str, token: str | None, with_updated: bool) -> wire.SearchPage:
    body: dict[str, object] = {
        "jql": jql,
        "maxResults": REFS_PER_PAGE,
        "fields": ["updated" if with_updated else "id"],
    }
    if token is not None:
        body["nextPageToken"] = token
    return await client.post("/rest/api/3/search/jql", lambda text: convert_text(text, wire.SearchPage), body)


def _updated(hit: wire.SearchHit) -> datetime | None:
    """When the issue changed; an instant that cannot be read counts as unknown, and reading the issue names it."""
    if hit.fields is None or hit.fields.updated is None:
        return None
    try:
        return instant(hit.fields.updated)
    except UnreadableAnswer:
        return None


def _ascending(refs: list[IssueRef], last: int) -> int:
    for ref in refs:
        if ref.jira_id <= last:
            raise UnreadableAnswer("the ids of the search do not ascend")
        last = ref.jira_id
    return last
