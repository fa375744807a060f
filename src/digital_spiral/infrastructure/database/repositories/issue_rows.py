"""Rows of the copy as what readers see: the queries for what hangs on an issue, and the way into objects.

Parameters are the tenant, the instance and the issue, then what a query says. Names of accounts, fields and sprints
are given whether or not their rows are gone since.
"""

from collections.abc import Iterable
from typing import Any

import asyncpg
import orjson

from digital_spiral.domain.entities.issue_views import (
    Account,
    AttachmentView,
    CommentExcerpt,
    CommentView,
    CustomFieldValue,
    HistoryEntry,
    HistoryItem,
    IssueLabel,
    IssueSummary,
    IssueView,
    JsonValue,
    LinkView,
    Named,
    ProjectRef,
    ProjectView,
    SprintRef,
    StatusRef,
    Visibility,
    WorklogExcerpt,
    WorklogView,
)
from digital_spiral.infrastructure.database.repositories.issue_names import Names

# Table and column names in the SQL below come from this module, never from input.
# ruff: noqa: S608


def _joined(table: str, alias: str, row: str, reference: str) -> str:
    return (
        f"LEFT JOIN {table} {alias} ON {alias}.tenant_id = {row}.tenant_id "
        f"AND {alias}.instance_id = {row}.instance_id AND {alias}.jira_id = {row}.{reference} "
    )


SUMMARY_COLUMNS = (
    "i.jira_id, i.instance_id, i.key, i.project_id, i.issue_type_id, i.status_id, i.status_category, i.summary, "
    "i.priority_id, i.resolution_id, i.assignee_id, i.reporter_id, i.creator_id, i.parent_id, i.epic_id, "
    "i.story_points, i.labels, i.component_ids, i.fix_version_ids, i.created_at, i.jira_updated_at, i.resolved_at, "
    "i.due_on, i.read_at"
)


def _count(table: str) -> str:
    return (
        f"(SELECT count(*) FROM {table} WHERE tenant_id = $1 AND instance_id = $2 AND issue_id = $3 "
        f"AND gone_at IS NULL) AS {table}"
    )


def _any(name: str, *conditions: str) -> str:
    held = [f"EXISTS (SELECT FROM {condition} AND tenant_id = $1 AND instance_id = $2)" for condition in conditions]
    return f"({' OR '.join(held)}) AS {name}"


# What is not there need not be asked for: a round trip costs more than looking into an index.
_HAS = ", ".join(
    (
        _any("has_custom_fields", "issue_field_values WHERE issue_id = $3 AND field_id <> 'labels'"),
        _any("has_sprints", "issue_sprints WHERE issue_id = $3"),
        _any("has_links", "issue_links WHERE source_id = $3", "issue_links WHERE target_id = $3"),
        _any("has_attachments", "attachments WHERE issue_id = $3"),
    )
)
DETAIL = (
    f"SELECT {SUMMARY_COLUMNS}, i.description::text AS description, i.description_text, {_count('comments')}, "
    f"{_count('worklogs')}, {_HAS} FROM issues i "
    "WHERE i.tenant_id = $1 AND i.instance_id = $2 AND i.jira_id = $3 AND i.gone_at IS NULL"
)
PROJECTS = (
    "SELECT p.jira_id, p.instance_id, p.key, p.name, p.type_key, p.simplified, p.archived, p.lead_id, "
    f"lead.display_name AS lead_name FROM projects p {_joined('users', 'lead', 'p', 'lead_id')}"
)
CUSTOM_FIELDS = (
    "SELECT v.field_id, f.name AS field_name, v.value_text, v.value_id, v.value_number, v.value_time "
    f"FROM issue_field_values v {_joined('custom_fields', 'f', 'v', 'field_id')}"
    "WHERE v.tenant_id = $1 AND v.instance_id = $2 AND v.issue_id = $3 AND v.field_id <> 'labels' "
    "ORDER BY v.field_id, v.position"
)
SPRINTS = (
    "SELECT m.sprint_id, s.name, s.state "
    f"FROM issue_sprints m {_joined('sprints', 's', 'm', 'sprint_id')}"
    "WHERE m.tenant_id = $1 AND m.instance_id = $2 AND m.issue_id = $3 ORDER BY m.sprint_id"
)


def _links(own: str, other: str, direction: str) -> str:
    """Links in which the issue is the ``own`` end; the copy's key of the other end is newer than the link's."""
    return (
        f"SELECT l.jira_id, l.type_id, l.type_name, '{direction}' AS direction, l.{direction} AS phrase, "
        f"l.{other}_id AS other_id, coalesce(other.key, l.{other}_key) AS other_key "
        f"FROM issue_links l {_joined('issues', 'other', 'l', f'{other}_id').rstrip()} AND other.gone_at IS NULL "
        f"WHERE l.tenant_id = $1 AND l.instance_id = $2 AND l.{own}_id = $3 AND l.gone_at IS NULL"
    )


LINKS = f"{_links('source', 'target', 'outward')} UNION ALL {_links('target', 'source', 'inward')} ORDER BY 1, 4"
ATTACHMENTS = (
    "SELECT a.jira_id, a.filename, a.author_id, author.display_name AS author_name, a.created_at, a.size, "
    f"a.mime_type, a.content_url FROM attachments a {_joined('users', 'author', 'a', 'author_id')}"
    "WHERE a.tenant_id = $1 AND a.instance_id = $2 AND a.issue_id = $3 AND a.gone_at IS NULL ORDER BY a.jira_id"
)
_WRITERS = _joined("users", "author", "e", "author_id") + _joined("users", "editor", "e", "update_author_id")
_ENTRY_COLUMNS = (
    "e.jira_id, e.author_id, author.display_name AS author_name, e.update_author_id, "
    "editor.display_name AS update_author_name, e.created_at, e.jira_updated_at"
)


def _entries(table: str, columns: str, order: str) -> str:
    """Comments or worklogs of an issue by ``order`` and id, after a position ($4, $5), at most $6."""
    return (
        f"SELECT {_ENTRY_COLUMNS}, {columns} FROM (SELECT * FROM {table} "
        "WHERE tenant_id = $1 AND instance_id = $2 AND issue_id = $3 AND gone_at IS NULL "
        f"AND ($4::timestamptz IS NULL OR ({order}, jira_id) > ($4, $5::bigint)) "
        f"ORDER BY {order}, jira_id LIMIT $6) e {_WRITERS}ORDER BY e.{order}, e.jira_id"
    )


COMMENTS = _entries("comments", "e.visibility_type, e.visibility_value, e.body::text AS body", "created_at")
WORKLOGS = _entries(
    "worklogs", "e.started_at, e.time_spent_seconds, (e.raw_jsonb -> 'comment')::text AS comment", "started_at"
)
_ITEMS = "tenant_id = $1 AND instance_id = $2 AND issue_id = $3 AND gone_at IS NULL AND jira_id > $4"
HISTORY = (
    "SELECT e.jira_id, e.author_id, author.display_name AS author_name, e.created_at, e.field, e.field_type, "
    "e.field_id, e.from_value, e.from_text, e.to_value, e.to_text FROM (SELECT * FROM changelogs "
    f"WHERE {_ITEMS} AND jira_id <= (SELECT max(jira_id) FROM (SELECT DISTINCT jira_id FROM changelogs "
    f"WHERE {_ITEMS} ORDER BY jira_id LIMIT $5) entries)) e {_joined('users', 'author', 'e', 'author_id')}"
    "ORDER BY e.jira_id, e.item"
)


def summary(row: asyncpg.Record, names: Names) -> IssueSummary:
    """An issue in a list."""
    return IssueSummary(**_summary_values(row, names))


def detail(
    row: asyncpg.Record,
    names: Names,
    *,
    custom_fields: list[CustomFieldValue],
    sprints: list[SprintRef],
    links: list[LinkView],
    attachments: list[AttachmentView],
    comments: list[CommentView],
    worklogs: list[WorklogView],
) -> IssueView:
    """An issue with what hangs on it; ``comments`` and ``worklogs`` are the first ones."""
    return IssueView(
        **_summary_values(row, names),
        description=_document(row["description"]),
        description_text=row["description_text"],
        custom_fields=custom_fields,
        sprints=sprints,
        links=links,
        attachments=attachments,
        comments=CommentExcerpt(row["comments"], comments),
        worklogs=WorklogExcerpt(row["worklogs"], worklogs),
    )


# The driver gives values of any type; the columns decide which.
def _summary_values(row: asyncpg.Record, names: Names) -> dict[str, Any]:
    instance_id, key, project_id, parent_id = row["instance_id"], row["key"], row["project_id"], row["parent_id"]

    def named(table: str, identity: str | int) -> Named:
        return Named(str(identity), names.name(table, instance_id, identity))

    def account(account_id: str | None) -> Account | None:
        return None if account_id is None else Account(account_id, names.name("users", instance_id, account_id))

    priority_id, resolution_id, status_id = row["priority_id"], row["resolution_id"], row["status_id"]
    return {
        "id": row["jira_id"],
        "instance_id": instance_id,
        "key": key,
        # A project that the copy lacks has left its key in the issue's own.
        "project": ProjectRef(
            project_id,
            names.key("projects", instance_id, project_id) or key.rpartition("-")[0],
            names.name("projects", instance_id, project_id),
        ),
        "issue_type": named("issue_types", row["issue_type_id"]),
        "status": StatusRef(status_id, names.name("statuses", instance_id, status_id), row["status_category"]),
        "summary": row["summary"],
        "priority": None if priority_id is None else named("priorities", priority_id),
        "resolution": None if resolution_id is None else named("resolutions", resolution_id),
        "assignee": account(row["assignee_id"]),
        "reporter": account(row["reporter_id"]),
        "creator": account(row["creator_id"]),
        "parent": None if parent_id is None else IssueLabel(parent_id, names.key("issues", instance_id, parent_id)),
        "epic_id": row["epic_id"],
        "story_points": row["story_points"],
        "labels": row["labels"],
        "components": [named("project_components", one) for one in row["component_ids"]],
        "fix_versions": [named("project_versions", one) for one in row["fix_version_ids"]],
        "created_at": row["created_at"],
        "updated_at": row["jira_updated_at"],
        "resolved_at": row["resolved_at"],
        "due_on": row["due_on"],
        "read_at": row["read_at"],
    }


def project(row: asyncpg.Record) -> ProjectView:
    """A project."""
    return ProjectView(
        id=row["jira_id"],
        instance_id=row["instance_id"],
        key=row["key"],
        name=row["name"],
        type_key=row["type_key"],
        simplified=row["simplified"],
        archived=row["archived"],
        lead=_account(row["lead_id"], row["lead_name"]),
    )


def custom_field_value(row: asyncpg.Record) -> CustomFieldValue:
    """One value of a custom field."""
    return CustomFieldValue(
        field_id=row["field_id"],
        field_name=row["field_name"],
        text=row["value_text"],
        value_id=row["value_id"],
        number=row["value_number"],
        time=row["value_time"],
    )


def sprint(row: asyncpg.Record) -> SprintRef:
    """A sprint of an issue."""
    return SprintRef(row["sprint_id"], row["name"], row["state"])


def link(row: asyncpg.Record) -> LinkView:
    """A link, seen from one end."""
    return LinkView(
        id=row["jira_id"],
        type=Named(row["type_id"], row["type_name"]),
        direction=row["direction"],
        phrase=row["phrase"],
        issue=IssueLabel(row["other_id"], row["other_key"]),
    )


def attachment(row: asyncpg.Record) -> AttachmentView:
    """What is known of an attached file."""
    return AttachmentView(
        id=row["jira_id"],
        filename=row["filename"],
        author=_account(row["author_id"], row["author_name"]),
        created_at=row["created_at"],
        size=row["size"],
        mime_type=row["mime_type"],
        content_url=row["content_url"],
    )


def comment(row: asyncpg.Record) -> CommentView:
    """A comment."""
    restricted = row["visibility_type"] is not None
    return CommentView(
        id=row["jira_id"],
        author=_account(row["author_id"], row["author_name"]),
        update_author=_account(row["update_author_id"], row["update_author_name"]),
        created_at=row["created_at"],
        updated_at=row["jira_updated_at"],
        visibility=Visibility(row["visibility_type"], row["visibility_value"]) if restricted else None,
        body=_document(row["body"]),
    )


def worklog(row: asyncpg.Record) -> WorklogView:
    """Time somebody logged."""
    return WorklogView(
        id=row["jira_id"],
        author=_account(row["author_id"], row["author_name"]),
        update_author=_account(row["update_author_id"], row["update_author_name"]),
        started_at=row["started_at"],
        time_spent_seconds=row["time_spent_seconds"],
        created_at=row["created_at"],
        updated_at=row["jira_updated_at"],
        comment=_document(row["comment"]),
    )


def history(rows: Iterable[asyncpg.Record]) -> list[HistoryEntry]:
    """History entries, from rows of their items in the order of entry and item."""
    entries: list[HistoryEntry] = []
    for row in rows:
        if not entries or entries[-1].id != row["jira_id"]:
            author = _account(row["author_id"], row["author_name"])
            entries.append(HistoryEntry(id=row["jira_id"], author=author, created_at=row["created_at"], items=[]))
        entries[-1].items.append(
            HistoryItem(
                field=row["field"],
                field_type=row["field_type"],
                field_id=row["field_id"],
                from_value=row["from_value"],
                from_text=row["from_text"],
                to_value=row["to_value"],
                to_text=row["to_text"],
            )
        )
    return entries


def _account(account_id: str | None, display_name: str | None) -> Account | None:
    return None if account_id is None else Account(account_id, display_name)


def _document(text: str | None) -> JsonValue:
    if text is None:
        return None
    document: JsonValue = orjson.loads(text)
    return document
