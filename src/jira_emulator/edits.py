"""Changes of an issue's fields: what may be set, how it is written down, and the history it leaves."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from jira_emulator import wire
from jira_emulator.errors import JiraError
from jira_emulator.model import Component, Entry, Field, Issue, Priority, User, Version
from jira_emulator.site import Site, Tombstone
from jira_emulator.stored import dump, load, merge, split
from jira_emulator.wire import Json

_SETTABLE = frozenset(
    {
        "summary",
        "description",
        "environment",
        "labels",
        "assignee",
        "reporter",
        "priority",
        "duedate",
        "components",
        "fixVersions",
        "versions",
    }
)
_DOCUMENTS = frozenset({"description", "environment"})
_DOCUMENT_TYPE = ":textarea"
_SOFTWARE = "com.pyxis.greenhopper"
_SUMMARY_LENGTH = 255


_Named = TypeVar("_Named", Component, Version, Priority)
_InProject = TypeVar("_InProject", Component, Version)


@dataclass(frozen=True, slots=True)
class Change:
    """A field's new value and the change as histories tell it."""

    name: str
    value: object
    item: Json


def edit_issue(site: Site, issue: Issue, values: Mapping[str, object], author: User) -> None:
    """Set fields, all or none; the issue's ``updated`` moves and a history tells of it.

    Raises:
        JiraError: A field cannot be set, or not to this value; the issue is then unchanged.
    """
    changes = _changes(site, issue, values)
    now = site.now()
    _write(issue, changes)
    touch(site, issue, now)
    if changes:
        issue.histories.append(history(site, author, now, [change.item for change in changes]))


def drift_issue(site: Site, issue: Issue, values: Mapping[str, object]) -> None:
    """Set fields behind Jira's back: neither ``updated`` nor the histories tell of it.

    Raises:
        JiraError: A field cannot be set, or not to this value; the issue is then unchanged.
    """
    _write(issue, _changes(site, issue, values))


def touch(site: Site, issue: Issue, now: int) -> None:
    """Move the issue's ``updated``."""
    issue.updated = max(now, issue.updated)
    patch(issue, {"updated": wire.timestamp(issue.updated, site.zone)})


def patch(issue: Issue, values: dict[str, object]) -> None:
    """Replace values in the stored fields; everything else keeps its bytes."""
    issue.fields = merge(issue.fields, values)


def stored_field(issue: Issue, name: str) -> object:
    """A stored field's value, ``None`` when the issue does not have it."""
    raw = split(issue.fields).get(name)
    return None if raw is None else load(raw)


def history(site: Site, author: User, created: int, items: list[Json]) -> Entry:
    """A new history of the site."""
    number = site.next_id()
    body = {
        "id": str(number),
        "author": wire.user(author),
        "created": wire.timestamp(created, site.zone),
        "items": items,
    }
    return Entry(number, created, created, dump(body))


def subtasks(site: Site, issue: Issue) -> list[Issue]:
    """The issue's sub-tasks that still exist."""
    return _existing(site, {number for value in _members(issue, "subtasks") for number in linked_ids(value)})


def delete_issue(site: Site, issue: Issue) -> None:
    """Delete an issue; links and sub-task lists of others forget it, its worklogs become tombstones."""
    now = site.now()
    parent = stored_field(issue, "parent")
    values = [*_members(issue, "issuelinks"), *_members(issue, "subtasks")]
    if isinstance(parent, dict):
        values.append(parent)
    for other in _existing(site, {number for value in values for number in linked_ids(value)}):
        kept: dict[str, object] = {}
        for name in ("issuelinks", "subtasks"):
            members = _members(other, name)
            if any(issue.id in linked_ids(value) for value in members):
                kept[name] = [value for value in members if issue.id not in linked_ids(value)]
        patch(other, kept)
    site.deleted_worklogs.extend(Tombstone(worklog.id, now) for worklog in issue.worklogs)
    site.remove_issue(issue)


def linked_ids(value: Json) -> set[int]:
    """Ids of the issues that an element of ``issuelinks`` or ``subtasks``, or a ``parent``, names."""
    candidates = (value.get("inwardIssue"), value.get("outwardIssue")) if "type" in value else (value,)
    return {int(str(found["id"])) for found in candidates if isinstance(found, dict) and "id" in found}


def _members(issue: Issue, name: str) -> list[Json]:
    found = stored_field(issue, name)
    return found if isinstance(found, list) else []


def _existing(site: Site, ids: set[int]) -> list[Issue]:
    return [site.issues[number] for number in sorted(ids) if number in site.issues]


def _write(issue: Issue, changes: list[Change]) -> None:
    patch(issue, {change.name: change.value for change in changes})
    for change in changes:
        if change.name == "assignee":
            issue.assignee = change.value["accountId"] if isinstance(change.value, dict) else None


def _changes(site: Site, issue: Issue, values: Mapping[str, object]) -> list[Change]:
    stored = split(issue.fields)
    changes: list[Change] = []
    errors: dict[str, str] = {}
    for name, value in values.items():
        field = site.fields.get(name)
        if field is None or not _settable(field):
            errors[name] = f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."
            continue
        try:
            new = _read(site, issue, field, value)
        except ValueError as error:
            errors[name] = str(error)
            continue
        old = load(stored[name]) if name in stored else None
        if old != new:
            changes.append(Change(name, new, _item(field, old, new)))
    if errors:
        raise JiraError(400, fields=errors)
    return changes


def _settable(field: Field) -> bool:
    return not str(field.schema.get("custom", "")).startswith(_SOFTWARE) if field.custom else field.id in _SETTABLE


def _item(field: Field, old: object, new: object) -> Json:
    old_id, old_text = _describe(old)
    new_id, new_text = _describe(new)
    return {
        "field": field.name if field.custom else field.id,
        "fieldtype": "custom" if field.custom else "jira",
        "fieldId": field.id,
        "from": old_id,
        "fromString": old_text,
        "to": new_id,
        "toString": new_text,
    }


def _describe(value: object) -> tuple[str | None, str | None]:
    """A value as histories tell it: id and text."""
    if value is None or value == []:
        return None, None
    if isinstance(value, list):
        parts = [_describe(part) for part in value]
        ids = ", ".join(part[0] for part in parts if part[0] is not None) or None
        return ids, (" " if ids is None else ", ").join(part[1] or "" for part in parts)
    if not isinstance(value, dict):
        return None, str(value)
    if value.get("type") == "doc":
        return None, _plain_text(value)
    number = value.get("accountId") or value.get("id")
    text = value.get("displayName") or value.get("name") or value.get("value")
    return None if number is None else str(number), None if text is None else str(text)


def _plain_text(node: Mapping[str, object]) -> str:
    content = node.get("content")
    if not isinstance(content, list):
        return str(node.get("text", ""))
    parts = [_plain_text(child) for child in content if isinstance(child, dict)]
    return ("\n" if node.get("type") == "doc" else "").join(parts)


def _read(site: Site, issue: Issue, field: Field, value: object) -> object:
    """The value to store for a value that was sent.

    Raises:
        ValueError: It does not fit the field; the message is the one Jira gives for the field.
    """
    if field.id == "summary":
        return _summary(value)
    if field.id == "labels":
        return _labels(value)
    if value is None:
        return [] if field.schema.get("type") == "array" and not field.custom else None
    if field.id in _DOCUMENTS or str(field.schema.get("custom", "")).endswith(_DOCUMENT_TYPE):
        if not isinstance(value, dict) or value.get("type") != "doc":
            raise ValueError("Operation value must be an Atlassian Document (see the Atlassian Document Format)")
        return value
    if field.id in ("components", "fixVersions", "versions"):
        return _children(site, issue, field, value)
    reader = _READERS.get(str(field.schema.get("type")))
    return value if reader is None else reader(site, field, value)


def _summary(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("You must specify a summary of the issue.")
    if len(value) > _SUMMARY_LENGTH:
        raise ValueError(f"Summary can't exceed {_SUMMARY_LENGTH} characters.")
    return re.sub(r"[\r\n]", " ", value)


def _labels(value: object) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        raise ValueError("data was not an array")
    for label in value:
        if re.search(r"\s", label):
            raise ValueError(f"The label '{label}' contains spaces which is invalid.")
    return list(dict.fromkeys(value))


def _text(_site: Site, _field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("Operation value must be a string")
    return value


def _number(_site: Site, _field: Field, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("Operation value must be a number")
    return value


def _date(_site: Site, _field: Field, value: object) -> str:
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError as error:
        raise ValueError("Error parsing date string: " + str(value)) from error


def _user(site: Site, _field: Field, value: object) -> Json:
    account = value.get("accountId") if isinstance(value, dict) else None
    user = site.users.get(account) if isinstance(account, str) else None
    if user is None:
        raise ValueError(f"User '{account}' does not exist.")
    return wire.user(user)


def _priority(site: Site, _field: Field, value: object) -> Json:
    found: Priority | None = _named(site.priorities.values(), value)
    if found is None:
        raise ValueError("The priority selected is invalid.")
    return wire.priority(found)


def _children(site: Site, issue: Issue, field: Field, value: object) -> list[Json]:
    if not isinstance(value, list):
        raise ValueError("data was not an array")
    shapes: list[Json] = []
    for element in value:
        if field.id == "components":
            part: Component | None = _named(_own(site.components.values(), issue), element)
            if part is None:
                raise ValueError(f"Component name '{element}' is not valid")
            shapes.append(wire.component(part))
        else:
            version: Version | None = _named(_own(site.versions.values(), issue), element)
            if version is None:
                raise ValueError(f"Version name '{element}' is not valid")
            shapes.append(wire.version(version))
    return shapes


def _own(resources: Iterable[_InProject], issue: Issue) -> list[_InProject]:
    return [resource for resource in resources if resource.project_id == issue.project_id]


def _named(resources: Iterable[_Named], value: object) -> _Named | None:
    """The resource that ``{"id": ...}`` or ``{"name": ...}`` names."""
    if not isinstance(value, dict):
        return None
    number, name = value.get("id"), value.get("name")
    return next((found for found in resources if found.id == number or found.name == name), None)


_READERS: dict[str, Callable[[Site, Field, object], object]] = {
    "string": _text,
    "number": _number,
    "date": _date,
    "user": _user,
    "priority": _priority,
}
