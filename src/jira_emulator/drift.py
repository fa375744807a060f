"""Changes that Jira makes without moving an issue's ``updated``, on order: what a copy can only find by comparing."""

import msgspec

from jira_emulator import children, edits
from jira_emulator.errors import JiraError
from jira_emulator.model import Entry, Issue, User
from jira_emulator.site import Site
from jira_emulator.wire import Json


class CommentDrift(msgspec.Struct, forbid_unknown_fields=True):
    """Add a comment of this text, or edit (to ``text``) or delete the one with this id."""

    add: str | None = None
    edit: int | None = None
    text: str = "Drifted"
    delete: int | None = None


class WorklogDrift(msgspec.Struct, forbid_unknown_fields=True):
    """Edit (to ``seconds``) or delete the worklog with this id."""

    edit: int | None = None
    seconds: int = 3_600
    delete: int | None = None


class Removal(msgspec.Struct, forbid_unknown_fields=True):
    """Remove the link or history with this id."""

    remove: int


class Drift(msgspec.Struct, forbid_unknown_fields=True):
    """``POST drift``: changes of one issue; ``change`` sets fields as ``PUT issue`` would."""

    issue: str
    change: Json | None = None
    comment: CommentDrift | None = None
    worklog: WorklogDrift | None = None
    link: Removal | None = None
    history: Removal | None = None


def apply(site: Site, issue: Issue, drift: Drift) -> None:
    """Change the issue; its ``updated`` and its histories do not tell.

    Raises:
        JiraError: A field cannot be set so, or there is no such comment, worklog, link or history.
    """
    if drift.change is not None:
        edits.drift_issue(site, issue, drift.change)
    if drift.comment is not None:
        _drift_comment(site, issue, drift.comment)
    if drift.worklog is not None:
        _drift_worklog(site, issue, drift.worklog)
    if drift.link is not None and not children.remove_link(site, issue, str(drift.link.remove)):
        raise JiraError(404, f"No issue link with id '{drift.link.remove}' exists.")
    if drift.history is not None:
        issue.histories.remove(_find(issue.histories, drift.history.remove, "history"))


def _drift_comment(site: Site, issue: Issue, change: CommentDrift) -> None:
    author = site.users.get(site.account_id) or User(site.account_id, "Emulator Admin")
    if change.add is not None:
        children.add_comment(site, issue, author, _document(change.add), silent=True)
    if change.edit is not None:
        entry = _find(issue.comments, change.edit, "comment")
        children.edit_comment(site, issue, entry, author, _document(change.text), silent=True)
    if change.delete is not None:
        children.delete_comment(site, issue, _find(issue.comments, change.delete, "comment"), silent=True)


def _drift_worklog(site: Site, issue: Issue, change: WorklogDrift) -> None:
    if change.edit is not None:
        children.drift_worklog(_find(issue.worklogs, change.edit, "worklog"), change.seconds)
    if change.delete is not None:
        entry = _find(issue.worklogs, change.delete, "worklog")
        children.delete_worklog(site, issue, entry, silent=True)


def _find(entries: list[Entry], number: int, kind: str) -> Entry:
    for entry in entries:
        if entry.id == number:
            return entry
    raise JiraError(404, f"The issue has no {kind} with id {number}.")


def _document(text: str) -> Json:
    content = [{"type": "paragraph", "content": [{"type": "text", "text": text}]}] if text else []
    return {"type": "doc", "version": 1, "content": content}
