"""Loading files of issues into a site."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from jira_emulator.load import DataNotFoundError, LoadReport, load_issues
from jira_emulator.model import Entry, Issue
from jira_emulator.site import Site
from jira_emulator.wire import BASE

ANN = {"name": "ann", "key": "ann", "displayName": "Ann Example", "active": True, "timeZone": "Asia/Dubai"}
BO = {"name": "bo", "key": "bo", "displayName": "Bo Example", "active": False, "timeZone": "Europe/Oslo"}
OPEN = {"id": "1", "name": "Open", "statusCategory": {"id": 2, "key": "new"}}
DONE = {"id": "6", "name": "Closed", "statusCategory": {"id": 3, "key": "done"}}
PROJECT = {"id": "77", "key": "AB", "name": "Alpha", "projectCategory": {"id": "5", "name": "Tools"}}
TIME = "2012-05-16T07:56:13.000+0000"
LATER = "2013-01-16T08:00:00.123+0100"


def issue(number: int, **fields: object) -> dict[str, object]:
    base: dict[str, object] = {
        "project": PROJECT,
        "summary": f"Issue {number}",
        "issuetype": {"id": "1", "name": "Bug", "subtask": False},
        "status": OPEN,
        "priority": {"id": "3", "name": "Medium"},
        "created": TIME,
        "updated": LATER,
        "creator": ANN,
        "reporter": ANN,
        "assignee": BO,
    }
    return {"id": str(1000 + number), "key": f"AB-{number}", "fields": base | fields}


def write(file: Path, lines: Iterable[object]) -> Path:
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    file.write_bytes(gzip.compress(text.encode()) if file.suffix == ".gz" else text.encode())
    return file


def loaded(tmp_path: Path, *lines: object, synthesise: bool = False) -> tuple[Site, LoadReport]:
    site = Site(zone=ZoneInfo("Europe/Berlin"))
    report = load_issues(site, [write(tmp_path / "issues.jsonl", lines)], synthesise_history=synthesise)
    return site, report


def found(site: Site, key: str) -> Issue:
    issue_ = site.find_issue(key)
    assert issue_ is not None
    return issue_


def fields_of(site: Site, key: str) -> dict[str, object]:
    value = json.loads(found(site, key).fields)
    assert isinstance(value, dict)
    return value


def body(entry: Entry) -> dict[str, object]:
    value = json.loads(entry.body)
    assert isinstance(value, dict)
    return value


def adf(text: str) -> dict[str, object]:
    return {
        "type": "doc",
        "version": 1,
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}],
    }


def test_an_issue_becomes_what_cloud_answers(tmp_path: Path) -> None:
    version = {"id": "11", "name": "1.0", "archived": False, "released": True, "releaseDate": "2012-07-19"}
    site, report = loaded(
        tmp_path,
        issue(
            1,
            description="Hi [~bo]",
            environment={"type": "doc", "version": 1, "content": []},
            fixVersions=[version],
            components=[{"id": "12", "name": "Core"}],
            labels=["x"],
            flagged=True,
            duedate="2012-06-01",
            attachment=[
                {"id": "5", "filename": "a.png", "author": ANN, "created": TIME, "size": 3, "mimeType": "image/png"}
            ],
            timespent=3600,
            timeestimate=3600,
            customfield_10016=8.0,
        ),
    )
    fields = fields_of(site, "ab-1")
    bo = next(user for user in site.users.values() if user.display_name == "Bo Example")
    assert fields["created"] == "2012-05-16T09:56:13.000+0200"
    assert fields["updated"] == "2013-01-16T08:00:00.123+0100"
    assert fields["resolution"] is fields["resolutiondate"] is fields["lastViewed"] is None
    assert fields["subtasks"] == fields["issuelinks"] == fields["versions"] == []
    assert (fields["duedate"], fields["labels"], fields["summary"]) == ("2012-06-01", ["x"], "Issue 1")
    assert fields["environment"] == {"type": "doc", "version": 1, "content": []}
    assert f'"mention","attrs":{{"id":"{bo.account_id}"' in found(site, "AB-1").fields.decode()
    assert fields["progress"] == {"progress": 3600, "total": 7200, "percent": 50}
    assert fields["votes"] == {"self": f"{BASE}/rest/api/3/issue/AB-1/votes", "votes": 0, "hasVoted": False}
    assert fields["customfield_10016"] == 8.0
    assert fields["customfield_10020"] is None
    assert fields["customfield_10021"] == [
        {"self": f"{BASE}/rest/api/3/customFieldOption/10019", "value": "Impediment", "id": "10019"}
    ]
    assert "parent" not in fields
    assert "comment" not in fields
    assert "worklog" not in fields
    assert found(site, "AB-1").assignee == bo.account_id
    assert site.versions["11"].project_id == site.components["12"].project_id == "77"
    assert site.projects["77"].workflow == {"1": ["1"]}
    assert (report.lines, report.loaded, report.bad_lines, report.left_out) == (1, 1, [], {})
    assert (report.users, report.projects, report.boards, report.attachments) == (2, 1, 1, 1)


def test_every_field_in_an_answer_is_a_field_of_the_site(tmp_path: Path) -> None:
    site, _ = loaded(tmp_path, issue(1, customfield_99=None, customfield_98={"value": "x"}))
    assert set(fields_of(site, "AB-1")) <= set(site.fields)


def test_comments_are_counted_as_loaded_not_as_stated(tmp_path: Path) -> None:
    comments = [
        {"id": "22", "author": BO, "updateAuthor": ANN, "body": "later\u0000", "created": LATER, "updated": LATER},
        {"id": "21", "body": adf("kept"), "created": TIME, "updated": TIME},
        {"id": "23", "created": LATER},
    ]
    site, report = loaded(tmp_path, issue(1, comment={"comments": comments, "total": 99}))
    entries = found(site, "AB-1").comments
    assert [entry.id for entry in entries] == [21, 22, 23]
    assert report.comments == 3
    first, second, third = (body(entry) for entry in entries)
    assert (first["body"], second["body"]) == (adf("kept"), adf("later\u0000"))
    assert third["body"] == {"type": "doc", "version": 1, "content": []}
    assert "author" not in first
    assert second["self"] == f"{BASE}/rest/api/3/issue/1001/comment/22"
    assert (second["id"], second["jsdPublic"], second["created"]) == ("22", True, "2013-01-16T08:00:00.123+0100")
    assert entries[1].created == 1_358_319_600_123


def test_worklogs_and_histories_are_taken_over(tmp_path: Path) -> None:
    worklog = {"id": "31", "author": ANN, "comment": "did", "started": TIME, "timeSpentSeconds": 120, "created": LATER}
    items = [
        {"field": "assignee", "fieldtype": "jira", "from": None, "fromString": None, "to": "bo", "toString": "Bo"},
        {"field": "Key", "fieldtype": "jira", "from": None, "fromString": "OLD-9", "to": None, "toString": "AB-1"},
    ]
    line = issue(1, worklog={"worklogs": [worklog]})
    line["changelog"] = {"histories": [{"id": "41", "author": ANN, "created": TIME, "items": items}]}
    site, report = loaded(tmp_path, line, issue(2), synthesise=True)
    [entry] = found(site, "AB-1").worklogs
    shape = body(entry)
    assert (shape["issueId"], shape["timeSpent"], shape["timeSpentSeconds"]) == ("1001", "2m", 120)
    assert (shape["comment"], shape["started"]) == (adf("did"), "2012-05-16T09:56:13.000+0200")
    [history] = found(site, "OLD-9").histories
    taken = body(history)["items"]
    assert isinstance(taken, list)
    assert taken[0]["to"] == found(site, "AB-1").assignee
    assert report.histories == 1 + len(found(site, "AB-2").histories)
    assert all(entry.id > 41 for entry in found(site, "AB-2").histories)


def test_parents_epics_subtasks_and_links_show_each_other(tmp_path: Path) -> None:
    kind = {"id": "10003", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"}
    away = {"id": "5000", "key": "ZZ-1", "fields": {"summary": "Away", "status": DONE, "issuetype": {"id": "1"}}}
    sub = {"id": "5", "name": "Sub-task", "subtask": True}
    site, report = loaded(
        tmp_path,
        issue(1, issuetype={"id": "6", "name": "Epic"}),
        issue(
            2, epic={"id": 1001, "key": "AB-1"}, issuelinks=[{"id": "8", "type": kind, "outwardIssue": {"id": "1004"}}]
        ),
        issue(3, issuetype=sub, parent={"id": "1002", "key": "AB-2"}, epic={"id": 1001, "key": "AB-1"}),
        issue(4, epic={"id": 9, "key": "XX-9"}, issuelinks=[{"id": "8", "type": kind, "inwardIssue": {"id": "1002"}}]),
        issue(5, issuetype=sub, parent=away, issuelinks=[{"id": "9", "type": kind, "inwardIssue": away}, {"id": "10"}]),
    )
    parent = fields_of(site, "AB-2")["parent"]
    assert isinstance(parent, dict)
    assert (parent["id"], parent["key"], parent["fields"]["summary"]) == ("1001", "AB-1", "Issue 1")
    assert parent["fields"]["issuetype"]["hierarchyLevel"] == 1
    assert set(parent["fields"]) == {"summary", "status", "priority", "issuetype"}
    for key, subtasks in (("AB-1", []), ("AB-2", ["AB-3"])):
        listed = fields_of(site, key)["subtasks"]
        assert isinstance(listed, list)
        assert [child["key"] for child in listed] == subtasks
    assert fields_of(site, "AB-4")["customfield_10014"] == "XX-9"
    assert fields_of(site, "AB-2")["customfield_10014"] is None
    [out] = json.loads(found(site, "AB-2").fields)["issuelinks"]
    assert (out["outwardIssue"]["key"], out["type"]["inward"], "inwardIssue" in out) == ("AB-4", "is blocked by", False)
    unloaded = fields_of(site, "AB-5")["parent"]
    assert isinstance(unloaded, dict)
    assert (unloaded["key"], unloaded["fields"]["status"]["name"]) == ("ZZ-1", "Closed")
    assert report.links == 2
    assert report.left_out == {"issue link without id, type or issue": 1}


def test_bad_lines_are_named_and_the_others_arrive(tmp_path: Path) -> None:
    deep: object = "x"
    for _ in range(300):
        deep = [deep]
    lines = [
        issue(1),
        "{not json",
        "",
        {"id": "1", "key": "A-1"},
        issue(1),
        issue(2) | {"id": "1009", "key": "AB-1"},
        {"id": "x", "key": "AB-3", "fields": {}},
        {"id": "3", "key": "AB-3", "fields": {"summary": "no project"}},
        issue(4, customfield_1=deep),
        issue(5),
    ]
    site, report = loaded(tmp_path, *lines)
    assert sorted(site.issues) == [1001, 1005]
    assert (report.lines, report.loaded) == (9, 2)
    reasons = {bad.line: bad.reason for bad in report.bad_lines}
    assert set(reasons) == {2, 4, 5, 6, 7, 8, 9}
    assert reasons[2].startswith("not JSON: ")
    assert reasons[4] == "not an issue: no fields"
    assert reasons[5] == "duplicate id 1001"
    assert reasons[6] == "duplicate key AB-1"
    assert reasons[7] == "not an issue: no id"
    assert reasons[8] == "no project with id and key"
    assert reasons[9].startswith("cannot be written as JSON: ")
    assert {Path(bad.file).name for bad in report.bad_lines} == {"issues.jsonl"}


def test_a_bare_issue_is_kept(tmp_path: Path) -> None:
    site, report = loaded(tmp_path, {"id": 7, "key": "AB-7", "fields": {"project": PROJECT}}, synthesise=True)
    assert report.bad_lines == []
    fields = fields_of(site, "AB-7")
    assert (fields["summary"], fields["assignee"], fields["priority"]) == ("", None, None)
    assert found(site, "AB-7").status_id in site.statuses
    assert found(site, "AB-7").issue_type_id in site.issue_types


def test_a_damaged_archive_gives_what_can_be_read(tmp_path: Path) -> None:
    file = write(
        tmp_path / "issues.jsonl.gz", [issue(number, description="text " * number) for number in range(1, 400)]
    )
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    report = load_issues(Site(), [file])
    assert 0 < report.loaded < 399
    assert report.bad_lines[-1].reason.startswith("file cannot be read further: ")


def test_a_folder_means_its_issue_files(tmp_path: Path) -> None:
    write(tmp_path / "issues-b.jsonl.gz", [issue(2)])
    write(tmp_path / "issues-a.jsonl", [issue(1)])
    write(tmp_path / "other.jsonl", [issue(3)])
    report = load_issues(Site(), [tmp_path])
    assert [file.name for file in report.files] == ["issues-a.jsonl", "issues-b.jsonl.gz"]
    assert report.loaded == 2


def test_a_folder_without_named_files_means_all_of_them(tmp_path: Path) -> None:
    write(tmp_path / "dump.jsonl", [issue(1)])
    (tmp_path / "README.md").write_text("x")
    assert load_issues(Site(), [tmp_path]).loaded == 1


@pytest.mark.parametrize("name", ["absent.jsonl", "text.txt", "empty"])
def test_a_path_without_data_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataNotFoundError, match=name):
        load_issues(Site(), [tmp_path / name])


def test_loading_twice_adds_nothing(tmp_path: Path) -> None:
    file = write(tmp_path / "issues.jsonl", [issue(1)])
    site = Site()
    load_issues(site, [file])
    report = load_issues(site, [file])
    assert (report.loaded, len(site.issues), report.bad_lines[0].reason) == (0, 1, "duplicate id 1001")


def test_loading_is_repeatable(tmp_path: Path) -> None:
    sprint = {"id": 5, "state": "closed", "name": "S", "startDate": "2012-08-01T00:00:00.000Z", "originBoardId": 2}
    closed = issue(
        1, status=DONE, resolution={"id": "1", "name": "Fixed"}, resolutiondate=LATER, closedSprints=[sprint]
    )
    (first, _), (second, _) = (loaded(tmp_path, closed, issue(2), synthesise=True) for _ in range(2))
    assert first.issues == second.issues
    items = [item for entry in found(first, "AB-1").histories for item in json.loads(entry.body)["items"]]
    assert {"status", "resolution", "Sprint"} <= {item["field"] for item in items}
    assert first.sprints[5].board_id == 2
    assert first.boards[2].project_id == "77"


def test_a_real_project_loads_whole_and_consistent(shared_data: Path) -> None:
    site = Site(zone=ZoneInfo("America/Los_Angeles"))
    file = shared_data / "jira-data" / "issues-titanium-daemon.jsonl.gz"
    report = load_issues(site, [file], synthesise_history=True, seed=1)
    assert (report.loaded, report.bad_lines) == (288, [])
    for entry in site.issues.values():
        fields = json.loads(entry.fields)
        assert fields["status"]["id"] == entry.status_id
        items = [item for history in entry.histories for item in json.loads(history.body)["items"]]
        ends = [item["to"] for item in items if item["field"] == "status"]
        assert not ends or ends[-1] == entry.status_id
        assert all(entry.created <= history.created <= entry.updated for history in entry.histories)
