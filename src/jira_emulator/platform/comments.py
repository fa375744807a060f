"""Comments: pages of one issue's, any by id, and their changes."""

import msgspec

from jira_emulator import children
from jira_emulator.call import Answer, Call, no_content
from jira_emulator.errors import JiraError, invalid_payload
from jira_emulator.model import Entry, Issue
from jira_emulator.operations import operation
from jira_emulator.paging import entry_page, page_bean, raws
from jira_emulator.wire import Json


class IdList(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``comment/list``, a closed schema."""

    ids: list[int]


class CommentBody(msgspec.Struct):
    """The body of a comment to add or change, an open schema."""

    body: msgspec.Raw = msgspec.Raw(b"null")
    visibility: Json | None = None


@operation("getComments")
def get_comments(call: Call) -> Answer:
    """``GET issue/{issueIdOrKey}/comment``: oldest first unless ``orderBy`` is ``-created``."""
    entries = call.issue().comments
    order = call.query.get("orderBy", "created").strip()
    if order.lstrip("+-") != "created":
        name = order.lstrip("+-")
        raise JiraError(400, f"The field to order by should be one of [created]. Instead, it was: {name}.")
    start, size = call.page(call.limits.comment_default, call.limits.comment_max)
    return entry_page("comments", entries[::-1] if order.startswith("-") else entries, start, size)


@operation("getComment")
def get_comment(call: Call) -> Answer:
    """``GET issue/{issueIdOrKey}/comment/{id}``."""
    return Answer(200, _find(call, call.issue()).body)


@operation("getCommentsByIds")
def comments_by_ids(call: Call) -> Answer:
    """``POST comment/list``: those of the given comments that exist, in ascending order of id."""
    wanted = set(call.body(IdList).ids)
    if len(wanted) > call.limits.list_ids:
        raise invalid_payload()
    found = [entry for issue in call.site.issues.values() for entry in issue.comments if entry.id in wanted]
    found.sort(key=lambda entry: entry.id)
    return page_bean(call, raws(found), default=call.limits.list_ids, cap=call.limits.list_ids)


@operation("addComment")
def add_comment(call: Call) -> Answer:
    """``POST issue/{issueIdOrKey}/comment``; moves the issue's ``updated``."""
    issue, author = call.issue(), call.account()
    request = call.body(CommentBody)
    entry = children.add_comment(call.site, issue, author, _document(request), request.visibility)
    return Answer(201, entry.body)


@operation("updateComment")
def update_comment(call: Call) -> Answer:
    """``PUT issue/{issueIdOrKey}/comment/{id}``."""
    issue, author = call.issue(), call.account()
    entry = _find(call, issue)
    children.edit_comment(call.site, issue, entry, author, _document(call.body(CommentBody)))
    return Answer(200, entry.body)


@operation("deleteComment")
def delete_comment(call: Call) -> Answer:
    """``DELETE issue/{issueIdOrKey}/comment/{id}``: no trace is left."""
    issue = call.issue()
    call.account()
    children.delete_comment(call.site, issue, _find(call, issue))
    return no_content()


def _find(call: Call, issue: Issue) -> Entry:
    wanted = call.arguments["id"]
    for entry in issue.comments:
        if str(entry.id) == wanted:
            return entry
    raise JiraError(404, f"Can not find a comment for the id: {wanted}.")


def _document(request: CommentBody) -> Json:
    try:
        document = msgspec.json.decode(request.body, type=dict[str, object])
    except msgspec.ValidationError:
        document = {}
    if document.get("type") != "doc" or document.get("version") != 1 or not isinstance(document.get("content"), list):
        raise JiraError(400, fields={"comment": "Comment body is not valid!"})
    return document
