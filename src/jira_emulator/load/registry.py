"""The things issues refer to, created in the site at their first mention, with their JSON made once."""

from collections.abc import Callable
from typing import TypeVar

import orjson

from jira_emulator import wire
from jira_emulator.load.shapes import an_object, number, resource_id, text
from jira_emulator.load.users import Users
from jira_emulator.model import (
    STATUS_CATEGORIES,
    Component,
    IssueType,
    LinkType,
    Priority,
    Project,
    Resolution,
    Status,
    Version,
)
from jira_emulator.site import Site
from jira_emulator.wire import BASE, Json

_Thing = TypeVar("_Thing")
_Shaped = Status | IssueType | Priority | Resolution | Project | Component | Version | LinkType

_CATEGORY_OF_KEY = {category.key: category.id for category in STATUS_CATEGORIES.values()}
# To do, in progress, unknown, done.
_WORKFLOW_ORDER = {2: 0, 4: 1, 1: 2, 3: 3}


class Registry:
    """What the source's issues refer to.

    Each method takes a JSON object of an issue and gives the site's thing, or ``None`` if the object names none.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.users = Users(site)
        self._shapes: dict[tuple[str, str], orjson.Fragment] = {}

    def shape(self, thing: _Shaped | None) -> orjson.Fragment | None:
        """A thing as issues embed it, ready-made JSON."""
        if thing is None:
            return None
        key = (type(thing).__name__, thing.id)
        found = self._shapes.get(key)
        if found is None:
            found = self._shapes[key] = orjson.Fragment(orjson.dumps(_render(thing)))
        return found

    def project(self, raw: object) -> Project | None:
        """The project of an issue; it needs an id and a key."""
        return _seen(self.site.projects, raw, _make_project) if text(an_object(raw).get("key")) else None

    def status(self, raw: object) -> Status | None:
        """A status, with the category the source gives or "No Category"."""
        return _seen(self.site.statuses, raw, _make_status)

    def issue_type(self, raw: object) -> IssueType | None:
        """An issue type; Epic is one level above the standard types, sub-tasks one below."""
        return _seen(self.site.issue_types, raw, _make_issue_type)

    def priority(self, raw: object) -> Priority | None:
        """A priority."""
        return _seen(self.site.priorities, raw, lambda id_, name, value: Priority(id_, name, _description(value)))

    def resolution(self, raw: object) -> Resolution | None:
        """A resolution."""
        return _seen(self.site.resolutions, raw, lambda id_, name, value: Resolution(id_, name, _description(value)))

    def link_type(self, raw: object) -> LinkType | None:
        """A kind of issue link."""
        return _seen(self.site.link_types, raw, _make_link_type)

    def component(self, raw: object, project_id: str) -> Component | None:
        """A component of the project the issue is in."""
        return _seen(
            self.site.components, raw, lambda id_, name, value: Component(id_, project_id, name, _description(value))
        )

    def version(self, raw: object, project_id: str) -> Version | None:
        """A version of the project the issue is in."""
        return _seen(self.site.versions, raw, lambda id_, name, value: _make_version(id_, name, value, project_id))

    def default_status(self) -> Status:
        """What an issue without a status is taken to be: the site's first status of category "new"."""
        new = [status for status in self.site.statuses.values() if status.category_id == 2]
        if new:
            return min(new, key=_workflow_place)
        return self.site.statuses.setdefault("1", Status("1", "Open", 2))

    def default_issue_type(self) -> IssueType:
        """What an issue without a type is taken to be: the site's first standard type."""
        standard = [kind for kind in self.site.issue_types.values() if kind.hierarchy_level == 0]
        if standard:
            return min(standard, key=lambda kind: int(kind.id))
        return self.site.issue_types.setdefault("3", IssueType("3", "Task"))


def in_workflow_order(statuses: list[Status]) -> list[Status]:
    """Statuses from "new" over "in progress" to "done", by id within a category."""
    return sorted(statuses, key=_workflow_place)


def _workflow_place(status: Status) -> tuple[int, int]:
    return _WORKFLOW_ORDER[status.category_id], int(status.id)


def _seen(table: dict[str, _Thing], raw: object, make: Callable[[str, str, Json], _Thing]) -> _Thing | None:
    """The thing with the object's id; made with id, name and object when it is new."""
    value = an_object(raw)
    thing_id = resource_id(value.get("id"))
    if thing_id is None:
        return None
    found = table.get(thing_id)
    if found is None:
        found = table[thing_id] = make(thing_id, text(value.get("name")) or thing_id, value)
    return found


def _description(value: Json) -> str:
    return text(value.get("description")) or ""


def _make_project(project_id: str, name: str, value: Json) -> Project:
    key = text(value.get("key")) or project_id
    project = Project(project_id, key, name if name != project_id else key)
    kind = value.get("projectTypeKey")
    if kind == "service_desk" or kind == "business":
        project.type_key = "service_desk" if kind == "service_desk" else "business"
    category = an_object(value.get("projectCategory"))
    category_id = resource_id(category.get("id"))
    if category_id is not None:
        project.category = {
            "self": f"{BASE}/rest/api/3/projectCategory/{category_id}",
            "id": category_id,
            "name": text(category.get("name")) or category_id,
            "description": _description(category),
        }
    return project


def _make_status(status_id: str, name: str, value: Json) -> Status:
    category = an_object(value.get("statusCategory"))
    category_id = number(category.get("id"))
    if category_id is None or category_id not in STATUS_CATEGORIES:
        category_id = _CATEGORY_OF_KEY.get(text(category.get("key")) or "", 1)
    return Status(status_id, name, category_id, _description(value))


def _make_issue_type(type_id: str, name: str, value: Json) -> IssueType:
    level = value.get("hierarchyLevel")
    if value.get("subtask") is True:
        level = -1
    elif not isinstance(level, int):
        level = 1 if name.lower() == "epic" else 0
    return IssueType(type_id, name, _description(value), level)


def _make_link_type(type_id: str, name: str, value: Json) -> LinkType:
    return LinkType(type_id, name, text(value.get("inward")) or name, text(value.get("outward")) or name)


def _make_version(version_id: str, name: str, value: Json, project_id: str) -> Version:
    return Version(
        version_id,
        project_id,
        name,
        _description(value),
        archived=value.get("archived") is True,
        released=value.get("released") is True,
        start_date=text(value.get("startDate")),
        release_date=text(value.get("releaseDate")),
    )


def _render(thing: _Shaped) -> Json:
    match thing:
        case Status():
            return wire.status(thing)
        case IssueType():
            return wire.issue_type(thing)
        case Priority():
            return wire.priority(thing)
        case Resolution():
            return wire.resolution(thing)
        case Project():
            return wire.project(thing)
        case Component():
            return wire.component(thing)
        case Version():
            return wire.version(thing)
        case LinkType():
            return wire.link_type(thing)
