"""The fields, links, families and texts of generated issues."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator  # type: ignore[import-untyped]

from jira_emulator.generate import generate
from jira_emulator.generate.entries import duration
from jira_emulator.generate.fields import lexo_rank
from jira_emulator.site import Site

Json = dict[str, Any]
PREFIX = "com.atlassian.jira.plugin.system.customfieldtypes:"
KINDS = {"float", "textfield", "datepicker", "datetime", "userpicker", "select", "multiselect", "cascadingselect"}
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}")
BLOCKS = {
    "paragraph", "heading", "bulletList", "orderedList", "table", "codeBlock", "panel", "taskList", "decisionList",
    "blockquote", "rule", "expand",
}  # fmt: skip
REQUIRED_ATTRS = {
    "heading": {"level"}, "panel": {"panelType"}, "mention": {"id"}, "emoji": {"shortName"}, "date": {"timestamp"},
    "status": {"text", "color"}, "inlineCard": {"url"}, "taskList": {"localId"}, "taskItem": {"localId", "state"},
    "decisionList": {"localId"}, "decisionItem": {"localId", "state"},
}  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Site:
    site = Site()
    generate(site, issues=1_000, seed=5)
    return site


@pytest.fixture(scope="module")
def fields(site: Site) -> dict[int, Json]:
    return {issue.id: json.loads(issue.fields) for issue in site.issues.values()}


def walk(value: object) -> list[Json]:
    if isinstance(value, dict):
        return [value, *(found for part in value.values() for found in walk(part))]
    if isinstance(value, list):
        return [found for part in value for found in walk(part)]
    return []


def documents(site: Site, fields: dict[int, Json]) -> list[Json]:
    found = [one[name] for one in fields.values() for name in ("description", "environment") if one[name] is not None]
    for issue in site.issues.values():
        found += [json.loads(entry.body)["body"] for entry in issue.comments[:40]]
        found += [json.loads(entry.body)["comment"] for entry in issue.worklogs]
    return found


def test_every_field_is_registered_and_comment_and_worklog_are_left_out(site: Site, fields: dict[int, Json]) -> None:
    for one in fields.values():
        assert not set(one) - set(site.fields)
        assert not {"comment", "worklog"} & set(one)


def test_custom_fields_of_every_kind_are_registered_and_filled(site: Site, fields: dict[int, Json]) -> None:
    kinds = {
        str(field.schema["custom"]).removeprefix(PREFIX): field.id
        for field in site.fields.values()
        if str(field.schema.get("custom", "")).startswith(PREFIX) and int(field.id.split("_")[1]) >= 10_030
    }
    assert set(kinds) == KINDS
    filled = {kind: [one[name] for one in fields.values() if one[name] is not None] for kind, name in kinds.items()}
    assert all(len(values) > 20 for values in filled.values())
    assert all(isinstance(value, float | int) for value in filled["float"])
    assert all(TIMESTAMP.fullmatch(value) for value in filled["datetime"])
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", value) for value in filled["datepicker"])
    assert all(value["accountId"] in site.users for value in filled["userpicker"])
    assert all(set(value) == {"self", "value", "id"} for value in filled["select"])
    assert max(len(value) for value in filled["multiselect"]) > 1
    assert any("child" in value for value in filled["cascadingselect"])


def test_link_shows_on_both_issues_with_one_id(fields: dict[int, Json]) -> None:
    ends: dict[str, list[tuple[int, str, int]]] = {}
    for issue_id, one in fields.items():
        for link in one["issuelinks"]:
            side = "outwardIssue" if "outwardIssue" in link else "inwardIssue"
            assert len({"outwardIssue", "inwardIssue"} & set(link)) == 1
            other = link[side]
            assert other["fields"]["summary"] == fields[int(other["id"])]["summary"]
            assert other["fields"]["status"] == fields[int(other["id"])]["status"]
            assert other["fields"]["priority"] == fields[int(other["id"])]["priority"]
            ends.setdefault(link["id"], []).append((issue_id, side, int(other["id"])))
    assert len(ends) > 100
    for (first, side, second), other_end in ends.values():
        assert other_end == (second, "inwardIssue" if side == "outwardIssue" else "outwardIssue", first)


def test_parents_and_subtasks_agree(site: Site, fields: dict[int, Json]) -> None:
    children: dict[int, list[int]] = {}
    epics = 0
    for issue_id, one in fields.items():
        parent = one.get("parent")
        assert one["issuetype"]["subtask"] is False or parent is not None
        if parent is None:
            continue
        mother = fields[int(parent["id"])]
        assert parent["key"] == site.issues[int(parent["id"])].key
        assert parent["fields"]["status"] == mother["status"]
        assert mother["project"]["id"] == one["project"]["id"]
        assert mother["issuetype"]["hierarchyLevel"] == one["issuetype"]["hierarchyLevel"] + 1
        if one["issuetype"]["subtask"]:
            children.setdefault(int(parent["id"]), []).append(issue_id)
        else:
            epics += 1
            assert one["customfield_10014"] == parent["key"]
    assert epics > 100
    assert len(children) > 50
    for issue_id, one in fields.items():
        assert [int(child["id"]) for child in one["subtasks"]] == children.get(issue_id, [])


def test_aggregates_add_up_the_subtasks(fields: dict[int, Json]) -> None:
    for one in fields.values():
        family = [one, *(fields[int(child["id"])] for child in one["subtasks"])]
        for aggregate, own in (("aggregatetimespent", "timespent"), ("aggregatetimeestimate", "timeestimate")):
            known = [member[own] for member in family if member[own] is not None]
            assert one[aggregate] == (sum(known) if known else None)
        assert one["timetracking"].get("timeSpentSeconds") == one["timespent"]


def test_sprint_field_agrees_with_the_sprints(site: Site, fields: dict[int, Json]) -> None:
    states: set[str] = set()
    for issue_id, one in fields.items():
        listed = one["customfield_10020"] or []
        assert sum(sprint["state"] != "closed" for sprint in listed) <= 1
        for shown in listed:
            sprint = site.sprints[shown["id"]]
            assert (shown["name"], shown["state"], shown["boardId"]) == (sprint.name, sprint.state, sprint.board_id)
            assert site.boards[sprint.board_id].project_id == site.issues[issue_id].project_id
            assert ("completeDate" in shown) == (sprint.state == "closed")
            assert "startDate" not in shown or shown["startDate"].endswith("Z")
            states.add(sprint.state)
    assert states == {"closed", "active", "future"}


def test_components_versions_and_users_exist(site: Site, fields: dict[int, Json]) -> None:
    for one in fields.values():
        project_id = one["project"]["id"]
        assert all(site.components[part["id"]].project_id == project_id for part in one["components"])
        assert all(
            site.versions[part["id"]].project_id == project_id for part in (*one["versions"], *one["fixVersions"])
        )
        assert all(one[role]["accountId"] in site.users for role in ("reporter", "creator"))
    assert {(version.released, version.archived) for version in site.versions.values()} == {
        (True, True), (True, False), (False, False),
    }  # fmt: skip


def test_texts_hold_every_kind_of_block(site: Site, fields: dict[int, Json]) -> None:
    texts = documents(site, fields)
    nodes = [node for document in texts for node in walk(document)]
    types = {str(node.get("type")) for node in nodes}
    assert {*BLOCKS, *REQUIRED_ATTRS, "listItem", "tableHeader", "tableCell", "hardBreak", "link", "code"} <= types
    mentioned = {node["attrs"]["id"] for node in nodes if node.get("type") == "mention"}
    assert mentioned
    assert mentioned <= set(site.users)
    words = "".join(str(node.get("text", "")) for node in nodes)
    assert any("\u0590" <= letter <= "\u05ff" for letter in words)
    assert any("\u0600" <= letter <= "\u06ff" for letter in words)


def test_texts_are_well_formed_documents(site: Site, fields: dict[int, Json]) -> None:
    for document in documents(site, fields):
        assert (document["type"], document["version"]) == ("doc", 1)
        assert {block["type"] for block in document["content"]} <= BLOCKS
        for node in walk(document):
            kind = node.get("type")
            if not isinstance(kind, str):
                continue
            assert REQUIRED_ATTRS.get(kind, set()) <= set(node.get("attrs", {}))
            if kind == "text":
                assert node["text"]
                marks = {mark["type"] for mark in node.get("marks", [])}
                assert "code" not in marks or marks <= {"code", "link"}
            if kind in {"listItem", "tableCell", "tableHeader"}:
                assert node["content"][0]["type"] == "paragraph"
            if kind == "codeBlock":
                assert all(set(part) == {"type", "text"} for part in node["content"])


def test_texts_satisfy_atlassians_schema(site: Site, fields: dict[int, Json]) -> None:
    shared = os.environ.get("DIGITAL_SPIRAL_SHARED")
    folder = Path(shared) if shared else Path(__file__).resolve().parents[4] / "shared"
    schema = folder / "jira-openapi" / "adf-full.v1.json"
    if not schema.is_file():
        pytest.skip("Atlassian's ADF schema is not here (DIGITAL_SPIRAL_SHARED, or `shared` beside the checkout)")
    validator = Draft4Validator(json.loads(schema.read_text(encoding="utf-8")))
    # Validation takes up to a second per rich document, so each kind of node is checked in its smallest one.
    chosen: dict[str, Json] = {}
    for document in sorted(documents(site, fields), key=lambda document: len(json.dumps(document))):
        for kind in sorted({str(node.get("type")) for node in walk(document)}):
            chosen.setdefault(kind, document)
    assert len(chosen) > 25
    for document in chosen.values():
        assert [error.message for error in validator.iter_errors(document)] == []


def test_some_comments_are_internal_or_restricted(site: Site) -> None:
    comments = [json.loads(entry.body) for issue in site.issues.values() for entry in issue.comments]
    assert {True, False} == {comment["jsdPublic"] for comment in comments}
    restricted = {comment["visibility"]["type"] for comment in comments if "visibility" in comment}
    assert restricted == {"role", "group"}
    assert any(comment["updated"] != comment["created"] for comment in comments)
    for comment in comments:
        assert set(comment) - {"visibility"} == {
            "self", "id", "author", "body", "updateAuthor", "created", "updated", "jsdPublic",
        }  # fmt: skip


def test_attachments_carry_metadata_and_a_history(site: Site, fields: dict[int, Json]) -> None:
    seen = 0
    for issue in site.issues.values():
        attachments = fields[issue.id]["attachment"]
        told = [
            item["to"]
            for history in issue.histories
            for item in json.loads(history.body)["items"]
            if item["field"] == "Attachment"
        ]
        assert told == [attachment["id"] for attachment in attachments]
        seen += len(attachments)
    assert seen > 50


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0m"), (900, "15m"), (13_500, "3h 45m"), (28_800, "1d"), (144_000 + 3600, "1w 1h")]
)
def test_durations_are_worded_as_jira_words_them(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_ranks_sort_like_their_numbers() -> None:
    ranks = [lexo_rank(number) for number in (1, 35, 36, 10_001, 999_999)]
    assert ranks == sorted(ranks)
    assert ranks[0] == "0|i00001:"
