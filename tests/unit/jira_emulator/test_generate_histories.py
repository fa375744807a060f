"""Replaying the histories of generated issues must lead to what their fields say."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jira_emulator.generate import generate
from jira_emulator.model import Issue
from jira_emulator.site import Site

Json = dict[str, Any]
SPRINT, POINTS = "customfield_10020", "customfield_10016"
SINGLE = {"status", "assignee", "priority", "resolution", "summary", "duedate", "labels", "timespent", "timeestimate"}


@pytest.fixture(scope="module")
def site() -> Site:
    site = Site(zone=ZoneInfo("Europe/Berlin"))
    generate(site, issues=1_000, seed=11)
    return site


def items(issue: Issue) -> Iterator[Json]:
    for history in issue.histories:
        yield from json.loads(history.body)["items"]


def sides(item: Json) -> tuple[tuple[str | None, str | None], tuple[str | None, str | None]]:
    return (item["from"], item["fromString"]), (item["to"], item["toString"])


def replay(issue: Issue) -> dict[str, tuple[str | None, str | None]]:
    """The last value of every field that holds one value at a time; each item must start where the one before ended."""
    state: dict[str, tuple[str | None, str | None]] = {}
    for item in items(issue):
        if item["field"] in {"Fix Version", "Link", "Attachment", "Rank", "WorklogId"}:
            continue
        before, after = sides(item)
        assert state.get(item["field"], before) == before, (issue.key, item)
        assert before != after
        state[item["field"]] = after
    return state


def current(fields: Json, points_name: str, severity_id: str) -> dict[str, tuple[str | None, str | None]]:
    def named(value: Json | None, key: str = "id", name: str = "name") -> tuple[str | None, str | None]:
        return (None, None) if value is None else (value[key], value[name])

    def number(value: float | None) -> str | None:
        return None if value is None else f"{value:g}"

    def seconds(value: int | None) -> tuple[str | None, str | None]:
        return (None, None) if value is None else (str(value), str(value))

    sprints = fields[SPRINT] or []
    due = fields["duedate"]
    return {
        "status": named(fields["status"]),
        "assignee": named(fields["assignee"], "accountId", "displayName"),
        "priority": named(fields["priority"]),
        "resolution": named(fields["resolution"]),
        "summary": (None, fields["summary"]),
        "labels": (None, " ".join(fields["labels"])),
        "duedate": (due, due and f"{due} 00:00:00.0"),
        "timespent": seconds(fields["timespent"]),
        "timeestimate": seconds(fields["timeestimate"]),
        "Sprint": (", ".join(str(one["id"]) for one in sprints), ", ".join(one["name"] for one in sprints)),
        points_name: (None, number(fields[POINTS])),
        "Severity": named(fields[severity_id], "id", "value"),
        "IssueParentAssociation": named(fields.get("parent"), "id", "key"),
        "issuetype": named(fields["issuetype"]),
        "project": named(fields["project"]),
    }


def test_replay_leads_to_the_present(site: Site) -> None:
    points = site.fields[POINTS].name
    severity = next(field.id for field in site.fields.values() if field.name == "Severity")
    seen: set[str] = set()
    for issue in site.issues.values():
        now = current(json.loads(issue.fields), points, severity)
        for name, value in replay(issue).items():
            if name in {"Key", "Workflow"}:
                continue
            assert now[name] == value, (issue.key, name)
            seen.add(name)
    assert seen == {*SINGLE, "Sprint", points, "Severity", "IssueParentAssociation", "issuetype", "project"}


def test_status_starts_at_the_first_of_the_workflow_and_the_rest_follows(site: Site) -> None:
    for issue in site.issues.values():
        first = next((item for item in items(issue) if item["field"] == "status"), None)
        if issue.old_keys:
            continue
        start = site.projects[issue.project_id].workflow[issue.issue_type_id][0]
        assert (issue.status_id if first is None else first["from"]) == start
        sprint = next((item for item in items(issue) if item["field"] == "Sprint"), None)
        assert sprint is None or (sprint["from"], sprint["fromString"]) == ("", "")
        assert (sprint is None) == (json.loads(issue.fields)[SPRINT] is None)


def test_versions_are_added_and_removed_one_by_one(site: Site) -> None:
    for issue in site.issues.values():
        held: set[str] = set()
        for item in items(issue):
            if item["field"] == "Fix Version":
                if item["to"] is None:
                    held.remove(item["from"])
                else:
                    assert item["to"] not in held
                    held.add(item["to"])
        assert held == {version["id"] for version in json.loads(issue.fields)["fixVersions"]}


def test_sprint_items_carry_the_whole_list(site: Site) -> None:
    carried = [item for issue in site.issues.values() for item in items(issue) if ", " in (item["to"] or "")]
    assert carried
    for item in carried:
        assert item["field"] == "Sprint"
        assert item["to"].startswith(f"{item['from']}, ")


def test_moved_issues_tell_of_both_projects(site: Site) -> None:
    moved = [issue for issue in site.issues.values() if issue.old_keys]
    assert moved
    for issue in moved:
        first = {item["field"]: item for item in json.loads(issue.histories[0].body)["items"]}
        assert (first["Key"]["fromString"], first["Key"]["toString"]) == (issue.old_keys[0], issue.key)
        assert first["project"]["to"] == issue.project_id
        assert first["project"]["from"] in site.projects


def test_resolution_and_its_date_go_with_the_category_done(site: Site) -> None:
    for issue in site.issues.values():
        fields = json.loads(issue.fields)
        done = site.statuses[issue.status_id].category_id == 3
        assert done == (fields["resolution"] is not None) == (fields["resolutiondate"] is not None)


def test_attributes_agree_with_the_fields(site: Site) -> None:
    for issue in site.issues.values():
        fields = json.loads(issue.fields)
        assert fields["status"]["id"] == issue.status_id
        assert fields["issuetype"]["id"] == issue.issue_type_id
        assert fields["project"]["id"] == issue.project_id
        assert (fields["assignee"] or {}).get("accountId") == issue.assignee
        assert _instant(fields["created"]) == issue.created
        assert _instant(fields["updated"]) == issue.updated


def test_histories_have_jiras_shape_and_belong_to_known_people(site: Site) -> None:
    without_id: set[str] = set()
    for issue in site.issues.values():
        for entry in issue.histories:
            history = json.loads(entry.body)
            assert set(history) == {"id", "author", "created", "items"}
            assert int(history["id"]) == entry.id
            assert _instant(history["created"]) == entry.created == entry.updated
            assert history["author"]["accountId"] in site.users
            assert history["items"]
            for item in history["items"]:
                assert set(item) - {"fieldId"} == {"field", "fieldtype", "from", "fromString", "to", "toString"}
                assert item["fieldtype"] in {"jira", "custom"}
                if "fieldId" in item:
                    assert item["fieldId"] in site.fields
                else:
                    without_id.add(item["field"])
    assert {"IssueParentAssociation", "Link", "Key"} <= without_id


def test_worklogs_add_up_to_the_time_spent(site: Site) -> None:
    logged = 0
    for issue in site.issues.values():
        fields = json.loads(issue.fields)
        worklogs = [json.loads(entry.body) for entry in issue.worklogs]
        assert (fields["timespent"] or 0) == sum(worklog["timeSpentSeconds"] for worklog in worklogs)
        logged += len(worklogs)
        for worklog, entry in zip(worklogs, issue.worklogs, strict=True):
            assert set(worklog) == {
                "self", "author", "updateAuthor", "comment", "created", "updated", "started", "timeSpent",
                "timeSpentSeconds", "id", "issueId",
            }  # fmt: skip
            assert worklog["issueId"] == str(issue.id)
            assert issue.created - 60_000 < _instant(worklog["started"]) <= entry.created
            assert _instant(worklog["updated"]) == entry.updated
    assert logged > 200


def _instant(text: str) -> int:
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
    return round(moment.timestamp() * 1000)
