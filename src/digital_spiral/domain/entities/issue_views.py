"""Issues as readers see them: ids resolved to names, what hangs on an issue beside it.

The attribute names are those of the API's contract, so that its shapes are filled from these objects as they are.
Where a name is ``None``, the copy holds the id only. ADF documents are parsed JSON.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

JsonValue = dict[str, "JsonValue"] | list["JsonValue"] | str | int | float | bool | None
"""A parsed JSON document."""


@dataclass(slots=True)
class Account:
    """An Atlassian account."""

    account_id: str
    display_name: str | None


@dataclass(slots=True)
class Named:
    """A thing of the site's vocabulary."""

    id: str
    name: str | None


@dataclass(slots=True)
class StatusRef:
    """A status with Jira's key of its category."""

    id: str
    name: str | None
    category: str


@dataclass(slots=True)
class ProjectRef:
    """The project an issue is in."""

    id: int
    key: str
    name: str | None


@dataclass(slots=True)
class IssueLabel:
    """Another issue: its id, and its key where the copy knows it."""

    id: int
    key: str | None


@dataclass(slots=True, kw_only=True)
class ProjectView:
    """A project."""

    id: int
    instance_id: UUID
    key: str
    name: str
    type_key: str | None
    simplified: bool
    archived: bool
    lead: Account | None


@dataclass(slots=True, kw_only=True)
class IssueSummary:
    """An issue in a list. ``read_at`` is the moment the copy read it from Jira."""

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
    parent: IssueLabel | None
    epic_id: int | None
    story_points: float | None
    labels: list[str]
    components: list[Named]
    fix_versions: list[Named]
    created_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    due_on: date | None
    read_at: datetime


@dataclass(slots=True, kw_only=True)
class CustomFieldValue:
    """One value of a custom field."""

    field_id: str
    field_name: str | None
    text: str | None
    value_id: str | None
    number: float | None
    time: datetime | None


@dataclass(slots=True)
class SprintRef:
    """A sprint that an issue is or was in."""

    id: int
    name: str | None
    state: str | None


@dataclass(slots=True, kw_only=True)
class LinkView:
    """A link, seen from one of its two issues; ``phrase`` is what that one does to the other."""

    id: int
    type: Named
    direction: Literal["inward", "outward"]
    phrase: str
    issue: IssueLabel


@dataclass(slots=True, kw_only=True)
class AttachmentView:
    """An attached file, which itself stays in Jira; ``size`` is in bytes."""

    id: int
    filename: str
    author: Account | None
    created_at: datetime
    size: int
    mime_type: str | None
    content_url: str | None


@dataclass(slots=True)
class Visibility:
    """Whom a comment is restricted to: a role or a group."""

    type: str
    value: str | None


@dataclass(slots=True, kw_only=True)
class CommentView:
    """A comment."""

    id: int
    author: Account | None
    update_author: Account | None
    created_at: datetime
    updated_at: datetime
    visibility: Visibility | None
    body: JsonValue


@dataclass(slots=True, kw_only=True)
class WorklogView:
    """Time somebody logged."""

    id: int
    author: Account | None
    update_author: Account | None
    started_at: datetime
    time_spent_seconds: int
    created_at: datetime
    updated_at: datetime
    comment: JsonValue


@dataclass(slots=True)
class CommentExcerpt:
    """The first comments, and how many there are."""

    total: int
    items: list[CommentView]


@dataclass(slots=True)
class WorklogExcerpt:
    """The first worklogs, and how many there are."""

    total: int
    items: list[WorklogView]


@dataclass(slots=True, kw_only=True)
class IssueView(IssueSummary):
    """An issue with what hangs on it."""

    description: JsonValue
    description_text: str | None
    custom_fields: list[CustomFieldValue]
    sprints: list[SprintRef]
    links: list[LinkView]
    attachments: list[AttachmentView]
    comments: CommentExcerpt
    worklogs: WorklogExcerpt


@dataclass(slots=True, kw_only=True)
class HistoryItem:
    """One changed field."""

    field: str
    field_type: str | None
    field_id: str | None
    from_value: str | None
    from_text: str | None
    to_value: str | None
    to_text: str | None


@dataclass(slots=True, kw_only=True)
class HistoryEntry:
    """What one account changed at one moment."""

    id: int
    author: Account | None
    created_at: datetime
    items: list[HistoryItem]


class IssueSort(StrEnum):
    """Orders of a list of issues; a minus sign puts the newest first."""

    UPDATED = "updated"
    UPDATED_DESC = "-updated"
    CREATED = "created"
    CREATED_DESC = "-created"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueFilter:
    """Which issues are asked for: all conditions hold, of several values of one of them at least one.

    Statuses and types are ids, or names in any case; ``assignees`` are account ids or ``UNASSIGNED``. ``updated_to``
    is exclusive.
    """

    instance_id: UUID | None = None
    projects: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    status_categories: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    updated_from: datetime | None = None
    updated_to: datetime | None = None


UNASSIGNED = "unassigned"
