"""Changes of what hangs on an issue: comments, worklogs, links and histories.

Functions that people's requests lead to move the issue's ``updated`` as Jira does; ``silent`` ones, and those
named ``drift`` and ``remove``, serve the control door and do not.
"""

import re

from jira_emulator import wire
from jira_emulator.edits import linked_ids, patch, stored_field, touch
from jira_emulator.model import Entry, Issue, User
from jira_emulator.site import Site, Tombstone
from jira_emulator.stored import dump, load, merge, split
from jira_emulator.wire import BASE, Json

_SECONDS = {"w": 5 * 8 * 3600, "d": 8 * 3600, "h": 3600, "m": 60}
_DURATION = re.compile(r"(\d+)\s*([wdhm])")


def add_comment(
    site: Site, issue: Issue, author: User, document: Json, visibility: Json | None = None, *, silent: bool = False
) -> Entry:
    """Add a comment; ``silent`` leaves the issue's ``updated`` alone."""
    number, now = site.next_id(), site.now()
    person = wire.user(author)
    body: Json = {
        "self": f"{BASE}/rest/api/3/issue/{issue.id}/comment/{number}",
        "id": str(number),
        "author": person,
        "body": document,
        "updateAuthor": person,
        "created": wire.timestamp(now, site.zone),
        "updated": wire.timestamp(now, site.zone),
        "jsdPublic": True,
    }
    if visibility is not None:
        body["visibility"] = visibility
    entry = Entry(number, now, now, dump(body))
    issue.comments.append(entry)
    if not silent:
        touch(site, issue, now)
    return entry


def edit_comment(site: Site, issue: Issue, entry: Entry, author: User, document: Json, *, silent: bool = False) -> None:
    """Change a comment's text; ``silent`` leaves both ``updated`` alone."""
    changes: Json = {"body": document}
    if not silent:
        entry.updated = site.now()
        changes |= {"updateAuthor": wire.user(author), "updated": wire.timestamp(entry.updated, site.zone)}
        touch(site, issue, entry.updated)
    entry.body = merge(entry.body, changes)


def delete_comment(site: Site, issue: Issue, entry: Entry, *, silent: bool = False) -> None:
    """Delete a comment, of which nothing tells."""
    issue.comments.remove(entry)
    if not silent:
        touch(site, issue, site.now())


def add_worklog(site: Site, issue: Issue, author: User, started: int, seconds: int, comment: Json | None) -> Entry:
    """Log work; the issue's time spent follows."""
    number, now = site.next_id(), site.now()
    person = wire.user(author)
    body: Json = {
        "self": f"{BASE}/rest/api/3/issue/{issue.id}/worklog/{number}",
        "author": person,
        "updateAuthor": person,
        "created": wire.timestamp(now, site.zone),
        "updated": wire.timestamp(now, site.zone),
        "started": wire.timestamp(started, site.zone),
        "timeSpent": write_duration(seconds),
        "timeSpentSeconds": seconds,
        "id": str(number),
        "issueId": str(issue.id),
    }
    if comment is not None:
        body["comment"] = comment
    entry = Entry(number, now, now, dump(body))
    issue.worklogs.append(entry)
    _add_time_spent(issue, seconds)
    touch(site, issue, now)
    return entry


def delete_worklog(site: Site, issue: Issue, entry: Entry, *, silent: bool = False) -> None:
    """Delete a worklog; it becomes a tombstone. ``silent`` leaves the issue itself alone."""
    now = site.now()
    issue.worklogs.remove(entry)
    site.deleted_worklogs.append(Tombstone(entry.id, now))
    if not silent:
        _add_time_spent(issue, -_seconds(entry))
        touch(site, issue, now)


def drift_worklog(entry: Entry, seconds: int) -> None:
    """Change a worklog's time spent behind Jira's back."""
    entry.body = merge(entry.body, {"timeSpent": write_duration(seconds), "timeSpentSeconds": seconds})


def remove_link(site: Site, issue: Issue, link_id: str) -> bool:
    """Remove a link from both its issues behind Jira's back; whether there was one."""
    links = _links(issue)
    removed = next((link for link in links if link["id"] == link_id), None)
    if removed is None:
        return False
    others = [site.issues.get(number) for number in linked_ids(removed)]
    for end in (issue, *others):
        if end is not None:
            patch(end, {"issuelinks": [link for link in _links(end) if link["id"] != link_id]})
    return True


def write_duration(seconds: int) -> str:
    """Seconds as Jira words them, with days of 8 hours and weeks of 5 days: ``1d 2h 30m``."""
    parts: list[str] = []
    for unit, length in _SECONDS.items():
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0m"


def read_duration(text: str) -> int | None:
    """The seconds of a duration such as ``1d 2h``; ``None`` when it is none."""
    parts = _DURATION.findall(text)
    if not parts or _DURATION.sub("", text).strip():
        return None
    return sum(int(count) * _SECONDS[unit] for count, unit in parts)


def _links(issue: Issue) -> list[Json]:
    found = stored_field(issue, "issuelinks")
    return found if isinstance(found, list) else []


def _seconds(entry: Entry) -> int:
    return int(str(load(split(entry.body)["timeSpentSeconds"])))


def _add_time_spent(issue: Issue, seconds: int) -> None:
    before = stored_field(issue, "timespent")
    total = max(0, (before if isinstance(before, int) else 0) + seconds)
    patch(issue, {"timespent": total or None})
