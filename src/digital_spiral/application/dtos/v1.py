"""The shapes of API v1. Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field

from digital_spiral.application.dtos.base import Dto


class FieldError(Dto):
    field: Annotated[str, Field(description="Where: `query.limit`, `body.kind`.")]
    message: str


class Health(Dto):
    status: Literal["ok"]
    version: str


class ReadinessCheck(Dto):
    name: Literal["database", "migrations", "redis"]
    ok: bool
    detail: str


class Instance(Dto):
    id: UUID
    name: str
    base_url: str
    account_id: Annotated[str, Field(description="The account that reads the site.")]
    time_zone: Annotated[str, Field(description="Time zone of that account.")]
    created_at: AwareDatetime


class InstanceList(Dto):
    items: list[Instance]


class SyncRunRequest(Dto):
    model_config = ConfigDict(
        extra="forbid",
    )
    kind: Annotated[
        Literal["backfill"],
        Field(description="A backfill copies whatever the copy lacks; after the first it asks for changes only."),
    ]


class WriteCounts(Dto):
    created: int
    updated: int
    repaired: int
    unchanged: int
    gone: int


class Skip(Dto):
    what: str
    reason: str


class Account(Dto):
    account_id: str
    display_name: Annotated[str | None, Field(description="Null for an account that the copy does not hold.")]


class Project(Dto):
    id: int
    instance_id: UUID
    key: str
    name: str
    type_key: str | None
    simplified: Annotated[bool, Field(description="Whether it is team-managed.")]
    archived: bool
    lead: Account | None


class ProjectPage(Dto):
    items: list[Project]
    next_cursor: str | None


class ProjectRef(Dto):
    id: int
    key: str
    name: str | None


class Named(Dto):
    id: str
    name: str | None


class StatusRef(Dto):
    id: str
    name: str | None
    category: str


class IssueRef(Dto):
    id: int
    key: str | None


class IssueSummary(Dto):
    id: int
    instance_id: UUID
    key: str
    project: ProjectRef
    issue_type: Named
    status: StatusRef
    summary: str
    priority: Named | None
    resolution: Named | None
    assignee: Account | None
    reporter: Account | None
    creator: Account | None
    parent: IssueRef | None
    epic_id: int | None
    story_points: float | None
    labels: list[str]
    components: list[Named]
    fix_versions: list[Named]
    created_at: AwareDatetime
    updated_at: AwareDatetime
    resolved_at: AwareDatetime | None
    due_on: date | None
    read_at: Annotated[AwareDatetime, Field(description="When the copy read this from Jira.")]


class IssuePage(Dto):
    items: list[IssueSummary]
    next_cursor: str | None


class CustomFieldValue(Dto):
    field_id: str
    field_name: str | None
    text: str | None
    value_id: str | None
    number: float | None
    time: AwareDatetime | None


class SprintRef(Dto):
    id: int
    name: str | None
    state: str | None


class IssueLink(Dto):
    id: int
    type: Named
    direction: Literal["inward", "outward"]
    phrase: Annotated[str, Field(description="What this issue does to the other: `blocks`, `is blocked by`.")]
    issue: IssueRef


class Attachment(Dto):
    id: int
    filename: str
    author: Account | None
    created_at: AwareDatetime
    size: Annotated[int, Field(description="In bytes.")]
    mime_type: str | None
    content_url: str | None


class Visibility(Dto):
    type: str
    value: str | None


class Comment(Dto):
    id: int
    author: Account | None
    update_author: Account | None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    visibility: Visibility | None
    body: Annotated[Any, Field(description="The ADF document.")]


class CommentExcerpt(Dto):
    total: int
    items: list[Comment]


class CommentPage(Dto):
    items: list[Comment]
    next_cursor: str | None


class Worklog(Dto):
    id: int
    author: Account | None
    update_author: Account | None
    started_at: AwareDatetime
    time_spent_seconds: int
    created_at: AwareDatetime
    updated_at: AwareDatetime
    comment: Annotated[Any, Field(description="The ADF document, null when there is none.")]


class WorklogExcerpt(Dto):
    total: int
    items: list[Worklog]


class WorklogPage(Dto):
    items: list[Worklog]
    next_cursor: str | None


class HistoryItem(Dto):
    field: str
    field_type: str | None
    field_id: str | None
    from_value: str | None
    from_text: str | None
    to_value: str | None
    to_text: str | None


class Problem(Dto):
    type: Annotated[str, Field(description="The kind of problem as a URI.")]
    title: Annotated[str, Field(description="The kind of problem in words.")]
    status: int
    detail: Annotated[str, Field(description="What happened and what to do next.")]
    code: Annotated[str, Field(description="The kind of problem for programs; it does not change.")]
    request_id: Annotated[str, Field(description="Names the request in the logs.")]
    errors: Annotated[
        list[FieldError], Field(description="What is wrong with which field; empty unless the input is at fault.")
    ]


class Readiness(Dto):
    ready: bool
    checks: list[ReadinessCheck]


class SyncRun(Dto):
    id: UUID
    instance_id: UUID
    state: Literal["queued", "running", "succeeded", "failed"]
    phase: str
    epoch: Annotated[int, Field(description="How many times a worker has taken the run.")]
    issues_total: Annotated[int, Field(description="An estimate until all projects are listed.")]
    issues_done: int
    issues_fetched: int
    requests: Annotated[int, Field(description="HTTP requests to Jira, retries included.")]
    counts: Annotated[dict[str, WriteCounts], Field(description="What became of the rows, by table.")]
    skipped: Annotated[int, Field(description="Things that were set aside.")]
    skips: Annotated[list[Skip], Field(description="The first 1,000 of them.")]
    replaced_characters: Annotated[int, Field(description="Characters that PostgreSQL cannot hold.")]
    error: Annotated[str | None, Field(description="Why the run failed, or what an unfinished one waits for.")]
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None


class SyncRunPage(Dto):
    items: list[SyncRun]
    next_cursor: str | None


class Issue(Dto):
    id: int
    instance_id: UUID
    key: str
    project: ProjectRef
    issue_type: Named
    status: StatusRef
    summary: str
    priority: Named | None
    resolution: Named | None
    assignee: Account | None
    reporter: Account | None
    creator: Account | None
    parent: IssueRef | None
    epic_id: int | None
    story_points: float | None
    labels: list[str]
    components: list[Named]
    fix_versions: list[Named]
    created_at: AwareDatetime
    updated_at: AwareDatetime
    resolved_at: AwareDatetime | None
    due_on: date | None
    read_at: AwareDatetime
    description: Annotated[Any, Field(description="The ADF document, null when there is none.")]
    description_text: str | None
    custom_fields: list[CustomFieldValue]
    sprints: list[SprintRef]
    links: list[IssueLink]
    attachments: list[Attachment]
    comments: CommentExcerpt
    worklogs: WorklogExcerpt


class HistoryEntry(Dto):
    id: int
    author: Account | None
    created_at: AwareDatetime
    items: list[HistoryItem]


class HistoryPage(Dto):
    items: list[HistoryEntry]
    next_cursor: str | None
