"""The first pass over the issues: who and what there is, before any of them is written down.

An issue shows parts of others (parent, sub-tasks, links), names people (mentions) and sprints (whose boards depend on
all issues), so all of them have to be known first.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import orjson

from jira_emulator.load.registry import Registry, in_workflow_order
from jira_emulator.load.shapes import an_object, number, objects, text
from jira_emulator.load.sprints import Sprints
from jira_emulator.model import IssueType, Priority, Project, Sprint, Status
from jira_emulator.site import Site
from jira_emulator.wire import BASE, Json


class SkippedLineError(ValueError):
    """A line cannot become an issue; the message is the reason."""


@dataclass(slots=True)
class Head:
    """What other issues show of an issue."""

    id: int
    key: str
    summary: str
    project: Project
    status: Status
    issue_type: IssueType
    priority: Priority | None
    sprints: list[Sprint]
    parent: Json
    """The parent as the source shows it; empty without one."""
    epic: Json
    """The epic as agile answers show it; empty without one."""
    shape: orjson.Fragment | None = None


@dataclass
class Survey:
    """Everything the second pass looks up."""

    site: Site
    registry: Registry = field(init=False)
    sprints: Sprints = field(init=False)
    heads: dict[int, Head] = field(default_factory=dict)
    children: dict[int, list[int]] = field(default_factory=dict)
    """Sub-tasks by parent; an epic's issues are not among them."""
    history_ids: Iterator[int] = field(default_factory=lambda: count(10_000))
    """Ids for histories that have none; after ``settle`` above every id in the source."""
    _last_history_id: int = 9_999
    _keys: set[str] = field(default_factory=set)
    _statuses: dict[str, dict[str, Status]] = field(default_factory=dict)
    _types: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.registry = Registry(self.site)
        self.sprints = Sprints(self.site)

    def add(self, record: object) -> int:
        """Take note of one line; gives the issue's id.

        Raises:
            SkippedLineError: If it is no issue, lacks id, key or project, or was there before.
        """
        issue = an_object(record)
        fields = issue.get("fields")
        issue_id, key = number(issue.get("id")), text(issue.get("key"))
        if issue_id is None or key is None or not isinstance(fields, dict):
            missing = [name for name, bad in (("id", issue_id is None), ("key", key is None)) if bad]
            raise SkippedLineError(f"not an issue: no {', '.join(missing) or 'fields'}")
        if issue_id in self.heads or issue_id in self.site.issues:
            raise SkippedLineError(f"duplicate id {issue_id}")
        if key.upper() in self._keys or key.upper() in self.site.keys:
            raise SkippedLineError(f"duplicate key {key}")
        project = self.registry.project(fields.get("project"))
        if project is None:
            raise SkippedLineError("no project with id and key")
        self._add_head(issue_id, key, project, fields)
        self._note_people(fields)
        for history in source_histories(issue):
            self.registry.users.account(history.get("author"))
            self._last_history_id = max(self._last_history_id, number(history.get("id")) or 0)
        return issue_id

    def settle(self) -> None:
        """Draw the conclusions that need all issues: boards, sub-tasks, workflows."""
        self.sprints.settle_boards()
        self.history_ids = count(self._last_history_id + 1)
        for head in self.heads.values():
            parent_id = number(head.parent.get("id"))
            if head.issue_type.subtask and parent_id is not None:
                self.children.setdefault(parent_id, []).append(head.id)
            self._statuses.setdefault(head.project.id, {})[head.status.id] = head.status
            self._types.setdefault(head.project.id, set()).add(head.issue_type.id)
        for project_id, types in self._types.items():
            order = [status.id for status in self.workflow(project_id)]
            self.site.projects[project_id].workflow |= {type_id: list(order) for type_id in sorted(types, key=int)}

    def workflow(self, project_id: str) -> list[Status]:
        """The statuses in use in a project, from "new" to "done"."""
        return in_workflow_order(list(self._statuses[project_id].values()))

    def parent(self, head: Head) -> tuple[int, str] | None:
        """Id and key of an issue's parent: its own, or its epic where that was loaded too."""
        for raw, usable in ((head.parent, True), (head.epic, not head.issue_type.subtask)):
            parent_id, key = number(raw.get("id")), text(raw.get("key"))
            if usable and parent_id is not None and key is not None and (raw is head.parent or parent_id in self.heads):
                return parent_id, key
        return None

    def reference(self, raw: object) -> Json | orjson.Fragment | None:
        """An issue as others show it: as loaded, else as the source describes it there."""
        value = an_object(raw)
        issue_id = number(value.get("id"))
        head = None if issue_id is None else self.heads.get(issue_id)
        if head is not None:
            return self.reference_to(head)
        key = text(value.get("key"))
        if issue_id is None or key is None:
            return None
        fields = an_object(value.get("fields"))
        registry = self.registry
        return _reference(
            issue_id,
            key,
            text(fields.get("summary")) or "",
            registry.shape(registry.status(fields.get("status"))),
            registry.shape(registry.priority(fields.get("priority"))),
            registry.shape(registry.issue_type(fields.get("issuetype"))),
        )

    def reference_to(self, head: Head) -> orjson.Fragment:
        """A loaded issue as others show it, ready-made JSON."""
        if head.shape is None:
            shape = self.registry.shape
            parts = shape(head.status), shape(head.priority), shape(head.issue_type)
            head.shape = orjson.Fragment(orjson.dumps(_reference(head.id, head.key, head.summary, *parts)))
        return head.shape

    def _add_head(self, issue_id: int, key: str, project: Project, fields: Json) -> None:
        registry = self.registry
        self._keys.add(key.upper())
        self.heads[issue_id] = Head(
            issue_id,
            key,
            text(fields.get("summary")) or "",
            project,
            registry.status(fields.get("status")) or registry.default_status(),
            registry.issue_type(fields.get("issuetype")) or registry.default_issue_type(),
            registry.priority(fields.get("priority")),
            self.sprints.note(fields, project.id),
            an_object(fields.get("parent")),
            an_object(fields.get("epic")),
        )

    def _note_people(self, fields: Json) -> None:
        account = self.registry.users.account
        for name in ("creator", "reporter", "assignee"):
            account(fields.get(name))
        for field_name, list_name in (("comment", "comments"), ("worklog", "worklogs")):
            for child in objects(an_object(fields.get(field_name)).get(list_name)):
                account(child.get("author"))
                account(child.get("updateAuthor"))
        for attachment in objects(fields.get("attachment")):
            account(attachment.get("author"))


def source_histories(issue: Json) -> list[Json]:
    """The histories an issue brings along, as ``changelog.histories`` or as a bare list."""
    changelog = issue.get("changelog")
    return objects(changelog.get("histories") if isinstance(changelog, dict) else changelog)


def _reference(
    issue_id: int,
    key: str,
    summary: str,
    status: orjson.Fragment | None,
    priority: orjson.Fragment | None,
    issue_type: orjson.Fragment | None,
) -> Json:
    fields: Json = {"summary": summary, "status": status, "priority": priority, "issuetype": issue_type}
    return {"id": str(issue_id), "key": key, "self": f"{BASE}/rest/api/3/issue/{issue_id}", "fields": fields}
