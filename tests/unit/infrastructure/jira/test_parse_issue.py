import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Protocol

import msgspec
import pytest

from digital_spiral.domain.entities.user import User
from digital_spiral.domain.errors import UnreadableAnswer
from digital_spiral.domain.services.digest import canonical, digest_text
from digital_spiral.infrastructure.external.jira import accounts, wire
from digital_spiral.infrastructure.external.jira.field_values import FieldCatalogue
from digital_spiral.infrastructure.external.jira.parse_issue import IssueParser, ParsedIssue
from digital_spiral.infrastructure.external.jira.raw import RawRules

Json = dict[str, object]


class MakeIssue(Protocol):
    def __call__(self, issue_id: int = ..., /, **fields: object) -> Json: ...


@pytest.fixture
def parser(rules: RawRules) -> IssueParser:
    return IssueParser(rules, FieldCatalogue())


@pytest.fixture
def parse(parser: IssueParser) -> Callable[[Json], ParsedIssue]:
    return lambda document: parser.issue(json.dumps(document).encode())


Parse = Callable[[Json], ParsedIssue]


def test_the_columns_of_an_issue(parse: Parse, make_issue: MakeIssue) -> None:
    document = make_issue(
        priority={"id": "2", "name": "High"},
        resolution={"id": "1"},
        assignee={"accountId": "ada", "displayName": "Ada", "emailAddress": "ada@example.com"},
        reporter={"accountId": "", "displayName": "blanked"},
        creator=None,
        parent={"id": "9001", "key": "DEMO-1", "fields": {"issuetype": {"id": "1", "hierarchyLevel": 1}}},
        labels=["b", "a"],
        components=[{"id": "11"}],
        fixVersions=[{"id": "12"}, {"id": "13"}],
        resolutiondate="2026-03-02T00:00:00.000+0000",
        duedate="2026-04-01",
        description={"type": "doc", "content": [{"type": "text", "text": "why"}]},
    )
    issue = parse(document).bundle.issue
    assert (issue.jira_id, issue.key, issue.project_id) == (10_012, "DEMO-12", 10_000)
    assert (issue.issue_type_id, issue.status_id, issue.status_category) == ("10001", "3", "indeterminate")
    assert (issue.priority_id, issue.resolution_id, issue.summary) == ("2", "1", "Print the invoice")
    assert (issue.assignee_id, issue.reporter_id, issue.creator_id) == ("ada", None, None)
    assert (issue.parent_id, issue.epic_id) == (9001, 9001)
    assert (issue.labels, issue.component_ids, issue.fix_version_ids) == (["b", "a"], [11], [12, 13])
    assert issue.created_at == datetime(2026, 2, 27, 9, 3, 11, 123_000, UTC)
    assert issue.jira_updated_at == datetime(2026, 3, 27, 8, 3, 11, 123_000, UTC)
    assert issue.resolved_at == datetime(2026, 3, 2, tzinfo=UTC)
    assert issue.due_on == date(2026, 4, 1)
    assert issue.description_text == "why"
    assert json.loads(issue.description or b"") == {"type": "doc", "content": [{"type": "text", "text": "why"}]}


def test_absent_and_null_parts(parse: Parse, make_issue: MakeIssue) -> None:
    absent = make_issue()
    null = make_issue(
        **dict.fromkeys(
            ("priority", "resolution", "assignee", "parent", "labels", "components", "fixVersions", "issuelinks")
        ),
        **dict.fromkeys(("resolutiondate", "duedate", "description", "attachment", "summary")),
    )
    for document in (absent, null):
        bundle = parse(document).bundle
        assert (bundle.issue.priority_id, bundle.issue.parent_id, bundle.issue.epic_id) == (None, None, None)
        assert (bundle.issue.labels, bundle.links, bundle.attachments) == ([], [], [])
        assert (bundle.issue.description, bundle.issue.description_text) == (None, None)


def test_a_parent_that_is_no_epic(parse: Parse, make_issue: MakeIssue) -> None:
    parent = {"id": "9001", "key": "DEMO-1", "fields": {"issuetype": {"id": "1", "hierarchyLevel": 0}}}
    issue = parse(make_issue(parent=parent)).bundle.issue
    assert (issue.parent_id, issue.epic_id) == (9001, None)


def test_raw_is_the_answer_but_for_addresses(parse: Parse, make_issue: MakeIssue) -> None:
    document = make_issue(assignee={"accountId": "ada", "emailAddress": "ada@example.com"}, customfield_1=1.50)
    bundle = parse(document).bundle
    expected = json.loads(json.dumps(document).replace("ada@example.com", "hash(15)"))
    assert json.loads(bundle.issue.raw_jsonb) == expected
    assert bundle.users["ada"].email_hash == "hash(15)"


def test_the_digest_ignores_what_is_volatile_and_how_json_is_written(
    parser: IssueParser, make_issue: MakeIssue
) -> None:
    document = make_issue(customfield_1=12_345_678, lastViewed=None)
    viewed = make_issue(lastViewed="2026-01-01T00:00:00.000+0000", customfield_1=12_345_678) | {"expand": "all"}
    plain = parser.issue(json.dumps(document).encode()).bundle.issue.content_hash
    assert parser.issue(json.dumps(viewed, indent=1).encode()).bundle.issue.content_hash == plain
    exponent = json.dumps(document).replace("12345678", "1.2345678E7").encode()
    assert parser.issue(exponent).bundle.issue.content_hash == plain
    changed = json.dumps(make_issue(customfield_1=12_345_679)).encode()
    assert parser.issue(changed).bundle.issue.content_hash != plain


def test_embedded_comments(parse: Parse, make_issue: MakeIssue, make_comment: Callable[..., Json]) -> None:
    restricted = make_comment(22) | {"visibility": {"type": "role", "value": "Admins"}, "body": None}
    comments = [make_comment(21, "first"), restricted]
    parsed = parse(make_issue(comment={"comments": comments, "total": 2, "startAt": 0}))
    first, second = parsed.bundle.comments
    assert not parsed.comments_cut
    assert (first.jira_id, first.issue_id, first.author_id, first.update_author_id) == (21, 10_012, "ada", "bo")
    assert first.created_at == datetime(2026, 3, 1, 11, tzinfo=UTC)
    assert json.loads(first.raw_jsonb)["author"]["emailAddress"] == "hash(15)"
    assert first.content_hash == digest_text(first.raw_jsonb)
    assert (second.visibility_type, second.visibility_value, second.body) == ("role", "Admins", None)


@pytest.mark.parametrize("cut", [{"total": 2}, {"startAt": 1}, None])
def test_comments_that_are_not_all(
    cut: Json | None, parse: Parse, make_issue: MakeIssue, make_comment: Callable[..., Json]
) -> None:
    page = None if cut is None else {"comments": [make_comment(21)], "total": 1, "startAt": 0} | cut
    assert parse(make_issue(comment=page)).comments_cut


def _worklog(**more: object) -> Json:
    moment = "2026-03-01T12:00:00.000+0000"
    base = {"id": "31", "issueId": "10012", "started": moment, "created": moment, "updated": moment}
    return base | {"timeSpentSeconds": 3600, "author": {"accountId": "ada"}} | more


def test_worklogs_complete_cut_and_invisible(parse: Parse, make_issue: MakeIssue) -> None:
    complete = parse(make_issue(worklog={"worklogs": [_worklog()], "total": 1, "startAt": 0})).bundle.worklogs
    assert complete is not None
    assert [(one.jira_id, one.issue_id, one.time_spent_seconds, one.author_id) for one in complete] == [
        (31, 10_012, 3600, "ada")
    ]
    assert parse(make_issue(worklog={"worklogs": [_worklog()], "total": 21, "startAt": 0})).bundle.worklogs is None
    assert parse(make_issue(worklog=None)).bundle.worklogs == []


def test_a_worklog_by_itself_names_its_issue(parser: IssueParser) -> None:
    assert parser.worklog(json.dumps(_worklog()).encode()).issue_id == 10_012
    with pytest.raises(UnreadableAnswer, match="31 names no issue"):
        parser.worklog(json.dumps(_worklog(issueId=None)).encode())


def test_replaced_characters_mark_the_rows_they_are_in(
    parser: IssueParser, make_issue: MakeIssue, make_comment: Callable[..., Json]
) -> None:
    comments = [make_comment(21, "fine"), make_comment(22, "nul \0"), make_comment(23, "own \ufffd \\ufffd")]
    worklogs = [_worklog(comment="\ud800"), _worklog(id="32")]
    document = make_issue(
        comment={"comments": comments, "total": 3, "startAt": 0},
        worklog={"worklogs": worklogs, "total": 2, "startAt": 0},
    )
    bundle = parser.issue(json.dumps(document).encode()).bundle
    assert bundle.issue.replaced_characters
    assert [one.replaced_characters for one in bundle.comments] == [False, True, False]
    assert [one.replaced_characters for one in bundle.worklogs or ()] == [True, False]
    assert "nul \ufffd" in bundle.comments[1].raw_jsonb.decode()


def test_a_link_is_the_same_row_from_both_ends(parse: Parse, make_issue: MakeIssue) -> None:
    kind = {"id": "5", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"}
    seen_from_source = {"id": "77", "type": kind, "outwardIssue": {"id": "10013", "key": "DEMO-13"}}
    seen_from_target = {"id": "77", "type": kind, "inwardIssue": {"id": "10012", "key": "DEMO-12"}}
    [source] = parse(make_issue(10_012, issuelinks=[seen_from_source])).bundle.links
    [target] = parse(make_issue(10_013, issuelinks=[seen_from_target])).bundle.links
    assert source == target
    assert (source.source_id, source.target_id, source.source_key) == (10_012, 10_013, "DEMO-12")
    assert (source.type_name, source.inward, source.outward) == ("Blocks", "is blocked by", "blocks")


def test_an_attachment(parse: Parse, make_issue: MakeIssue) -> None:
    document: Json = {
        "id": "88",
        "filename": "log.txt",
        "author": {"accountId": "bo"},
        "created": "2026-03-01T12:00:00.000+0000",
        "size": 12,
        "mimeType": "text/plain",
        "content": "https://acme.example/88",
    }
    [row] = parse(make_issue(attachment=[document])).bundle.attachments
    assert (row.jira_id, row.filename, row.author_id, row.size) == (88, "log.txt", "bo", 12)
    assert (row.mime_type, row.content_url) == ("text/plain", "https://acme.example/88")
    [other] = parse(make_issue(attachment=[document | {"size": 13}])).bundle.attachments
    assert other.content_hash != row.content_hash


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"fields": None}, "no fields"),
        ({"id": "tenth"}, "id"),
        ({"fields.created": "2026-02-30T00:00:00.000+0000"}, "2026-02-30"),
        ({"fields.updated": "2026-03-27T10:03:11.123 Europe/Prague"}, "Europe/Prague"),
        ({"fields.status": None}, "status"),
        ({"fields.duedate": "soon"}, "soon"),
        ({"fields.issuelinks": [{"id": "1", "type": {"id": "2"}}]}, "link 1"),
        ({"fields.comment": {"comments": [3]}}, "object"),
    ],
)
def test_an_unreadable_issue_says_why(change: Json, reason: str, parse: Parse, make_issue: MakeIssue) -> None:
    document = make_issue()
    for path, value in change.items():
        parent, _, name = path.rpartition(".")
        place = document["fields"] if parent else document
        assert isinstance(place, dict)
        place[name] = value
    with pytest.raises(UnreadableAnswer, match=reason):
        parse(document)


@pytest.mark.parametrize(
    "text",
    [
        b'{"id":"1","fields":{"summary":"\xff"}}',
        b'{"id":"1","fields":{"summary":"\x01"}}',
        b'{"id":"1","fields":{"summary":"\\q"}}',
        b'{"id":"1","fields":{"n":1e5000}}',
        b'{"id":"1","fields":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[]",
        b"",
    ],
)
def test_text_that_is_no_json_object_is_refused(text: bytes, parser: IssueParser) -> None:
    with pytest.raises(UnreadableAnswer):
        parser.issue(text)


def _history(history_id: int, created: str | int, *fields: str) -> wire.History:
    items = [wire.HistoryItem(field=name, to_text=f"{name} {history_id}") for name in fields]
    return wire.History(id=history_id, created=created, author={"accountId": "ada"}, items=items)


def test_changes_are_ordered_by_time_then_id_and_counted_by_item(parser: IssueParser) -> None:
    histories = [
        _history(9, "2026-03-01T12:00:00.000+0100", "status", "resolution"),
        _history(12, 1_772_362_800_000, "labels"),
        _history(11, "2026-03-01T11:00:00.000+0000", "summary"),
        _history(3, "2026-03-02T00:00:00.000+0000", "summary"),
        _history(3, "2026-03-02T00:00:00.000+0000", "summary"),
    ]
    users: dict[str, User] = {}
    rows = parser.changes(7, histories, users)
    assert [(row.jira_id, row.item, row.field) for row in rows] == [
        (9, 0, "status"),
        (9, 1, "resolution"),
        (11, 0, "summary"),
        (12, 0, "labels"),
        (3, 0, "summary"),
    ]
    assert {row.created_at for row in rows[:4]} == {datetime(2026, 3, 1, 11, tzinfo=UTC)}
    assert {row.author_id for row in rows} == {"ada"} == set(users)
    assert len({row.content_hash for row in rows}) == len(rows)


def test_a_history_as_jira_writes_it() -> None:
    text = b'{"id":"5","created":1,"items":[{"field":"status","from":"1","fromString":"a","to":null,"toString":"b"}]}'
    history = msgspec.json.decode(text, type=wire.History, strict=False)
    [item] = history.items
    assert (item.from_value, item.from_text, item.to_value, item.to_text) == ("1", "a", None, "b")
    assert (item.field_id, item.fieldtype, history.author) == (None, None, None)


def test_an_account_seen_twice_alike_is_one_object_and_a_changed_one_another(
    parse: Parse, make_issue: MakeIssue
) -> None:
    ada = {"accountId": "ada", "displayName": "Ada", "timeZone": "UTC", "accountType": "atlassian", "active": False}
    first = parse(make_issue(assignee=ada, reporter=ada | {"displayName": "later in the answer"})).bundle.users["ada"]
    again = parse(make_issue(assignee=ada)).bundle.users["ada"]
    renamed = parse(make_issue(assignee=ada | {"displayName": "Ada L."})).bundle.users["ada"]
    assert again is first
    assert (first.display_name, first.active, first.time_zone, first.account_type) == ("Ada", False, "UTC", "atlassian")
    assert first.raw_jsonb == canonical(ada)
    assert renamed.display_name == "Ada L."


def test_remembered_accounts_are_bounded(monkeypatch: pytest.MonkeyPatch, parse: Parse, make_issue: MakeIssue) -> None:
    monkeypatch.setattr(accounts, "_MOST_ACCOUNTS", 1)
    first = parse(make_issue(assignee={"accountId": "ada"})).bundle.users["ada"]
    assert parse(make_issue(assignee={"accountId": "bo"})).bundle.users.keys() == {"bo"}
    again = parse(make_issue(assignee={"accountId": "ada"})).bundle.users["ada"]
    assert again is not first
    assert again == first
