"""The things a Jira site holds, as plain dataclasses without behaviour.

Instants are epoch milliseconds (UTC) in ``int``; they become text in the site's time zone when an answer is
built. Ids of platform resources are strings of digits as on Jira Cloud; agile ids, status category ids and the
numeric identity of an issue are integers.
"""

from dataclasses import dataclass, field
from typing import Literal

ProjectTypeKey = Literal["software", "service_desk", "business"]


@dataclass(slots=True)
class User:
    """An Atlassian account as this site sees it."""

    account_id: str
    display_name: str
    email: str | None = None
    """``None`` is an account whose privacy setting hides the address."""
    active: bool = True
    time_zone: str = "UTC"
    account_type: Literal["atlassian", "app", "customer"] = "atlassian"
    locale: str = "en_US"


@dataclass(slots=True)
class IssueType:
    """An issue type; ``hierarchy_level`` is -1 for sub-tasks, 0 for standard types, 1 for epics."""

    id: str
    name: str
    description: str = ""
    hierarchy_level: int = 0

    @property
    def subtask(self) -> bool:
        """Whether issues of this type need a parent."""
        return self.hierarchy_level < 0


@dataclass(slots=True)
class StatusCategory:
    """One of Jira's four fixed status categories."""

    id: int
    key: str
    color: str
    name: str


STATUS_CATEGORIES = {
    1: StatusCategory(1, "undefined", "medium-gray", "No Category"),
    2: StatusCategory(2, "new", "blue-gray", "To Do"),
    4: StatusCategory(4, "indeterminate", "yellow", "In Progress"),
    3: StatusCategory(3, "done", "green", "Done"),
}


@dataclass(slots=True)
class Status:
    """A workflow status; ``category_id`` is a key of ``STATUS_CATEGORIES``."""

    id: str
    name: str
    category_id: int
    description: str = ""


@dataclass(slots=True)
class Priority:
    """An issue priority."""

    id: str
    name: str
    description: str = ""
    color: str = "#707070"


@dataclass(slots=True)
class Resolution:
    """The way an issue was closed."""

    id: str
    name: str
    description: str = ""


@dataclass(slots=True)
class LinkType:
    """A kind of issue link with its two readings."""

    id: str
    name: str
    inward: str
    outward: str


@dataclass(slots=True)
class Field:
    """A system or custom field; ``schema`` is Jira's own ``schema`` object."""

    id: str
    name: str
    schema: dict[str, object] = field(default_factory=dict)
    clause_names: tuple[str, ...] = ()
    orderable: bool = True
    navigable: bool = True
    searchable: bool = True

    @property
    def custom(self) -> bool:
        """Whether this is a custom field."""
        return self.id.startswith("customfield_")


@dataclass(slots=True)
class Component:
    """A component of a project."""

    id: str
    project_id: str
    name: str
    description: str = ""
    lead: str | None = None


@dataclass(slots=True)
class Version:
    """A version (release) of a project; dates are ``YYYY-MM-DD``."""

    id: str
    project_id: str
    name: str
    description: str = ""
    archived: bool = False
    released: bool = False
    start_date: str | None = None
    release_date: str | None = None


@dataclass(slots=True)
class Project:
    """A project. ``workflow`` lists, per issue type id, the status ids an issue of that type can have."""

    id: str
    key: str
    name: str
    type_key: ProjectTypeKey = "software"
    lead: str | None = None
    description: str = ""
    category: dict[str, str] | None = None
    workflow: dict[str, list[str]] = field(default_factory=dict)
    archived: bool = False


@dataclass(slots=True)
class Board:
    """An agile board over one project."""

    id: int
    name: str
    type: Literal["scrum", "kanban", "simple"]
    project_id: str


@dataclass(slots=True)
class Sprint:
    """A sprint; instants as Jira prints sprint dates: UTC with ``Z``."""

    id: int
    board_id: int
    name: str
    state: Literal["future", "active", "closed"]
    created: int | None = None
    start: int | None = None
    end: int | None = None
    complete: int | None = None
    goal: str | None = None


@dataclass(slots=True)
class Entry:
    """A child of an issue (comment, worklog or history), kept as the JSON object Jira answers with.

    ``body`` holds UTF-8 JSON in which links start with ``wire.BASE``.
    """

    id: int
    created: int
    updated: int
    body: bytes


@dataclass(slots=True)
class Issue:
    """An issue: what JQL reads as attributes, the rest as the JSON text that answers are put together from.

    ``fields`` is the JSON object of every field but ``comment`` and ``worklog``, whose embedded, truncated lists
    are built from ``comments`` and ``worklogs`` when an answer is written. Children are in ascending order of
    creation.
    """

    id: int
    key: str
    project_id: str
    issue_type_id: str
    status_id: str
    assignee: str | None
    created: int
    updated: int
    fields: bytes
    comments: list[Entry] = field(default_factory=list)
    worklogs: list[Entry] = field(default_factory=list)
    histories: list[Entry] = field(default_factory=list)
    old_keys: tuple[str, ...] = ()
