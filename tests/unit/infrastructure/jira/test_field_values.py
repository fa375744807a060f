from datetime import UTC, datetime

import pytest

from digital_spiral.domain.entities.issue import FieldValue
from digital_spiral.domain.entities.metadata import CustomField
from digital_spiral.domain.entities.user import User
from digital_spiral.domain.errors import UnreadableAnswer
from digital_spiral.infrastructure.external.jira.accounts import Accounts
from digital_spiral.infrastructure.external.jira.field_values import (
    RANK,
    SPRINT,
    STORY_POINTS,
    FieldCatalogue,
    FieldValues,
)

ID = "customfield_10100"
Row = tuple[int, str | None, str | None, float | None, datetime | None]


def custom(field_id: str, name: str, kind: str, key: str = "app:any", items: str | None = None) -> CustomField:
    return CustomField(
        jira_id=field_id,
        name=name,
        schema_type=kind,
        schema_items=items,
        schema_custom=key,
        raw_jsonb=b"{}",
        content_hash=b"",
    )


def reader(*fields: CustomField) -> FieldValues:
    return FieldValues(FieldCatalogue.of(fields), Accounts())


def rows_of(value: object, *fields: CustomField, users: dict[str, User] | None = None) -> list[Row]:
    rows = reader(*fields).rows(7, {ID: value}, {} if users is None else users)
    assert all(row.issue_id == 7 and row.field_id == ID for row in rows)
    return [(row.position, row.value_text, row.value_id, row.value_number, row.value_time) for row in rows]


def test_scalars() -> None:
    assert rows_of(3) == [(0, None, None, 3.0, None)]
    assert rows_of(2.5) == [(0, None, None, 2.5, None)]
    assert rows_of("words") == [(0, "words", None, None, None)]
    assert rows_of(True) == [(0, "true", None, None, None)]
    assert rows_of(None) == []
    assert rows_of([]) == []


def test_a_number_too_large_for_its_column_stays_as_text() -> None:
    assert rows_of(10**400) == [(0, str(10**400), None, None, None)]


def test_dates_are_told_from_text_by_their_schema() -> None:
    midnight = datetime(2026, 3, 1, tzinfo=UTC)
    assert rows_of("2026-03-01", custom(ID, "Target", "date")) == [(0, "2026-03-01", None, None, midnight)]
    assert rows_of("2026-03-01", custom(ID, "Text", "string")) == [(0, "2026-03-01", None, None, None)]
    at = datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert rows_of("2026-03-01T10:00:00.000+0100", custom(ID, "At", "datetime")) == [(0, None, None, None, at)]
    assert rows_of(["2026-03-01T10:00:00.000+0100"], custom(ID, "At", "array", items="datetime"))[0][4] == at
    assert rows_of("at noon", custom(ID, "At", "datetime")) == [(0, "at noon", None, None, None)]
    assert rows_of("", custom(ID, "Target", "date")) == [(0, "", None, None, None)]


def test_things_with_an_id() -> None:
    users: dict[str, User] = {}
    assert rows_of({"accountId": "ada", "displayName": "Ada"}, users=users) == [(0, "Ada", "ada", None, None)]
    assert users["ada"].display_name == "Ada"
    assert rows_of({"id": "1", "value": "High"}) == [(0, "High", "1", None, None)]
    assert rows_of({"id": 5, "name": "2.0"}) == [(0, "2.0", "5", None, None)]
    assert rows_of({"groupId": "g-1", "name": "admins"}) == [(0, "admins", "g-1", None, None)]


def test_lists_have_a_row_per_value() -> None:
    value = [{"id": "1", "value": "A"}, "loose", {"id": "2", "value": "B"}]
    assert [(row[0], row[1]) for row in rows_of(value)] == [(0, "A"), (1, "loose"), (2, "B")]


def test_a_cascading_option_has_a_row_for_parent_and_child() -> None:
    value = {"id": "1", "value": "Platform", "child": {"id": "2", "value": "API"}}
    assert rows_of(value) == [(0, "Platform", "1", None, None), (1, "API", "2", None, None)]


def test_rich_text_is_read_as_text_and_the_unknown_kept_as_json() -> None:
    rich = {"type": "doc", "version": 1, "content": [{"type": "text", "text": "rich"}]}
    assert rows_of(rich) == [(0, "rich", None, None, None)]
    assert rows_of({"b": 1, "a": [2]}) == [(0, '{"a":[2],"b":1}', None, None, None)]
    assert rows_of([[1, 2]]) == [(0, "[1,2]", None, None, None)]


def test_labels_and_other_fields() -> None:
    rows = reader().rows(7, {"labels": ["b", "a"], "summary": "no custom field"}, {})
    assert rows == [
        FieldValue(issue_id=7, field_id="labels", position=0, value_text="b"),
        FieldValue(issue_id=7, field_id="labels", position=1, value_text="a"),
    ]


def test_sprint_and_rank_are_no_values() -> None:
    read = reader(custom(ID, "Sprint", "array", SPRINT), custom("customfield_2", "Rank", "any", RANK))
    fields: dict[str, object] = {ID: [{"id": 4, "name": "S"}, {"id": 3}, {"id": 4}], "customfield_2": "0|i0003r:"}
    assert read.rows(7, fields, {}) == []
    assert [row.sprint_id for row in read.sprints(7, fields)] == [4, 3]
    with pytest.raises(UnreadableAnswer, match="sprint"):
        read.sprints(7, {ID: ["com.atlassian.greenhopper"]})


def test_story_points_come_from_the_likeliest_field_that_has_some() -> None:
    read = reader(
        custom("customfield_1", "Story point estimate", "number"),
        custom("customfield_2", "story points", "number"),
        custom("customfield_3", "Story Points", "string"),
        custom("customfield_4", "Points", "number", STORY_POINTS),
    )
    assert read.story_points({"customfield_1": 1, "customfield_2": 2, "customfield_4": 4.5}) == 4.5
    assert read.story_points({"customfield_1": 1, "customfield_2": 2, "customfield_4": None}) == 2.0
    assert read.story_points({"customfield_1": 1, "customfield_3": "5"}) == 1.0
    assert read.story_points({"customfield_1": True}) is None
