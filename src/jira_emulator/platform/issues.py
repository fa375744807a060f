"""Issues: one, many at once, and the changes that make a copy of them drift."""

import msgspec

from jira_emulator import edits
from jira_emulator.call import Answer, Call, no_content, split_names
from jira_emulator.errors import JiraError, invalid_payload
from jira_emulator.faults import FaultKind
from jira_emulator.issue_view import Selection, View, select_fields
from jira_emulator.model import Issue
from jira_emulator.operations import operation
from jira_emulator.wire import Json

_ALL = Selection(every=True)
_NAVIGABLE = Selection(navigable=True)
_COSTLY_EXPANDS = frozenset(
    {"changelog", "editmeta", "operations", "renderedFields", "transitions", "versionedRepresentations"}
)


class BulkFetchRequest(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The body of ``POST issue/bulkfetch``, a closed schema."""

    issue_ids_or_keys: list[str]
    fields: list[str] | None = None
    expand: list[str] | None = None
    properties: list[str] | None = None
    fields_by_keys: bool | None = None


class EditRequest(msgspec.Struct, rename="camel"):
    """The body of ``PUT issue``, an open schema; ``transition`` and the like are not applied, as on Jira."""

    fields: dict[str, object] = msgspec.field(default_factory=dict)
    update: dict[str, list[dict[str, object]]] = msgspec.field(default_factory=dict)


@operation("getIssue")
def get_issue(call: Call) -> Answer:
    """``GET issue/{issueIdOrKey}``; old keys of moved issues answer with the new one."""
    issue = call.issue()
    expand = set(call.names("expand"))
    selection = select_fields(call.names("fields"), _ALL)
    view = View(call.site, call.limits, selection, call.limits.issue_histories if "changelog" in expand else 0)
    return Answer(200, view.with_expansions(expand).render(issue))


@operation("bulkFetchIssues")
def bulk_fetch(call: Call) -> Answer:
    """``POST issue/bulkfetch``: issues in ascending order of id, unknown ones only under ``issueErrors``."""
    request = call.body(BulkFetchRequest)
    limits = call.limits
    expand = set(split_names(request.expand or []))
    selection = select_fields(split_names(request.fields or []), _NAVIGABLE)
    plain = selection.plain(limits.bulk_plain_fields) and not expand & _COSTLY_EXPANDS
    allowed = limits.bulk_plain_ids if plain else limits.bulk_ids
    if not 1 <= len(request.issue_ids_or_keys) <= allowed or len(request.properties or ()) > limits.properties:
        raise invalid_payload()
    call.journal.ask_issues(len(request.issue_ids_or_keys))
    found: dict[int, Issue] = {}
    errors: list[Json] = []
    for id_or_key in request.issue_ids_or_keys:
        issue = call.site.find_issue(id_or_key)
        if issue is None:
            message = "Issue does not exist or you do not have permission to see it."
            errors.append({"id": id_or_key, "errorMessage": message})
        else:
            found[issue.id] = issue
    view = View(call.site, limits, selection, limits.search_histories if "changelog" in expand else 0)
    tail = b'],"issueErrors":' + msgspec.json.encode(errors) + b"}"
    ordered = [found[number] for number in sorted(found)]
    return Answer(200, _bulk_body(call, view.with_expansions(expand), ordered, tail))


def _bulk_body(call: Call, view: View, issues: list[Issue], tail: bytes) -> bytes:
    head = b'{"expand":"schema,names","issues":['
    if not call.faults.by_issue:
        return b"".join((head, b",".join(map(view.render, issues)), tail))
    texts: list[bytes] = []
    for issue in issues:
        fault = call.faults.strike(issue)
        texts.append(view.render(issue, fault))
        if fault is FaultKind.BROKEN_JSON:
            return head + b",".join(texts)
    return head + b",".join(texts) + tail


@operation("editIssue")
def edit_issue(call: Call) -> Answer:
    """``PUT issue/{issueIdOrKey}`` with plain ``fields``, or ``update`` with single ``set`` operations."""
    issue = call.issue()
    author = call.account()
    request = call.body(EditRequest)
    values = dict(request.fields)
    for name, changes in request.update.items():
        if name in values:
            raise JiraError(400, fields={name: f"Field '{name}' cannot appear in both 'fields' and 'update'"})
        if len(changes) != 1 or changes[0].keys() != {"set"}:
            message = "Only a single 'set' operation is supported by this emulator."
            raise JiraError(400, fields={name: message})
        values[name] = changes[0]["set"]
    edits.edit_issue(call.site, issue, values, author)
    if call.flag("returnIssue"):
        return Answer(200, View(call.site, call.limits, _ALL).render(issue))
    return no_content()


@operation("deleteIssue")
def delete_issue(call: Call) -> Answer:
    """``DELETE issue/{issueIdOrKey}``; sub-tasks are only deleted along when that is asked for."""
    issue = call.issue()
    call.account()
    subtasks = edits.subtasks(call.site, issue)
    if subtasks and not call.flag("deleteSubtasks"):
        raise JiraError(
            400,
            f"The issue '{issue.key}' has subtasks.  You must specify the 'deleteSubtasks' parameter to delete this "
            "issue and all its subtasks.",
        )
    for doomed in (*subtasks, issue):
        edits.delete_issue(call.site, doomed)
    return no_content()
