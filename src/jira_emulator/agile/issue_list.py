"""The issue lists of boards and sprints, deprecated but served: paged by number, all fields unless asked."""

import msgspec

from jira_emulator.call import Answer, Call, ok
from jira_emulator.errors import JiraError
from jira_emulator.issue_view import Selection, View, select_fields
from jira_emulator.jql.evaluate import evaluate
from jira_emulator.jql.match import Reader
from jira_emulator.jql.order import compile_order
from jira_emulator.jql.parser import parse
from jira_emulator.jql.tree import JqlError
from jira_emulator.model import Issue
from jira_emulator.stored import load, split
from jira_emulator.system_fields import SPRINT_FIELD
from jira_emulator.wire import Json

_HAS_SPRINT = f'"{SPRINT_FIELD}":['.encode()


def issue_list(call: Call, projects: set[str], sprint_id: int | None = None) -> Answer:
    """A page of the issues of these projects, optionally of one sprint, that satisfy the request's ``jql``.

    Raises:
        JiraError: The query is wrong.
    """
    try:
        query = parse(call.query.get("jql", ""))
        match = evaluate(query.where, Reader(call.site, call.zone(), call.site.now()))
        order = compile_order(query.order, call.site)
    except JqlError as error:
        raise JiraError(400, str(error)) from error
    match.scope.projects &= projects
    if sprint_id is not None:
        match.predicates.append(lambda issue: sprint_id in _sprints(issue))
    expand = set(call.names("expand"))
    selection = select_fields(call.names("fields"), Selection(every=True))
    view = View(call.site, call.limits, selection, call.limits.search_histories if "changelog" in expand else 0)
    start, size = call.page(call.limits.page_default, call.limits.agile_issue_page)
    page: Json = {
        "expand": "schema,names",
        "startAt": start,
        "maxResults": size,
        "total": match.count(),
        "issues": [msgspec.Raw(view.render(issue)) for issue in order.window(match, start, size)],
    }
    if "names" in expand:
        page["names"] = view.names()
    if "schema" in expand:
        page["schema"] = view.schema()
    return ok(page)


def _sprints(issue: Issue) -> set[int]:
    """Ids of the sprints the issue is or was in; most issues are in none, and those are told without decoding."""
    if _HAS_SPRINT not in issue.fields:
        return set()
    sprints = load(split(issue.fields)[SPRINT_FIELD])
    return {sprint["id"] for sprint in sprints} if isinstance(sprints, list) else set()
