"""Issues and what hangs on them, as rows of the copy.

The attribute names are the column names of the tables that hold them; all of them are in one transaction with their
issue. ``content_hash`` is the digest of what Jira answered (``domain.services.digest``).
"""

from dataclasses import dataclass, field
from datetime import date, datetime

from digital_spiral.domain.entities.mirror import JsonText
from digital_spiral.domain.entities.user import User


@dataclass(slots=True, kw_only=True)
class Issue:
    """An issue. ``jira_id`` is its identity; the key changes when it moves to another project.

    ``epic_id`` is the nearest ancestor of hierarchy level 1, as far as the answer itself names it: the parent, where
    that is an epic. ``replaced_characters`` says that NULs or lone surrogates in Jira's text became U+FFFD.
    """

    jira_id: int
    key: str
    project_id: int
    issue_type_id: str
    status_id: str
    status_category: str
    summary: str
    priority_id: str | None
    resolution_id: str | None
    assignee_id: str | None
    reporter_id: str | None
    creator_id: str | None
    parent_id: int | None
    epic_id: int | None
    story_points: float | None
    labels: list[str]
    component_ids: list[int]
    fix_version_ids: list[int]
    created_at: datetime
    jira_updated_at: datetime
    resolved_at: datetime | None
    due_on: date | None
    description: JsonText | None
    description_text: str | None
    raw_jsonb: JsonText
    replaced_characters: bool
    content_hash: bytes


@dataclass(slots=True, kw_only=True)
class Comment:
    """A comment; ``body`` is its ADF document."""

    jira_id: int
    issue_id: int
    author_id: str | None
    update_author_id: str | None
    created_at: datetime
    jira_updated_at: datetime
    visibility_type: str | None
    visibility_value: str | None
    body: JsonText | None
    raw_jsonb: JsonText
    replaced_characters: bool
    content_hash: bytes


@dataclass(slots=True, kw_only=True)
class Worklog:
    """Time somebody logged on an issue."""

    jira_id: int
    issue_id: int
    author_id: str | None
    update_author_id: str | None
    started_at: datetime
    time_spent_seconds: int
    created_at: datetime
    jira_updated_at: datetime
    raw_jsonb: JsonText
    replaced_characters: bool
    content_hash: bytes


@dataclass(slots=True, kw_only=True)
class Attachment:
    """What Jira says of an attached file; the file itself stays in Jira. ``size`` is in bytes."""

    jira_id: int
    issue_id: int
    filename: str
    author_id: str | None
    created_at: datetime
    size: int
    mime_type: str | None
    content_url: str | None
    content_hash: bytes


@dataclass(slots=True, kw_only=True)
class IssueLink:
    """A link between two issues, the same row whichever end it was read from.

    Jira's ``inwardIssue`` is the source: with type Blocks, ``source_id`` blocks ``target_id``.
    """

    jira_id: int
    source_id: int
    target_id: int
    source_key: str
    target_key: str
    type_id: str
    type_name: str
    inward: str
    outward: str
    content_hash: bytes


@dataclass(slots=True, kw_only=True)
class Change:
    """One changed field of one history entry (``jira_id``); ``item`` counts the fields of the entry from 0."""

    issue_id: int
    jira_id: int
    item: int
    author_id: str | None
    created_at: datetime
    field: str
    field_type: str | None
    field_id: str | None
    from_value: str | None
    from_text: str | None
    to_value: str | None
    to_text: str | None
    content_hash: bytes


@dataclass(slots=True, kw_only=True)
class FieldValue:
    """One value of a custom field, or one label, in the typed column that fits it.

    A multi-valued field has a row per value (``position`` from 0). An option, user or cascading part keeps its id
    in ``value_id`` and its display form in ``value_text``.
    """

    issue_id: int
    field_id: str
    position: int
    value_text: str | None = None
    value_id: str | None = None
    value_number: float | None = None
    value_time: datetime | None = None


@dataclass(slots=True, kw_only=True)
class IssueSprint:
    """An issue's membership, past or present, of a sprint."""

    issue_id: int
    sprint_id: int


@dataclass(slots=True, kw_only=True)
class IssueBundle:
    """One issue with all its children, as read at one moment: the unit that is written and compared.

    ``worklogs`` is ``None`` where Jira cut the embedded list; the worklog feed then brings them.
    ``users`` are the accounts that the answer itself describes.
    """

    issue: Issue
    comments: list[Comment] = field(default_factory=list)
    worklogs: list[Worklog] | None = None
    attachments: list[Attachment] = field(default_factory=list)
    links: list[IssueLink] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    field_values: list[FieldValue] = field(default_factory=list)
    sprints: list[IssueSprint] = field(default_factory=list)
    users: dict[str, User] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IssueRef:
    """An issue as a search names it; ``updated`` only where it was asked for."""

    jira_id: int
    updated: datetime | None = None
