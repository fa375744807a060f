"""Worklogs: pages of one issue's, the feeds of changed and deleted ones, any by id, and their changes."""

from collections.abc import Iterable
from itertools import takewhile

import msgspec

from jira_emulator import children
from jira_emulator.call import Answer, Call, no_content, ok
from jira_emulator.errors import JiraError, invalid_payload
from jira_emulator.model import Entry, Issue
from jira_emulator.operations import operation
from jira_emulator.paging import entry_page, raws
from jira_emulator.wire import BASE, Json, parse_timestamp


class IdList(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``worklog/list``, a closed schema."""

    ids: list[int]


class WorklogBody(msgspec.Struct, rename="camel"):
    """The body of a worklog to add, an open schema."""

    started: str | None = None
    time_spent_seconds: int | None = None
    time_spent: str | None = None
    comment: Json | None = None


class _Started(msgspec.Struct):
    started: str


@operation("getIssueWorklog")
def get_worklogs(call: Call) -> Answer:
    """``GET issue/{issueIdOrKey}/worklog``, optionally those started between two instants."""
    entries = call.issue().worklogs
    after, before = call.number("startedAfter", -1), call.number("startedBefore", -1)
    if after >= 0 or before >= 0:
        entries = [entry for entry in entries if after <= _started(entry) and (before < 0 or _started(entry) < before)]
    start, size = call.page(call.limits.worklog_default, call.limits.worklog_default)
    return entry_page("worklogs", entries, start, size)


@operation("getWorklog")
def get_worklog(call: Call) -> Answer:
    """``GET issue/{issueIdOrKey}/worklog/{id}``."""
    return Answer(200, _find(call, call.issue()).body)


@operation("addWorklog")
def add_worklog(call: Call) -> Answer:
    """``POST issue/{issueIdOrKey}/worklog``; moves the issue's ``updated``."""
    issue, author = call.issue(), call.account()
    request = call.body(WorklogBody)
    seconds = request.time_spent_seconds
    if seconds is None and request.time_spent is not None:
        seconds = children.read_duration(request.time_spent)
    if seconds is None or seconds < 60:
        raise JiraError(400, fields={"timeLogged": "You must specify the time spent."})
    started = call.site.now() if request.started is None else parse_timestamp(request.started)
    if started is None:
        raise invalid_payload()
    entry = children.add_worklog(call.site, issue, author, started, seconds, request.comment)
    return Answer(201, entry.body)


@operation("deleteWorklog")
def delete_worklog(call: Call) -> Answer:
    """``DELETE issue/{issueIdOrKey}/worklog/{id}``: it then shows in ``worklog/deleted``."""
    issue = call.issue()
    call.account()
    children.delete_worklog(call.site, issue, _find(call, issue))
    return no_content()


@operation("getIdsOfWorklogsModifiedSince")
def updated_worklogs(call: Call) -> Answer:
    """``GET worklog/updated``."""
    entries = ((entry.updated, entry.id) for issue in call.site.issues.values() for entry in issue.worklogs)
    return _feed(call, entries)


@operation("getIdsOfWorklogsDeletedSince")
def deleted_worklogs(call: Call) -> Answer:
    """``GET worklog/deleted``."""
    return _feed(call, ((tombstone.deleted, tombstone.id) for tombstone in call.site.deleted_worklogs))


@operation("getWorklogsForIds")
def worklogs_by_ids(call: Call) -> Answer:
    """``POST worklog/list``: a bare array of those that exist, in ascending order of id."""
    wanted = set(call.body(IdList).ids)
    if len(wanted) > call.limits.list_ids:
        raise invalid_payload()
    found = [entry for issue in call.site.issues.values() for entry in issue.worklogs if entry.id in wanted]
    found.sort(key=lambda entry: entry.id)
    return ok(raws(found))


def _feed(call: Call, changes: Iterable[tuple[int, int]]) -> Answer:
    """A page of what happened after ``since``, oldest first, without the minute before the request.

    Entries that share the page's last millisecond come along beyond the page size, so that going on from ``until``
    loses none.
    """
    since = call.number("since", 0)
    newest = call.site.now() - call.limits.worklog_feed_lag
    found = sorted(change for change in changes if since < change[0] <= newest)
    size = call.limits.worklog_feed_page
    page = found[:size]
    if page:
        page += takewhile(lambda change: change[0] == page[-1][0], found[size:])
    last = len(page) == len(found)
    until = page[-1][0] if page else since
    shape: Json = {
        "values": [{"worklogId": number, "updatedTime": instant, "properties": []} for instant, number in page],
        "since": since,
        "until": until,
        "self": f"{BASE}{call.path}?since={since}",
        "lastPage": last,
    }
    if not last:
        shape["nextPage"] = f"{BASE}{call.path}?since={until}"
    return ok(shape)


def _started(entry: Entry) -> int:
    return parse_timestamp(msgspec.json.decode(entry.body, type=_Started).started) or 0


def _find(call: Call, issue: Issue) -> Entry:
    wanted = call.arguments["id"]
    for entry in issue.worklogs:
        if str(entry.id) == wanted:
            return entry
    raise JiraError(404, f"Cannot find worklog with id: '{wanted}'.")
