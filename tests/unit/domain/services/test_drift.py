"""Comparing an issue in Jira with the copy of it."""

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from digital_spiral.domain.entities.issue import (
    Attachment,
    Change,
    Comment,
    FieldValue,
    Issue,
    IssueBundle,
    IssueLink,
    IssueSprint,
    Worklog,
)
from digital_spiral.domain.entities.sync import Difference, Finding
from digital_spiral.domain.services.drift import KINDS, compare, things

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
ISSUE_ID = 10_001
JSON_COLUMNS = ("raw_jsonb", "description", "body")
Row = TypeVar("Row")
TEXT = st.text(max_size=8)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
JSON_TEXTS = st.builds(lambda value: json.dumps({"type": "doc", "content": value}).encode(), JSON_VALUES)
INSTANTS = st.builds(lambda seconds: NOON + timedelta(seconds=seconds), st.integers(0, 10**8))
SAMPLES: dict[str, st.SearchStrategy[object]] = {
    "str": TEXT,
    "str | None": st.none() | TEXT,
    "int": st.integers(1, 10**6),
    "int | None": st.none() | st.integers(1, 10**6),
    "float | None": st.none() | st.floats(allow_nan=False),
    "bool": st.booleans(),
    "datetime": INSTANTS,
    "datetime | None": st.none() | INSTANTS,
    "date | None": st.none() | st.dates(date(2000, 1, 1)),
    "list[str]": st.lists(TEXT, max_size=3),
    "list[int]": st.lists(st.integers(1, 9), max_size=3),
    "bytes": st.binary(max_size=4),
}


def values_of(field: dataclasses.Field[object]) -> st.SearchStrategy[object]:
    """Values for a field of a row, by the name of its type."""
    if field.name in JSON_COLUMNS:
        return JSON_TEXTS if field.name == "raw_jsonb" else st.none() | JSON_TEXTS
    return SAMPLES[type_name(field)]


def type_name(field: dataclasses.Field[object]) -> str:
    """The type of a field as its class spells it."""
    kind = field.type
    name = kind.__name__ if isinstance(kind, type) and not str(kind).startswith("list[") else str(kind)
    return name.replace("datetime.datetime", "datetime").replace("datetime.date", "date")


USUAL: dict[str, object] = {
    "str": "text",
    "int": 5,
    "bool": False,
    "datetime": NOON,
    "list[str]": ["b", "a"],
    "list[int]": [2, 1],
    "bytes": b"",
}


def row(kind: type[Row], **given: object) -> Row:
    """A row with the given attributes and usual ones."""
    chosen = {
        field.name: given.get(field.name, USUAL.get(type_name(field)))
        for field in dataclasses.fields(kind)  # type: ignore[arg-type]
    }
    return kind(**chosen)


IDS = st.lists(st.integers(1, 99), max_size=2, unique=True)


@st.composite
def bundles(draw: st.DrawFn) -> IssueBundle:
    """Issues with any number of children and any documents."""
    document, text = draw(JSON_TEXTS), draw(st.none() | JSON_TEXTS)

    def some(kind: type[Row], **given: object) -> list[Row]:
        documents = {"raw_jsonb": document, "body": text, "issue_id": ISSUE_ID}
        return [row(kind, **documents | {"jira_id": each} | given) for each in draw(IDS)]

    return IssueBundle(
        issue=row(Issue, jira_id=ISSUE_ID, key="DEMO-1", raw_jsonb=document, description=text),
        comments=some(Comment),
        worklogs=some(Worklog),
        attachments=some(Attachment),
        links=some(IssueLink, source_id=ISSUE_ID),
        changes=[each for item in (0, 1) for each in some(Change, item=item)],
        field_values=[row(FieldValue, issue_id=ISSUE_ID, field_id=f"field_{each}", position=0) for each in draw(IDS)],
        sprints=[IssueSprint(issue_id=ISSUE_ID, sprint_id=each) for each in draw(IDS)],
    )


def reprinted(text: bytes | None) -> bytes | None:
    """The same JSON as another program prints it."""
    if text is None:
        return None
    decoded = json.loads(text)
    return json.dumps(dict(reversed(decoded.items())), indent=1, ensure_ascii=False).encode("utf-8", "surrogatepass")


def twin(bundle: IssueBundle) -> IssueBundle:
    """An equal bundle as the store gives it back: other order, other print, other digests."""

    def again(original: Row) -> Row:
        changes: dict[str, object] = {
            name: reprinted(getattr(original, name)) for name in JSON_COLUMNS if hasattr(original, name)
        }
        if hasattr(original, "content_hash"):
            changes["content_hash"] = b"another"
        return dataclasses.replace(original, **changes)  # type: ignore[type-var]

    lists = ("comments", "worklogs", "attachments", "links", "changes", "field_values", "sprints")
    copy = dataclasses.replace(bundle, issue=again(bundle.issue))
    for name in lists:
        setattr(copy, name, [again(each) for each in reversed(getattr(bundle, name))])
    return copy


@given(bundles())
def test_an_equal_copy_has_no_finding_however_it_is_stored(bundle: IssueBundle) -> None:
    assert compare(bundle, twin(bundle)) == []


PLACES: list[tuple[str, str]] = [
    ("issues", "issue"),
    ("comments", "comments"),
    ("worklogs", "worklogs"),
    ("issue_links", "links"),
    ("changelogs", "changes"),
    ("attachments", "attachments"),
    ("issues", "field_values"),
    ("issues", "sprints"),
]
IDENTITY = {"jira_id", "item", "position", "field_id", "content_hash"}


@given(st.data())
def test_any_single_changed_attribute_is_exactly_one_finding(data: st.DataObject) -> None:
    bundle = data.draw(bundles())
    copy = twin(bundle)
    kind, attribute = data.draw(st.sampled_from(PLACES))
    held = getattr(copy, attribute)
    assume(held)
    changed = held if attribute == "issue" else data.draw(st.sampled_from(held))
    field = data.draw(st.sampled_from([f for f in dataclasses.fields(changed) if f.name not in IDENTITY]))
    old = getattr(changed, field.name)
    json_column = field.name in JSON_COLUMNS

    def differs(value: object) -> bool:
        if json_column:
            return json_of(value) != json_of(old)
        return bool(value != old)

    setattr(changed, field.name, data.draw(values_of(field).filter(differs)))
    jira_id = ISSUE_ID if kind == "issues" else changed.jira_id
    assert compare(bundle, copy) == [Finding(kind, Difference.CHANGED, str(jira_id), "DEMO-1")]


def json_of(text: object) -> str | None:
    """A JSON text with one spelling of everything that is equal, and of nothing else."""
    if not isinstance(text, bytes):
        return None

    def number(value: str) -> object:
        return int(float(value)) if float(value).is_integer() else float(value)

    return json.dumps(json.loads(text, parse_float=number), sort_keys=True)


@given(st.data())
def test_a_child_on_one_side_only_is_exactly_one_finding(data: st.DataObject) -> None:
    bundle = data.draw(bundles())
    kind, attribute = data.draw(st.sampled_from([place for place in PLACES if place[0] != "issues"]))
    children = getattr(bundle, attribute)
    assume(children)
    lost = data.draw(st.sampled_from(children)).jira_id
    poorer = twin(bundle)
    setattr(poorer, attribute, [row for row in getattr(poorer, attribute) if row.jira_id != lost])
    assert compare(bundle, poorer) == [Finding(kind, Difference.MISSING, str(lost), "DEMO-1")]
    assert compare(poorer, bundle) == [Finding(kind, Difference.EXTRA, str(lost), "DEMO-1")]


@given(bundles())
def test_an_issue_on_one_side_only_takes_all_its_things_with_it(bundle: IssueBundle) -> None:
    missing, extra = compare(bundle, None), compare(None, bundle)
    counted = things(bundle)
    assert {kind: sum(each.kind == kind for each in missing) for kind in KINDS} == counted
    assert {each.difference for each in missing} == {Difference.MISSING}
    assert [(each.kind, each.jira_id) for each in extra] == [(each.kind, each.jira_id) for each in missing]
    assert {each.difference for each in extra} == {Difference.EXTRA}


def test_nothing_on_either_side_is_no_finding() -> None:
    assert compare(None, None) == []


@given(bundles())
def test_worklogs_that_were_not_read_are_not_compared(bundle: IssueBundle) -> None:
    unread = twin(bundle)
    unread.worklogs = None
    assert compare(unread, bundle) == []
    assert things(unread)["worklogs"] == 0


def issue_with(document: object) -> IssueBundle:
    """An issue whose raw document is this one."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    issue = row(Issue, jira_id=ISSUE_ID, key="DEMO-1", raw_jsonb=text)
    return IssueBundle(issue=issue, worklogs=[])


SAME: list[tuple[str, object, object]] = [
    ("numbers of one value", b'{"fields":{"a":1E+2,"b":1.50}}', b'{"fields":{"a":100,"b":1.5}}'),
    ("what the reader may expand", {"expand": "names", "fields": {}}, {"expand": "schema", "fields": {}}),
    ("when the reader looked", {"fields": {"lastViewed": "1"}}, {"fields": {"lastViewed": "2"}}),
    ("embedded comments", {"fields": {"comment": {"total": 1}}}, {"fields": {"comment": {"total": 2}}}),
    ("embedded worklogs", {"fields": {"worklog": {"total": 1}}}, {"fields": {}}),
    ("embedded links", {"fields": {"issuelinks": [1]}}, {"fields": {"issuelinks": []}}),
    ("embedded attachments", {"fields": {"attachment": [1]}}, {"fields": {"attachment": []}}),
]
DIFFERENT: list[tuple[str, object, object]] = [
    ("a number and a truth", b'{"fields":{"a":1}}', b'{"fields":{"a":true}}'),
    ("a field that is null and none", {"fields": {"a": None}}, {"fields": {}}),
    ("order of a list", {"fields": {"a": [1, 2]}}, {"fields": {"a": [2, 1]}}),
    ("a field of the name of a volatile key", {"fields": {"expand": 1}}, {"fields": {"expand": 2}}),
    ("fields that are no object", {"fields": [1]}, {"fields": [2]}),
    ("a document that is no object", [1], [2]),
]


def named(cases: list[tuple[str, object, object]]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return pytest.mark.parametrize(("theirs", "ours"), [case[1:] for case in cases], ids=[case[0] for case in cases])


@named(SAME)
def test_what_says_nothing_of_the_issue_is_no_difference(theirs: object, ours: object) -> None:
    assert compare(issue_with(theirs), issue_with(ours)) == []


@named(DIFFERENT)
def test_documents_differ_by_content(theirs: object, ours: object) -> None:
    expected = [Finding("issues", Difference.CHANGED, str(ISSUE_ID), "DEMO-1")]
    assert compare(issue_with(theirs), issue_with(ours)) == expected


def test_a_link_counts_at_either_end() -> None:
    link = row(IssueLink, jira_id=7, source_id=ISSUE_ID, target_id=2)
    source = issue_with({})
    source.links = [link, dataclasses.replace(link, jira_id=8, source_id=2, target_id=ISSUE_ID)]
    assert things(source) == dict.fromkeys(KINDS, 0) | {"issues": 1, "issue_links": 2}
