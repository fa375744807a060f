"""Compare what the copy holds of an issue with what Jira answers.

Contents are compared, not remembered digests: every typed column, and the raw documents as JSON. A thing is an issue
(with its field values and sprints), a comment, a worklog, an attachment, a link, or a history entry with all its
changed fields; kinds carry the names of the copy's tables.
"""

from collections.abc import Callable, Iterable
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING

from digital_spiral.domain.entities.issue import (
    Attachment,
    Change,
    Comment,
    FieldValue,
    Issue,
    IssueBundle,
    IssueLink,
    Worklog,
)
from digital_spiral.domain.entities.sync import Difference, Finding
from digital_spiral.domain.services.digest import VOLATILE_FIELDS, VOLATILE_KEYS, canonical, decode

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

EMBEDDED_LISTS = frozenset({"comment", "worklog", "issuelinks", "attachment"})
"""Fields of an issue that hold its children, cut and in any state; the children are compared as themselves."""

KINDS = ("issues", "comments", "worklogs", "issue_links", "changelogs", "attachments")
"""The kinds of things, in the order in which they are reported."""

_JSON_COLUMNS = frozenset({"raw_jsonb", "description", "body"})
_ISSUE_FIELDS_LEFT_OUT = EMBEDDED_LISTS | VOLATILE_FIELDS

Content = tuple[object, ...]
Things = dict[int, Content]


def compare(source: IssueBundle | None, copy: IssueBundle | None) -> list[Finding]:
    """Every difference between an issue in Jira and in the copy.

    ``None`` says that this side does not have the issue; all its things then are missing, or extra. Worklogs are
    left out where Jira's side was not read (``source.worklogs`` is ``None``).
    """
    named = source or copy
    if named is None:
        return []
    theirs, ours = _things(source), _things(copy)
    if source is not None and source.worklogs is None:
        ours["worklogs"] = {}
    return [
        Finding(kind=kind, difference=difference, jira_id=str(jira_id), issue_key=named.issue.key)
        for kind in KINDS
        for jira_id, difference in _differences(theirs[kind], ours[kind])
    ]


def things(bundle: IssueBundle) -> dict[str, int]:
    """How many things the bundle holds, by kind; a link, which two issues may show, counts for each."""
    return {
        "issues": 1,
        "comments": len(bundle.comments),
        "worklogs": len(bundle.worklogs or ()),
        "issue_links": len(bundle.links),
        "changelogs": len({change.jira_id for change in bundle.changes}),
        "attachments": len(bundle.attachments),
    }


def _differences(theirs: Things, ours: Things) -> Iterable[tuple[int, Difference]]:
    for jira_id, content in theirs.items():
        if jira_id not in ours:
            yield jira_id, Difference.MISSING
        elif content != ours[jira_id]:
            yield jira_id, Difference.CHANGED
    for jira_id in ours:
        if jira_id not in theirs:
            yield jira_id, Difference.EXTRA


def _things(bundle: IssueBundle | None) -> dict[str, Things]:
    if bundle is None:
        return {kind: {} for kind in KINDS}
    return {
        "issues": {bundle.issue.jira_id: _issue_content(bundle)},
        "comments": {each.jira_id: _comment(each) for each in bundle.comments},
        "worklogs": {each.jira_id: _worklog(each) for each in bundle.worklogs or ()},
        "issue_links": {each.jira_id: _link(each) for each in bundle.links},
        "changelogs": _history_entries(bundle.changes),
        "attachments": {each.jira_id: _attachment(each) for each in bundle.attachments},
    }


def _issue_content(bundle: IssueBundle) -> Content:
    issue = bundle.issue
    return (
        _issue_columns(issue),
        _json(issue.description),
        _issue_document(issue.raw_jsonb),
        [_field_value(each) for each in sorted(bundle.field_values, key=attrgetter("field_id", "position"))],
        sorted((each.issue_id, each.sprint_id) for each in bundle.sprints),
    )


def _issue_document(text: bytes) -> bytes:
    document = decode(text)
    if not isinstance(document, dict):
        return canonical(document)
    lasting = {key: value for key, value in document.items() if key not in VOLATILE_KEYS}
    values = lasting.get("fields")
    if isinstance(values, dict):
        lasting["fields"] = {key: value for key, value in values.items() if key not in _ISSUE_FIELDS_LEFT_OUT}
    return canonical(lasting)


def _history_entries(changes: Iterable[Change]) -> Things:
    entries: dict[int, list[tuple[object, ...]]] = {}
    for change in sorted(changes, key=attrgetter("item")):
        entries.setdefault(change.jira_id, []).append(_change(change))
    return {jira_id: tuple(items) for jira_id, items in entries.items()}


def _json(text: bytes | None) -> bytes | None:
    return None if text is None else canonical(decode(text))


def _columns(row: type["DataclassInstance"]) -> Callable[[object], Content]:
    """A function that reads the columns of a row but its digest and its JSON documents."""
    names = [each.name for each in fields(row) if each.name != "content_hash" and each.name not in _JSON_COLUMNS]
    return attrgetter(*names)


_issue_columns = _columns(Issue)
_comment_columns = _columns(Comment)
_worklog_columns = _columns(Worklog)
_attachment = _columns(Attachment)
_link = _columns(IssueLink)
_change = _columns(Change)
_field_value = _columns(FieldValue)


def _comment(row: Comment) -> Content:
    return (_comment_columns(row), _json(row.body), _json(row.raw_jsonb))


def _worklog(row: Worklog) -> Content:
    return (_worklog_columns(row), _json(row.raw_jsonb))
