"""Histories of issues: one issue's in pages, and those of many at once."""

from collections.abc import Iterable
from heapq import nsmallest

import msgspec

from jira_emulator.call import Answer, Call, split_names
from jira_emulator.errors import JiraError, invalid_payload
from jira_emulator.model import Entry, Issue
from jira_emulator.operations import operation
from jira_emulator.paging import PageToken, decode_token, page_bean, query_digest, raws
from jira_emulator.stored import load, merge, split

_Row = tuple[int, int, int, Entry]
"""Created, issue id, history id, and the history."""


class BulkChangelogRequest(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The body of ``POST changelog/bulkfetch``, a closed schema."""

    issue_ids_or_keys: list[str]
    field_ids: list[str] | None = None
    max_results: int | None = None
    next_page_token: str | None = None


@operation("getChangeLogs")
def get_changelog(call: Call) -> Answer:
    """``GET issue/{issueIdOrKey}/changelog``: oldest first."""
    size = call.limits.issue_changelog_page
    return page_bean(call, raws(call.issue().histories), default=size, cap=size)


@operation("getBulkChangelogs")
def bulk_changelogs(call: Call) -> Answer:
    """``POST changelog/bulkfetch``.

    Histories are taken oldest first over all issues, so a page can hold part of an issue's histories and a later
    one the rest. Issues without histories, and unknown ones, do not appear.
    """
    request = call.body(BulkChangelogRequest)
    limits = call.limits
    size = limits.changelog_default if request.max_results is None else request.max_results
    wanted = frozenset(split_names(request.field_ids or []))
    ids = request.issue_ids_or_keys
    if not 1 <= len(ids) <= limits.changelog_ids or len(wanted) > limits.changelog_fields:
        raise invalid_payload()
    if not 1 <= size <= limits.changelog_max:
        raise invalid_payload()
    issues = {issue.id: issue for issue in map(call.site.find_issue, ids) if issue is not None}
    digest = query_digest(sorted(issues), sorted(wanted))
    after = _after(call, request.next_page_token, digest)
    rows = _rows(issues.values(), wanted, after)
    token = b""
    if len(rows) > size:
        rows = nsmallest(size, rows, key=_position)
        issued = PageToken(digest, call.site.now(), _position(rows[-1])).encode()
        token = b',"nextPageToken":"%b"' % issued.encode()
    return Answer(200, b'{"issueChangeLogs":[%b]%b}' % (_grouped(rows), token))


def _position(row: _Row) -> tuple[int, int, int]:
    return row[:3]


def _after(call: Call, token: str | None, digest: str) -> tuple[int | str, ...] | None:
    if not token:
        return None
    page = decode_token(token)
    if page is None or page.query != digest or call.site.now() - page.issued > call.limits.token_age:
        raise JiraError(400, "The provided next page token is invalid or expired.")
    return page.position


def _rows(issues: Iterable[Issue], wanted: frozenset[str], after: tuple[int | str, ...] | None) -> list[_Row]:
    rows = [(entry.created, issue.id, entry.id, entry) for issue in issues for entry in issue.histories]
    if after is not None:
        rows = [row for row in rows if row[:3] > after]
    if wanted:
        return [(*row[:3], kept) for row in rows if (kept := _filtered(row[3], wanted)) is not None]
    return rows


def _filtered(entry: Entry, wanted: frozenset[str]) -> Entry | None:
    """The history with only those items that change one of the wanted fields; ``None`` when there are none."""
    items = load(split(entry.body)["items"])
    kept = [item for item in items if _changes(item, wanted)] if isinstance(items, list) else []
    if not kept:
        return None
    return Entry(entry.id, entry.created, entry.updated, merge(entry.body, {"items": kept}))


def _changes(item: object, wanted: frozenset[str]) -> bool:
    """Whether the item changes a wanted field; items that do not name its id name the field itself."""
    return isinstance(item, dict) and (item.get("fieldId") or str(item.get("field")).lower()) in wanted


def _grouped(rows: list[_Row]) -> bytes:
    groups: dict[int, list[Entry]] = {}
    for row in rows:
        groups.setdefault(row[1], []).append(row[3])
    texts = []
    for issue_id in sorted(groups):
        entries = sorted(groups[issue_id], key=lambda entry: (entry.created, entry.id))
        histories = b",".join([entry.body for entry in entries])
        texts.append(b'{"issueId":"%d","changeHistories":[%b]}' % (issue_id, histories))
    return b",".join(texts)
