"""The parts of the loader: values of any shape, accounts, custom fields, sprints."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jira_emulator.load.custom_fields import CustomFields
from jira_emulator.load.shapes import decode, encode, instant, number, resource_id
from jira_emulator.load.sprints import Sprints, holds_sprints
from jira_emulator.load.users import Users
from jira_emulator.model import Project
from jira_emulator.site import Site

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(categories=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2012-05-16T07:56:13.000+0000", 1_337_154_973_000),
        ("2012-05-16T09:56:13.007+0200", 1_337_154_973_007),
        ("2015-02-02T15:53:51.937Z", 1_422_892_431_937),
        ("2012-05-16", 1_337_126_400_000),
        ("yesterday", None),
        ("0001-01-01T00:00:00.000+0000", None),
        ("", None),
        (5, None),
        (None, None),
    ],
)
def test_instants(text: object, expected: int | None) -> None:
    assert instant(text) == expected


@pytest.mark.parametrize(("value", "expected"), [(7, 7), ("7", 7), ("x7", None), (True, None), ("²", None), ([], None)])
def test_numbers(value: object, expected: int | None) -> None:
    assert number(value) == expected
    assert resource_id(value) == (None if expected is None else str(expected))


@given(JSON_VALUES)
def test_json_survives_decoding_and_encoding(value: object) -> None:
    assert json.loads(encode(decode(json.dumps(value).encode()))) == value


def test_a_lone_surrogate_is_kept() -> None:
    line = b'{"a": ["x\\ud800", {"b": "y"}]}'
    assert json.loads(encode(decode(line))) == {"a": ["x\ud800", {"b": "y"}]}


@pytest.mark.parametrize("line", [b"{", b"\xff", b""])
def test_what_is_not_json_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode(line)


def test_one_account_however_it_is_named() -> None:
    site = Site()
    users = Users(site)
    server = users.account({"name": "ann", "key": "JIRAUSER1", "displayName": "Ann A", "timeZone": "Asia/Tokyo"})
    assert server is not None
    assert users.account({"name": "ann"}) is server
    assert users.account({"key": "JIRAUSER1", "displayName": "Ann B"}) is server
    assert users.named("ann") is users.named("JIRAUSER1") is users.named(server.account_id) is server
    assert (server.display_name, server.time_zone, server.active) == ("Ann A", "Asia/Tokyo", True)
    assert list(site.users) == [server.account_id]


def test_account_ids_are_kept_or_derived_always_the_same() -> None:
    raw = {"key": "bo", "name": "bo", "displayName": "Bo", "active": False}
    [first, second] = [Users(Site()).account(raw) for _ in range(2)]
    assert first == second
    assert first is not None
    assert not first.active
    cloud = Users(Site()).account({"accountId": "557058:abc", "displayName": "Cy", "emailAddress": "cy@example.org"})
    assert cloud is not None
    assert (cloud.account_id, cloud.email) == ("557058:abc", "cy@example.org")


def test_namesakes_are_different_people() -> None:
    users = Users(Site())
    first = users.account({"accountId": "1", "displayName": "Sam"})
    others = [
        {"accountId": "2", "displayName": "Sam"},
        {"key": "3", "displayName": "Sam"},
        {"name": "4", "displayName": "Sam"},
    ]
    accounts = [first, *(users.account(other) for other in others)]
    assert len({account.account_id for account in accounts if account is not None}) == 4
    assert users.account({"displayName": "Sam"}) is first


@pytest.mark.parametrize("raw", [None, {}, "ann", {"displayName": ""}])
def test_nobody_is_nobody(raw: object) -> None:
    site = Site()
    assert Users(site).account(raw) is None
    assert site.users == {}


def test_about_half_of_the_accounts_show_an_address_of_their_own() -> None:
    site = Site()
    users = Users(site)
    for number_ in range(400):
        users.account({"name": f"user {number_ % 350}", "key": f"k{number_}", "displayName": "X"})
    emails = [user.email for user in site.users.values() if user.email is not None]
    assert 100 < len(emails) < 300
    assert len(set(emails)) == len(emails)
    assert all(email.endswith("@example.com") and " " not in email for email in emails)


@pytest.mark.parametrize(
    ("value", "kind", "custom", "items"),
    [
        (1.5, "number", "float", None),
        ("plain", "string", "textfield", None),
        ("2020-01-31", "date", "datepicker", None),
        ({"value": "A", "id": "1"}, "option", "select", None),
        ({"value": "A", "child": {"value": "B"}}, "option-with-child", "cascadingselect", None),
        ([{"value": "A"}], "array", "multicheckboxes", "option"),
        (["a"], "array", "labels", "string"),
        ({"type": "doc", "version": 1, "content": []}, "string", "textarea", None),
        ({"name": "ann", "displayName": "Ann"}, "user", "userpicker", None),
        ([{"accountId": "1", "displayName": "Ann"}], "array", "multiuserpicker", "user"),
        (None, "string", "textfield", None),
    ],
)
def test_the_kind_of_a_custom_field_shows_in_its_value(
    value: object, kind: str, custom: str, items: str | None
) -> None:
    site = Site()
    fields = CustomFields(site, Users(site))
    fields.collect({"customfield_123": value, "summary": "x"})
    fields.register_empty()
    schema = site.fields["customfield_123"].schema
    assert (schema["type"], schema.get("items"), schema["customId"]) == (kind, items, 123)
    assert schema["custom"] == f"com.atlassian.jira.plugin.system.customfieldtypes:{custom}"


def test_custom_values_speak_of_this_site() -> None:
    site = Site()
    found = CustomFields(site, Users(site)).collect(
        {
            "customfield_1": {"self": "https://jira.example.org/jira/rest/api/2/customFieldOption/5", "value": "A"},
            "customfield_2": "2012-05-16T09:56:13.000+0200",
            "customfield_3": [{"name": "ann", "displayName": "Ann"}],
        }
    )
    values = orjson.loads(orjson.dumps(found))
    assert values["customfield_1"]["self"] == "http://emulator.invalid/rest/api/2/customFieldOption/5"
    assert values["customfield_2"] == "2012-05-16T07:56:13.000+0000"
    assert values["customfield_3"][0]["accountId"] in site.users


SERVER_SPRINT = (
    "com.atlassian.greenhopper.service.sprint.Sprint@1f[id=8,rapidViewId=3,state=CLOSED,name=One, two,"
    "startDate=2015-02-02T15:53:51.937Z,endDate=<null>,goal=]"
)


def test_sprints_are_found_wherever_they_stand() -> None:
    site = Site(projects={"1": Project("1", "A", "A"), "2": Project("2", "B", "B")})
    sprints = Sprints(site)
    fields: dict[str, object] = {
        "closedSprints": [
            {"id": 1, "state": "closed", "name": "S1"},
            {"id": 1, "state": "closed", "name": "S1"},
            "odd",
        ],
        "sprint": {"id": 2, "state": "active", "name": "S2", "originBoardId": 40},
        "customfield_10": [SERVER_SPRINT],
        "customfield_11": ["no sprint"],
        "customfield_10020": [{"id": 9, "state": "future", "name": "S9", "boardId": 40}, {"id": 10, "state": "lost"}],
    }
    found = sprints.note(fields, "1")
    assert [(sprint.id, sprint.name, sprint.state) for sprint in found] == [
        (1, "S1", "closed"),
        (2, "S2", "active"),
        (8, "One, two", "closed"),
        (9, "S9", "future"),
    ]
    sprints.settle_boards()
    assert {sprint.board_id for sprint in found if sprint.id in (2, 9)} == {40}
    assert {board.project_id for board in site.boards.values()} == {"1", "2"}
    assert site.sprints[1].board_id not in (0, 3, 40)
    shapes = orjson.loads(orjson.dumps(sprints.shapes(found)))
    assert shapes[2] == {
        "id": 8,
        "name": "One, two",
        "state": "closed",
        "boardId": 3,
        "goal": "",
        "startDate": "2015-02-02T15:53:51.937Z",
    }
    assert sprints.shapes([]) is None
    assert not holds_sprints([{"id": 1, "name": "x", "state": "open"}])
