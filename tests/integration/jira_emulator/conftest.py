"""A small site with exact numbers in it, and clients that reach it without a socket."""

from collections.abc import AsyncIterator
from typing import Literal
from zoneinfo import ZoneInfo

import httpx2
import msgspec
import pytest

from jira_emulator import wire
from jira_emulator.app import create_app
from jira_emulator.model import (
    Board,
    Component,
    Entry,
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
from jira_emulator.site import Site
from jira_emulator.system_fields import AGILE_FIELDS, SPRINT_FIELD, SYSTEM_FIELDS, custom_field

START = 1_767_225_600_000
"""2026-01-01T00:00:00Z; the site's issues are a minute apart from here on."""
MINUTE = 60_000
ALPHA_ISSUES = 60
BETA_ISSUES = 5
BUSY = 10_001
"""An issue with 25 comments, 23 worklogs and 130 histories."""
MOVED = 10_065
"""An issue of BETA that was ALPHA-900 once."""
TEXT_FIELD = "customfield_10100"
NUMBER_FIELD = "customfield_10101"


def paragraph(text: str) -> wire.Json:
    content = [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]
    return {"type": "doc", "version": 1, "content": content}


def _entries(site: Site, count: int, first: int, body: wire.Json) -> list[Entry]:
    made = []
    for number in range(first, first + count):
        instant = START + (number - first) * 1_000
        stamps = {"created": wire.timestamp(instant, site.zone), "updated": wire.timestamp(instant, site.zone)}
        made.append(Entry(number, instant, instant, msgspec.json.encode({"id": str(number)} | stamps | body)))
    return made


def _fields(site: Site, issue_id: int, project: Project, instant: int) -> wire.Json:
    return {
        "summary": f"Summary of {issue_id}",
        "description": paragraph("Words"),
        "issuetype": wire.issue_type(site.issue_types["10101"]),
        "project": wire.project(project),
        "status": wire.status(site.statuses["10201" if issue_id % 2 else "10202"]),
        "priority": wire.priority(site.priorities["3"]),
        "assignee": wire.user(site.users["ada"]) if issue_id % 3 == 0 else None,
        "labels": ["red"],
        "components": [],
        "issuelinks": [],
        "subtasks": [],
        "duedate": None,
        "timespent": None,
        "created": wire.timestamp(instant, site.zone),
        "updated": wire.timestamp(instant, site.zone),
        SPRINT_FIELD: [{"id": 1, "name": "Sprint 1"}] if issue_id % 10 == 0 else None,
        TEXT_FIELD: "text",
        NUMBER_FIELD: 3.5,
    }


def _issue(site: Site, number: int, issue_id: int, project: Project) -> Issue:
    instant = START + (issue_id - 10_001) * MINUTE
    return Issue(
        id=issue_id,
        key=f"{project.key}-{number}",
        project_id=project.id,
        issue_type_id="10101",
        status_id="10201" if issue_id % 2 else "10202",
        assignee="ada" if issue_id % 3 == 0 else None,
        created=instant,
        updated=instant,
        fields=msgspec.json.encode(_fields(site, issue_id, project, instant)),
    )


def _metadata(site: Site) -> None:
    site.users["ada"] = User("ada", "Ada Example", "ada@example.com", time_zone="America/New_York")
    site.users["bo"] = User("bo", "Bo Example", active=False)
    site.users[site.account_id] = User(site.account_id, "Admin Example", time_zone="Asia/Tokyo")
    for type_id, name, level in (("10100", "Epic", 1), ("10101", "Task", 0), ("10102", "Sub-task", -1)):
        site.issue_types[type_id] = IssueType(type_id, name, f"A {name}", level)
    for status_id, name, category in (("10201", "To Do", 2), ("10202", "In Progress", 4), ("10203", "Done", 3)):
        site.statuses[status_id] = Status(status_id, name, category)
    for priority_id, name in (("1", "Highest"), ("3", "Medium")):
        site.priorities[priority_id] = Priority(priority_id, name)
    site.resolutions["10000"] = Resolution("10000", "Done", "Work has been completed.")
    site.link_types["10010"] = LinkType("10010", "Blocks", "is blocked by", "blocks")
    site.fields = {field.id: field for field in (*SYSTEM_FIELDS, *AGILE_FIELDS)}
    kinds = "com.atlassian.jira.plugin.system.customfieldtypes"
    site.fields[TEXT_FIELD] = custom_field(TEXT_FIELD, "Team", "string", f"{kinds}:textfield")
    site.fields[NUMBER_FIELD] = custom_field(NUMBER_FIELD, "Weight", "number", f"{kinds}:float")


def _projects(site: Site) -> None:
    workflow = {"10101": ["10201", "10202", "10203"], "10102": ["10201", "10203"]}
    for project_id, key, name in (("10300", "ALPHA", "Alpha"), ("10301", "BETA", "Beta")):
        site.projects[project_id] = Project(project_id, key, name, lead="ada", description=name, workflow=workflow)
    site.projects["10302"] = Project("10302", "OLD", "Old", archived=True, workflow=workflow)
    site.components["10400"] = Component("10400", "10300", "Engine", "The engine", "ada")
    for number, name in enumerate(("1.0", "1.1", "2.0")):
        version_id = str(10_500 + number)
        site.versions[version_id] = Version(version_id, "10300", name, released=number == 0, release_date="2026-02-01")
    site.boards[1] = Board(1, "Alpha board", "scrum", "10300")
    site.boards[2] = Board(2, "Beta board", "kanban", "10301")
    for number in range(1, 61):
        state: Literal["closed", "active", "future"] = "closed"
        if number >= 59:
            state = "active" if number == 59 else "future"
        site.sprints[number] = Sprint(number, 1, f"Sprint {number}", state, START, START, START + MINUTE)


def build_site() -> Site:
    """65 live issues in two projects and one in an archived project."""
    site = Site(zone=ZoneInfo("Europe/Prague"))
    _metadata(site)
    _projects(site)
    for number in range(1, ALPHA_ISSUES + 1):
        site.put_issue(_issue(site, number, 10_000 + number, site.projects["10300"]))
    for number in range(1, BETA_ISSUES + 1):
        site.put_issue(_issue(site, number, 10_000 + ALPHA_ISSUES + number, site.projects["10301"]))
    site.put_issue(_issue(site, 1, 10_090, site.projects["10302"]))
    moved = site.issues[MOVED]
    moved.old_keys = ("ALPHA-900",)
    site.put_issue(moved)
    busy = site.issues[BUSY]
    busy.comments = _entries(site, 25, 20_000, {"author": wire.user(site.users["ada"]), "body": paragraph("Hm")})
    started = {"started": wire.timestamp(START, site.zone), "timeSpent": "1h", "timeSpentSeconds": 3_600}
    busy.worklogs = _entries(site, 23, 30_000, {"issueId": str(BUSY)} | started)
    item = {"field": "labels", "fieldtype": "jira", "fieldId": "labels", "from": None, "fromString": "a", "to": None}
    busy.histories = _entries(site, 130, 40_000, {"items": [item | {"toString": "b"}]})
    other = {"field": "status", "fieldtype": "jira", "fieldId": "status", "from": "1", "to": "2"}
    site.issues[10_002].histories = _entries(site, 3, 41_000, {"items": [other]})
    site.put_issue(busy)
    site.reserve_id(41_010)
    return site


@pytest.fixture
def site() -> Site:
    return build_site()


@pytest.fixture
async def client(site: Site) -> AsyncIterator[httpx2.AsyncClient]:
    """An authenticated client; the control door is open for ``control-token``."""
    app = create_app(site, email="admin@example.com", token="secret", control_token="control-token")
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://jira.test", auth=("admin@example.com", "secret")
    ) as made:
        yield made


@pytest.fixture
async def anonymous(site: Site) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(site, email="admin@example.com", token="secret")
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://jira.test") as made:
        yield made
