"""Comments, worklogs and histories of an issue, as the entries the site keeps."""

from zoneinfo import ZoneInfo

from jira_emulator import history
from jira_emulator.load.shapes import an_object, encode, instant, number, objects, text
from jira_emulator.load.survey import Survey, source_histories
from jira_emulator.load.users import Users
from jira_emulator.model import Entry
from jira_emulator.wiki import to_adf
from jira_emulator.wire import BASE, Json, timestamp

_PEOPLE_FIELDS = frozenset({"assignee", "reporter", "creator"})


def document(value: object, users: Users) -> object:
    """Rich text as ADF: wiki text is converted, a document kept; ``None`` where there is no text."""
    if isinstance(value, str):
        return to_adf(value, users.named) if value else None
    return value if isinstance(value, dict) else None


def comments(fields: Json, issue_id: int, created: int, survey: Survey) -> list[Entry]:
    """The comments inside an issue, oldest first; without a time of its own one counts as old as its issue."""
    raw_comments = objects(an_object(fields.get("comment")).get("comments"))
    return _in_order([_comment(raw, issue_id, created, survey) for raw in raw_comments])


def worklogs(fields: Json, issue_id: int, created: int, survey: Survey) -> list[Entry]:
    """The worklogs inside an issue, oldest first."""
    raw_worklogs = objects(an_object(fields.get("worklog")).get("worklogs"))
    return _in_order([_worklog(raw, issue_id, created, survey) for raw in raw_worklogs])


def histories(issue: Json, created: int, survey: Survey) -> list[Entry]:
    """The histories an issue brings along, oldest first."""
    return _in_order([_history(raw, created, survey) for raw in source_histories(issue)])


def synthesised(present: history.Present, survey: Survey, seed: int) -> list[Entry]:
    """Invented histories that lead to the issue's present state."""
    entries = []
    for change in history.synthesise(present, seed, survey.history_ids):
        author = None if change.author is None else survey.registry.users.shape_of(change.author)
        shape = history.wire_shape(change, survey.site.zone, author)
        entries.append(Entry(change.id, change.created, change.created, encode(shape)))
    return entries


def _in_order(entries: list[Entry]) -> list[Entry]:
    entries.sort(key=lambda entry: (entry.created, entry.id))
    return entries


def _signed(raw: Json, shape: Json, users: Users) -> None:
    """Put in the two authors; an anonymous one is absent, as on Jira."""
    for name in ("author", "updateAuthor"):
        author = users.shape(raw.get(name))
        if author is not None:
            shape[name] = author


def _times(raw: Json, default: int) -> tuple[int, int]:
    created = instant(raw.get("created"))
    updated = instant(raw.get("updated"))
    created = created if created is not None else updated if updated is not None else default
    return created, created if updated is None else updated


def _stamped(shape: Json, created: int, updated: int, zone: ZoneInfo) -> None:
    shape["created"] = rendered = timestamp(created, zone)
    shape["updated"] = rendered if updated == created else timestamp(updated, zone)


def _comment(raw: Json, issue_id: int, issue_created: int, survey: Survey) -> Entry:
    users = survey.registry.users
    comment_id = number(raw.get("id")) or survey.site.next_id()
    created, updated = _times(raw, issue_created)
    shape: Json = {"self": f"{BASE}/rest/api/3/issue/{issue_id}/comment/{comment_id}", "id": str(comment_id)}
    _signed(raw, shape, users)
    shape["body"] = document(raw.get("body"), users) or to_adf("")
    _stamped(shape, created, updated, survey.site.zone)
    visibility = an_object(raw.get("visibility"))
    if visibility:
        shape["visibility"] = visibility
    shape["jsdPublic"] = raw.get("jsdPublic") is not False
    return Entry(comment_id, created, updated, encode(shape))


def _worklog(raw: Json, issue_id: int, issue_created: int, survey: Survey) -> Entry:
    users = survey.registry.users
    worklog_id = number(raw.get("id")) or survey.site.next_id()
    created, updated = _times(raw, issue_created)
    started = instant(raw.get("started"))
    seconds = number(raw.get("timeSpentSeconds")) or 0
    shape: Json = {"self": f"{BASE}/rest/api/3/issue/{issue_id}/worklog/{worklog_id}"}
    _signed(raw, shape, users)
    comment = document(raw.get("comment"), users)
    if comment is not None:
        shape["comment"] = comment
    _stamped(shape, created, updated, survey.site.zone)
    visibility = an_object(raw.get("visibility"))
    if visibility:
        shape["visibility"] = visibility
    shape["started"] = timestamp(created if started is None else started, survey.site.zone)
    shape["timeSpent"] = text(raw.get("timeSpent")) or f"{max(1, seconds // 60)}m"
    shape |= {"timeSpentSeconds": seconds, "id": str(worklog_id), "issueId": str(issue_id)}
    return Entry(worklog_id, created, updated, encode(shape))


def _history(raw: Json, issue_created: int, survey: Survey) -> Entry:
    history_id = number(raw.get("id"))
    if history_id is None:
        history_id = next(survey.history_ids)
    created, _ = _times(raw, issue_created)
    shape: Json = {"id": str(history_id)}
    author = survey.registry.users.shape(raw.get("author"))
    if author is not None:
        shape["author"] = author
    shape["created"] = timestamp(created, survey.site.zone)
    shape["items"] = [_history_item(item, survey.registry.users) for item in objects(raw.get("items"))]
    return Entry(history_id, created, created, encode(shape))


def _history_item(item: Json, users: Users) -> Json:
    """An item with account ids where v2 Server writes user names or keys."""
    if item.get("field") not in _PEOPLE_FIELDS:
        return item
    accounts: Json = {}
    for side in ("from", "to"):
        value = item.get(side)
        account = users.named(value) if isinstance(value, str) else None
        if account is not None:
            accounts[side] = account.account_id
    return item | accounts
