"""One issue and what hangs on it: names, tombstones, order, and pages of its long lists."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from digital_spiral.application.paging import Page, encode_cursor
from digital_spiral.application.ports import OpenUnitOfWork
from digital_spiral.application.use_cases.issues.read_issue import EXCERPT, ReadIssue
from digital_spiral.domain.entities.issue_views import (
    Account,
    CommentExcerpt,
    HistoryItem,
    IssueLabel,
    Named,
    ProjectRef,
    StatusRef,
    WorklogExcerpt,
)
from digital_spiral.domain.entities.tenancy import Tenant
from digital_spiral.domain.errors import Conflict, Invalid, NotFound
from digital_spiral.infrastructure.database import tables
from digital_spiral.infrastructure.database.repositories.tenants import create_tenant
from tests.integration.database.conftest import NOON, Rows, set_tenant

SITE = uuid.UUID(int=1)
Insert = Callable[..., Awaitable[None]]


@pytest.fixture
async def insert(engine: AsyncEngine, tenant: Tenant) -> Insert:
    """Stores rows of a table that are not gone: sample values with changes, on the site unless another is named."""

    async def insert_rows(table: sa.Table, *rows: dict[str, object]) -> None:
        alive = {"gone_at": None, "gone_proof": None} if "gone_at" in table.c else {}
        async with engine.begin() as connection:
            await set_tenant(connection, tenant.id)
            for row in rows:
                sample = Rows(tenant.id, SITE).sample(table, **(alive | row))
                await connection.execute(sa.insert(table), [sample])

    await insert_rows(tables.jira_instances, {})
    return insert_rows


@pytest.fixture
def read(open_uow: OpenUnitOfWork) -> ReadIssue:
    return ReadIssue(open_uow)


async def test_names_are_resolved(insert: Insert, read: ReadIssue, tenant: Tenant) -> None:
    people = {"assignee_id": "ada", "reporter_id": "bob", "creator_id": "stranger"}
    await insert(tables.users, {"jira_id": "ada", "display_name": "Ada"})
    await insert(tables.users, {"jira_id": "bob", "display_name": "Bob", "gone_at": NOON, "gone_proof": "absent"})
    for table, name in (
        (tables.statuses, "Done"),
        (tables.issue_types, "Bug"),
        (tables.priorities, "High"),
        (tables.resolutions, "Fixed"),
        (tables.project_components, "Engine"),
        (tables.project_versions, "1.0"),
    ):
        await insert(table, {"name": name})
    await insert(tables.projects, {"key": "OPS", "name": "Operations"})
    await insert(
        tables.issues,
        {"jira_id": 1, "key": "OPS-1", "parent_id": 2, "component_ids": [1, 7], "fix_version_ids": [1], **people},
        {"jira_id": 2, "key": "OPS-2", "parent_id": 3},
        {"jira_id": 3, "key": "OPS-3", "gone_at": NOON},
    )
    issue = await read.issue(tenant.id, "OPS-1", None)
    assert issue.project == ProjectRef(1, "OPS", "Operations")
    assert (issue.issue_type, issue.status) == (Named("1", "Bug"), StatusRef("1", "Done", "1"))
    assert (issue.priority, issue.resolution) == (Named("1", "High"), Named("1", "Fixed"))
    assert (issue.assignee, issue.reporter) == (Account("ada", "Ada"), Account("bob", "Bob"))
    assert issue.creator == Account("stranger", None)
    assert issue.components == [Named("1", "Engine"), Named("7", None)]
    assert issue.fix_versions == [Named("1", "1.0")]
    assert issue.parent == IssueLabel(2, "OPS-2")
    assert (await read.issue(tenant.id, "OPS-2", None)).parent == IssueLabel(3, None), "a tombstone gives no key"


async def test_an_issue_whose_vocabulary_the_copy_lacks(insert: Insert, read: ReadIssue, tenant: Tenant) -> None:
    nothing = dict.fromkeys(("priority_id", "resolution_id", "assignee_id", "reporter_id", "creator_id", "parent_id"))
    await insert(tables.issues, {"key": "A_B-7", "description": None, "description_text": None, **nothing})
    issue = await read.issue(tenant.id, "A_B-7", None)
    assert issue.project == ProjectRef(1, "A_B", None)
    assert (issue.issue_type, issue.status) == (Named("1", None), StatusRef("1", None, "1"))
    for absent in (issue.priority, issue.resolution, issue.assignee, issue.reporter, issue.parent, issue.description):
        assert absent is None
    assert (issue.comments, issue.worklogs) == (CommentExcerpt(0, []), WorklogExcerpt(0, []))
    assert (issue.links, issue.attachments, issue.custom_fields, issue.sprints) == ([], [], [], [])


async def test_what_hangs_on_it_without_tombstones(insert: Insert, read: ReadIssue, tenant: Tenant) -> None:
    await insert(tables.issues, {"jira_id": 1, "key": "A-1"}, {"jira_id": 2, "key": "MOVED-2"})
    await insert(tables.users, {"jira_id": "1", "display_name": "Ada"})
    await insert(tables.custom_fields, {"jira_id": "customfield_1", "name": "Team"})
    await insert(tables.sprints, {"jira_id": 4, "name": "Sprint 4", "state": "active"})
    await insert(tables.issue_sprints, {"sprint_id": 4}, {"sprint_id": 5})
    await insert(
        tables.issue_field_values,
        {"field_id": "labels", "value_text": "api"},
        {"field_id": "customfield_2", "position": 1, "value_number": 2.5},
        {"field_id": "customfield_1", "position": 0, "value_text": "Core"},
    )
    ends = {"type_name": "Blocks", "inward": "is blocked by", "outward": "blocks"}
    await insert(
        tables.issue_links,
        {"jira_id": 1, "source_id": 1, "target_id": 2, "source_key": "A-1", "target_key": "OLD-2", **ends},
        {"jira_id": 2, "source_id": 9, "target_id": 1, "source_key": "FAR-9", "target_key": "A-1", **ends},
        {"jira_id": 3, "source_id": 1, "target_id": 2, "gone_at": NOON},
    )
    gone = {"gone_at": NOON, "gone_proof": "absent"}
    restricted = {"visibility_type": "role", "visibility_value": "Admins"}
    await insert(
        tables.comments,
        {"jira_id": 3, "body": {"type": "doc"}, **restricted},
        {"jira_id": 4, "body": None, "visibility_type": None, "visibility_value": None},
        {"jira_id": 5, **gone},
    )
    note = {"comment": {"type": "doc", "content": []}}
    await insert(tables.worklogs, {"jira_id": 3, "raw_jsonb": note}, {"jira_id": 4}, {"jira_id": 5, **gone})
    await insert(tables.attachments, {"jira_id": 8}, {"jira_id": 6, "author_id": None}, {"jira_id": 7, **gone})

    issue = await read.issue(tenant.id, "A-1", SITE)
    assert [(v.field_id, v.field_name, v.text, v.number) for v in issue.custom_fields] == [
        ("customfield_1", "Team", "Core", 1.0),
        ("customfield_2", None, "1", 2.5),
    ]
    assert [(s.id, s.name, s.state) for s in issue.sprints] == [(4, "Sprint 4", "active"), (5, None, None)]
    assert [(link.id, link.direction, link.phrase, link.issue) for link in issue.links] == [
        (1, "outward", "blocks", IssueLabel(2, "MOVED-2")),
        (2, "inward", "is blocked by", IssueLabel(9, "FAR-9")),
    ]
    assert [(file.id, file.author) for file in issue.attachments] == [(6, None), (8, Account("1", "Ada"))]
    assert issue.comments.total == issue.worklogs.total == 2
    first, second = issue.comments.items
    assert (first.id, first.body, first.author) == (3, {"type": "doc"}, Account("1", "Ada"))
    assert first.visibility is not None
    assert (first.visibility.type, first.visibility.value) == ("role", "Admins")
    assert (second.id, second.body, second.visibility) == (4, None, None)
    assert [(one.id, one.comment) for one in issue.worklogs.items] == [(3, note["comment"]), (4, None)]


async def test_which_issue_a_key_means(insert: Insert, read: ReadIssue, tenant: Tenant) -> None:
    other = uuid.UUID(int=2)
    await insert(tables.jira_instances, {"id": other, "name": "second", "base_url": "second"})
    later = NOON + timedelta(hours=1)
    await insert(
        tables.issues,
        {"jira_id": 1, "key": "A-1"},
        {"jira_id": 2, "key": "A-1", "instance_id": other},
        {"jira_id": 3, "key": "A-3", "gone_at": NOON},
        {"jira_id": 4, "key": "A-4", "read_at": later},
        {"jira_id": 5, "key": "A-4"},
    )
    assert (await read.issue(tenant.id, "A-1", SITE)).id == 1
    assert (await read.issue(tenant.id, "A-1", other)).id == 2
    assert (await read.issue(tenant.id, "A-4", None)).id == 4, "the issue that was read last has the key"
    with pytest.raises(Conflict, match="instance_id"):
        await read.issue(tenant.id, "A-1", None)
    for key, site in (("A-3", None), ("a-1", SITE), ("A-4", other), ("A-1", uuid.UUID(int=3))):
        with pytest.raises(NotFound, match=f"no issue {key}"):
            await read.issue(tenant.id, key, site)
    for method in (read.comments, read.worklogs, read.history):
        with pytest.raises(NotFound):
            await method(tenant.id, "A-3", None, 5, None)
    with pytest.raises(Invalid):
        await read.issue(tenant.id, "A\0-1", None)


async def paged(method: Callable[..., Awaitable[Page[object]]], tenant: Tenant, limit: int) -> list[list[int]]:
    """Ids on each page."""
    pages: list[list[int]] = []
    cursor: str | None = None
    while True:
        page = await method(tenant.id, "A-1", None, limit, cursor)
        pages.append([item.id for item in page.items])  # type: ignore[attr-defined] # all that are listed have one
        cursor = page.next_cursor
        if cursor is None:
            return pages


@pytest.mark.parametrize("limit", [1, 3, 4, 100])
async def test_pages_of_comments_and_worklogs(insert: Insert, read: ReadIssue, tenant: Tenant, limit: int) -> None:
    """Several at the same instant, ids not in the order of time."""
    await insert(tables.issues, {"key": "A-1"}, {"jira_id": 2, "key": "A-2"})
    order = [7, 8, 9, 1, 2, 5, 6, 3]
    hours = {number: at // 3 for at, number in enumerate(order)}
    for table, moment in ((tables.comments, "created_at"), (tables.worklogs, "started_at")):
        rows = [{"jira_id": n, moment: NOON + timedelta(hours=hours[n])} for n in sorted(order)]
        await insert(table, *rows, {"jira_id": 10, "gone_at": NOON}, {"jira_id": 11, "issue_id": 2})
    expected = sorted(order, key=lambda number: (hours[number], number))
    for method in (read.comments, read.worklogs):
        pages = await paged(method, tenant, limit)  # type: ignore[arg-type] # pages of either
        assert [number for page in pages for number in page] == expected
        assert {len(page) for page in pages[:-1]} <= {limit}


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
async def test_history_is_paged_by_entry(insert: Insert, read: ReadIssue, tenant: Tenant, limit: int) -> None:
    await insert(tables.issues, {"key": "A-1"}, {"jira_id": 2, "key": "A-2"})
    await insert(tables.users, {"jira_id": "1", "display_name": "Ada"})
    for entry, items in ((20, 3), (3, 1), (11, 12), (12, 2)):
        await insert(
            tables.changelogs,
            *({"jira_id": entry, "item": at, "field": f"{entry}:{at}"} for at in reversed(range(items))),
        )
    await insert(tables.changelogs, {"jira_id": 5, "gone_at": NOON}, {"jira_id": 6, "issue_id": 2})
    pages = await paged(read.history, tenant, limit)  # type: ignore[arg-type] # pages of any kind
    assert [number for page in pages for number in page] == [3, 11, 12, 20]
    assert {len(page) for page in pages[:-1]} <= {limit}
    entries = (await read.history(tenant.id, "A-1", None, 100, None)).items
    assert [len(entry.items) for entry in entries] == [1, 12, 2, 3]
    assert [item.field for item in entries[1].items] == [f"11:{at}" for at in range(12)]
    assert (entries[0].author, entries[0].created_at) == (Account("1", "Ada"), NOON)
    assert entries[0].items == [
        HistoryItem(field="3:0", field_type="1", field_id="1", from_value="1", from_text="1", to_value="1", to_text="1")
    ]


async def test_a_history_that_is_empty(insert: Insert, read: ReadIssue, tenant: Tenant) -> None:
    await insert(tables.issues, {"key": "A-1"})
    assert await read.history(tenant.id, "A-1", None, 5, None) == Page([], None)


async def test_more_comments_than_come_with_the_issue(insert: Insert, read: ReadIssue, tenant: Tenant) -> None:
    await insert(tables.issues, {"key": "A-1"})
    await insert(tables.comments, *({"jira_id": number} for number in range(1, EXCERPT + 3)))
    comments = (await read.issue(tenant.id, "A-1", None)).comments
    assert (comments.total, [comment.id for comment in comments.items]) == (EXCERPT + 2, list(range(1, EXCERPT + 1)))


async def test_cursors_that_were_tampered_with(insert: Insert, read: ReadIssue, tenant: Tenant) -> None:
    await insert(tables.issues, {"key": "A-1"})
    with pytest.raises(Invalid):
        await read.history(tenant.id, "A-1", None, 5, encode_cursor("history", (2**63,)))
    for listing, method in (("comments", read.comments), ("worklogs", read.worklogs)):
        with pytest.raises(Invalid):
            await method(tenant.id, "A-1", None, 5, encode_cursor(listing, (NOON, -(2**64))))
    with pytest.raises(Invalid):
        await read.comments(tenant.id, "A-1", None, 5, encode_cursor("worklogs", (NOON, 1)))


async def test_another_tenant_sees_nothing_of_it(
    insert: Insert, read: ReadIssue, tenant: Tenant, owner_engine: AsyncEngine
) -> None:
    await insert(tables.issues, {"key": "A-1"})
    await insert(tables.comments, {})
    stranger = await create_tenant(owner_engine, "Globex")
    for site in (None, SITE):
        for method in (read.comments, read.worklogs, read.history):
            with pytest.raises(NotFound):
                await method(stranger.id, "A-1", site, 5, None)
        with pytest.raises(NotFound):
            await read.issue(stranger.id, "A-1", site)
    assert (await read.issue(tenant.id, "A-1", SITE)).comments.total == 1
