"""The state of one Jira site, in plain dictionaries, with its clock and its id sequences."""

import time
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from jira_emulator.model import (
    Board,
    Component,
    Field,
    Issue,
    IssueType,
    LinkType,
    Priority,
    Project,
    Resolution,
    Sprint,
    Status,
    User,
    Version,
)
from jira_emulator.wire import read_id


@dataclass(slots=True)
class Tombstone:
    """A worklog that was deleted: the one kind of deletion Jira reports."""

    id: int
    deleted: int


@dataclass
class Site:
    """Everything one site knows. Dictionaries are keyed by the id Jira uses for the resource.

    ``zone`` is the site's default user time zone, in which every timestamp is printed.
    """

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    title: str = "Jira Emulator"
    account_id: str = "emulator-admin"
    """The account that the e-mail and API token belong to."""
    users: dict[str, User] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=dict)
    issue_types: dict[str, IssueType] = field(default_factory=dict)
    statuses: dict[str, Status] = field(default_factory=dict)
    priorities: dict[str, Priority] = field(default_factory=dict)
    resolutions: dict[str, Resolution] = field(default_factory=dict)
    link_types: dict[str, LinkType] = field(default_factory=dict)
    fields: dict[str, Field] = field(default_factory=dict)
    components: dict[str, Component] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)
    boards: dict[int, Board] = field(default_factory=dict)
    sprints: dict[int, Sprint] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    """Upper-case key, present or past, to issue id."""
    deleted_worklogs: list[Tombstone] = field(default_factory=list)
    clock_offset: int = 0
    """Milliseconds added to the machine's clock."""
    _ids: dict[str, list[int]] = field(default_factory=dict)
    _next_id: int = 10_000

    def clear(self) -> None:
        """Empty the site in place; zone, title and account stay."""
        fresh = Site(self.zone, self.title, self.account_id)
        self.__dict__.update(fresh.__dict__)

    def now(self) -> int:
        """The site's time in epoch milliseconds."""
        return time.time_ns() // 1_000_000 + self.clock_offset

    def next_id(self) -> int:
        """A fresh id, larger than any id seen so far."""
        self._next_id += 1
        return self._next_id

    def reserve_id(self, taken: int) -> None:
        """Keep ``next_id`` above an id that came from outside."""
        self._next_id = max(self._next_id, taken)

    def put_issue(self, issue: Issue) -> None:
        """Add or replace an issue and keep the look-ups by key and by project right."""
        previous = self.issues.get(issue.id)
        if previous is not None and previous.project_id != issue.project_id:
            self._forget(previous)
            previous = None
        if previous is None:
            insort(self._ids.setdefault(issue.project_id, []), issue.id)
        self.issues[issue.id] = issue
        for key in (*issue.old_keys, issue.key):
            self.keys[key.upper()] = issue.id
        for child in (*issue.comments, *issue.worklogs, *issue.histories):
            self.reserve_id(child.id)
        self.reserve_id(issue.id)

    def remove_issue(self, issue: Issue) -> None:
        """Forget an issue for good, with its keys."""
        self._forget(issue)
        del self.issues[issue.id]
        for key in (*issue.old_keys, issue.key):
            self.keys.pop(key.upper(), None)

    def find_issue(self, id_or_key: str) -> Issue | None:
        """The issue with this id or (present or past, any case) key."""
        number = read_id(id_or_key)
        if number is not None:
            return self.issues.get(number)
        found = self.keys.get(id_or_key.upper())
        return None if found is None else self.issues.get(found)

    def find_project(self, id_or_key: str) -> Project | None:
        """The project with this id or key."""
        if id_or_key in self.projects:
            return self.projects[id_or_key]
        wanted = id_or_key.upper()
        return next((p for p in self.projects.values() if p.key.upper() == wanted), None)

    def issue_ids(self, project_id: str) -> list[int]:
        """Ids of the project's issues in ascending order."""
        return self._ids.get(project_id, [])

    def _forget(self, issue: Issue) -> None:
        ids = self._ids[issue.project_id]
        del ids[bisect_left(ids, issue.id)]
