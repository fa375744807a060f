"""What readers are shown of a copied site is what the copy holds, no more and no less."""

from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

import orjson
import pytest
import sqlalchemy as sa

from digital_spiral.application.use_cases.issues.list_issues import ListIssues
from digital_spiral.application.use_cases.issues.list_projects import ListProjects
from digital_spiral.application.use_cases.issues.read_issue import EXCERPT, ReadIssue
from digital_spiral.domain.entities.issue import Change, Comment, FieldValue, IssueBundle, IssueLink, Worklog
from digital_spiral.domain.entities.issue_views import (
    Account,
    CommentView,
    HistoryEntry,
    IssueFilter,
    IssueSort,
    IssueView,
    JsonValue,
    LinkView,
    WorklogView,
)
from digital_spiral.infrastructure.database import tables
from tests.integration.sync.conftest import Copy

MANY = 1000


async def copied_bundles(copy: Copy) -> dict[int, IssueBundle]:
    async with copy.open_uow(copy.tenant.id) as uow:
        return await uow.mirror.bundles(copy.instance.id, await uow.mirror.issue_ids(copy.instance.id, None))


async def column(copy: Copy, table: str, name: str) -> dict[object, object]:
    """A column of a table by Jira's id."""
    columns = tables.metadata.tables[table].c
    return {row[0]: row[1] for row in await copy.rows(sa.select(columns.jira_id, columns[name]))}


@pytest.fixture
async def people(copied: Copy) -> dict[object, object]:
    return await column(copied, "users", "display_name")


def identity(account: Account | None) -> str | None:
    return None if account is None else account.account_id


def parsed(text: bytes | None) -> JsonValue:
    document: JsonValue = None if text is None else orjson.loads(text)
    return document


def comment_as_shown(comment: Comment) -> tuple[object, ...]:
    visible = None if comment.visibility_type is None else (comment.visibility_type, comment.visibility_value)
    return (
        *(comment.jira_id, comment.author_id, comment.update_author_id, comment.created_at, comment.jira_updated_at),
        *(visible, parsed(comment.body)),
    )


def shown_comment(view: CommentView) -> tuple[object, ...]:
    visible = None if view.visibility is None else (view.visibility.type, view.visibility.value)
    return (
        *(view.id, identity(view.author), identity(view.update_author), view.created_at, view.updated_at),
        *(visible, view.body),
    )


def worklog_as_shown(worklog: Worklog) -> tuple[object, ...]:
    return (
        *(worklog.jira_id, worklog.author_id, worklog.update_author_id, worklog.started_at, worklog.created_at),
        *(worklog.time_spent_seconds, worklog.jira_updated_at, orjson.loads(worklog.raw_jsonb).get("comment")),
    )


def shown_worklog(view: WorklogView) -> tuple[object, ...]:
    return (
        *(view.id, identity(view.author), identity(view.update_author), view.started_at, view.created_at),
        *(view.time_spent_seconds, view.updated_at, view.comment),
    )


def value_as_shown(value: FieldValue) -> tuple[object, ...]:
    return value.field_id, value.value_text, value.value_id, value.value_number, value.value_time


def link_as_shown(link: IssueLink, issue_id: int) -> tuple[object, ...]:
    if link.source_id == issue_id:
        return link.jira_id, link.type_id, link.type_name, "outward", link.outward, link.target_id, link.target_key
    return link.jira_id, link.type_id, link.type_name, "inward", link.inward, link.source_id, link.source_key


def shown_link(view: LinkView) -> tuple[object, ...]:
    return view.id, view.type.id, view.type.name, view.direction, view.phrase, view.issue.id, view.issue.key


def shown_changes(entries: Sequence[HistoryEntry]) -> list[tuple[object, ...]]:
    return [
        (entry.id, at, identity(entry.author), entry.created_at, *asdict(item).values())
        for entry in entries
        for at, item in enumerate(entry.items)
    ]


def change_as_shown(change: Change) -> tuple[object, ...]:
    return (
        *(change.jira_id, change.item, change.author_id, change.created_at, change.field, change.field_type),
        *(change.field_id, change.from_value, change.from_text, change.to_value, change.to_text),
    )


def check_own_fields(issue: IssueView, bundle: IssueBundle) -> None:
    """The fields of the issue itself; ``None`` names are looked at elsewhere."""
    stored = bundle.issue
    assert (issue.id, issue.key, issue.project.id) == (stored.jira_id, stored.key, stored.project_id)
    assert (issue.issue_type.id, issue.status.id) == (stored.issue_type_id, stored.status_id)
    assert (issue.status.category, issue.summary) == (stored.status_category, stored.summary)
    assert (issue.priority and issue.priority.id) == stored.priority_id
    assert (issue.resolution and issue.resolution.id) == stored.resolution_id
    people = (issue.assignee, issue.reporter, issue.creator)
    assert [identity(one) for one in people] == [stored.assignee_id, stored.reporter_id, stored.creator_id]
    assert (issue.parent and issue.parent.id, issue.epic_id) == (stored.parent_id, stored.epic_id)
    assert (issue.story_points, issue.labels) == (stored.story_points, stored.labels)
    assert [int(one.id) for one in issue.components] == stored.component_ids
    assert [int(one.id) for one in issue.fix_versions] == stored.fix_version_ids
    assert (issue.created_at, issue.updated_at) == (stored.created_at, stored.jira_updated_at)
    assert (issue.resolved_at, issue.due_on) == (stored.resolved_at, stored.due_on)
    assert (issue.description, issue.description_text) == (parsed(stored.description), stored.description_text)


def check_children(issue: IssueView, bundle: IssueBundle) -> None:
    """What hangs on the issue, as far as its excerpts reach."""
    number = bundle.issue.jira_id
    comments = sorted(bundle.comments, key=lambda one: (one.created_at, one.jira_id))
    worklogs = sorted(bundle.worklogs or [], key=lambda one: (one.started_at, one.jira_id))
    values = [value for value in bundle.field_values if value.field_id != "labels"]
    assert (issue.comments.total, issue.worklogs.total) == (len(comments), len(worklogs))
    assert [shown_comment(one) for one in issue.comments.items] == [comment_as_shown(c) for c in comments[:EXCERPT]]
    assert [shown_worklog(one) for one in issue.worklogs.items] == [worklog_as_shown(w) for w in worklogs[:EXCERPT]]
    assert [shown_link(one) for one in issue.links] == [
        link_as_shown(link, number) for link in sorted(bundle.links, key=lambda link: link.jira_id)
    ]
    assert [(v.field_id, v.text, v.value_id, v.number, v.time) for v in issue.custom_fields] == [
        value_as_shown(value) for value in sorted(values, key=lambda value: (value.field_id, value.position))
    ]
    assert [sprint.id for sprint in issue.sprints] == sorted(one.sprint_id for one in bundle.sprints)
    assert [(a.id, a.filename, identity(a.author), a.size, a.content_url) for a in issue.attachments] == [
        (a.jira_id, a.filename, a.author_id, a.size, a.content_url)
        for a in sorted(bundle.attachments, key=lambda one: one.jira_id)
    ]


async def test_details_are_what_the_copy_holds(copied: Copy) -> None:
    read = ReadIssue(copied.open_uow)
    bundles = await copied_bundles(copied)
    seen = {"comments": 0, "worklogs": 0, "links": 0, "changes": 0, "attachments": 0, "sprints": 0}
    for bundle in bundles.values():
        where = (copied.tenant.id, bundle.issue.key, copied.instance.id)
        issue = await read.issue(*where)
        check_own_fields(issue, bundle)
        check_children(issue, bundle)
        comments = await read.comments(*where, MANY, None)
        assert {comment.id for comment in comments.items} == {comment.jira_id for comment in bundle.comments}
        history = await read.history(*where, MANY, None)
        changes = sorted(bundle.changes, key=lambda change: (change.jira_id, change.item))
        assert shown_changes(history.items) == [change_as_shown(change) for change in changes]
        for kind in seen:
            seen[kind] += len(getattr(bundle, kind))
    assert all(seen.values()), f"the site has some of everything: {seen}"


async def test_names_are_those_of_the_site(copied: Copy, people: dict[object, object]) -> None:
    listing = await ListIssues(copied.open_uow).page(copied.tenant.id, IssueFilter(), IssueSort.CREATED, MANY, None)
    names = {
        table: await column(copied, table, "name")
        for table in ("statuses", "issue_types", "priorities", "resolutions", "project_components", "project_versions")
    }
    projects, keys = await column(copied, "projects", "key"), await column(copied, "issues", "key")
    assert len(listing.items) == len(keys)
    for issue in listing.items:
        assert issue.project.key == projects[issue.project.id]
        assert issue.status.name == names["statuses"][issue.status.id]
        assert issue.issue_type.name == names["issue_types"][issue.issue_type.id]
        for named, table in ((issue.priority, "priorities"), (issue.resolution, "resolutions")):
            assert named is None or named.name == names[table][named.id]
        for parts, table in ((issue.components, "project_components"), (issue.fix_versions, "project_versions")):
            assert [part.name for part in parts] == [names[table][int(part.id)] for part in parts]
        for account in (issue.assignee, issue.reporter, issue.creator):
            assert account is None or account.display_name == people[account.account_id]
        assert issue.parent is None or issue.parent.key == keys[issue.parent.id]


async def test_a_list_and_a_detail_say_the_same(copied: Copy) -> None:
    listing = await ListIssues(copied.open_uow).page(copied.tenant.id, IssueFilter(), IssueSort.UPDATED, 40, None)
    for summary in listing.items:
        issue = asdict(await ReadIssue(copied.open_uow).issue(copied.tenant.id, summary.key, None))
        assert asdict(summary).items() <= issue.items()


async def test_projects_are_those_of_the_site(copied: Copy, people: dict[object, object]) -> None:
    page = await ListProjects(copied.open_uow).page(copied.tenant.id, copied.instance.id, 100, None)
    stored = {row.jira_id: row for row in await copied.rows(sa.select(tables.projects))}
    assert {project.id for project in page.items} == set(stored)
    for project in page.items:
        row = stored[project.id]
        assert (project.key, project.name, project.archived) == (row.key, row.name, row.archived)
        assert (project.type_key, project.simplified) == (row.type_key, row.simplified)
        assert identity(project.lead) == row.lead_id
        assert project.lead is None or project.lead.display_name == people[project.lead.account_id]


async def test_each_filter_splits_the_site(copied: Copy) -> None:
    """Every issue is found under exactly the values that it has."""

    async def ids(wanted: IssueFilter) -> set[tuple[UUID, int]]:
        page = await ListIssues(copied.open_uow).page(copied.tenant.id, wanted, IssueSort.UPDATED_DESC, MANY, None)
        return {(issue.instance_id, issue.id) for issue in page.items}

    issues = (
        await ListIssues(copied.open_uow).page(copied.tenant.id, IssueFilter(), IssueSort.UPDATED, MANY, None)
    ).items
    for name in {issue.status.name for issue in issues if issue.status.name}:
        having = {(one.instance_id, one.id) for one in issues if one.status.name == name}
        assert await ids(IssueFilter(statuses=[name.upper()])) == having
    for key in {issue.project.key for issue in issues}:
        assert await ids(IssueFilter(projects=[key])) == {(o.instance_id, o.id) for o in issues if o.project.key == key}
    for label in {label for issue in issues for label in issue.labels}:
        assert await ids(IssueFilter(labels=[label])) == {(o.instance_id, o.id) for o in issues if label in o.labels}
    assert await ids(IssueFilter(assignees=["unassigned"])) == {
        (one.instance_id, one.id) for one in issues if one.assignee is None
    }
