"""Search: ``search/jql`` with page tokens, the approximate count, and the search that is gone."""

import msgspec

from jira_emulator.call import Answer, Call, ok, split_names
from jira_emulator.errors import JiraError, invalid_payload
from jira_emulator.issue_view import Selection, View, select_fields
from jira_emulator.jql.evaluate import evaluate
from jira_emulator.jql.match import Match, Reader
from jira_emulator.jql.order import Order, Position, compile_order
from jira_emulator.jql.parser import parse
from jira_emulator.jql.tree import JqlError, JqlSyntaxError
from jira_emulator.operations import operation
from jira_emulator.paging import PageToken, decode_token, query_digest
from jira_emulator.wire import Json, read_id

_ID_ONLY = Selection(names=frozenset({"id"}))


class SearchRequest(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The body of ``POST search/jql``, a closed schema; ``GET`` fills the same from its query string."""

    jql: str | None = None
    next_page_token: str | None = None
    max_results: int | None = None
    fields: list[str] | None = None
    expand: str | None = None
    properties: list[str] | None = None
    fields_by_keys: bool | None = None
    reconcile_issues: list[int] | None = None
    include_archived_projects: bool | None = None


class CountRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST search/approximate-count``."""

    jql: str | None = None


@operation("searchAndReconsileIssuesUsingJql")
def search_by_get(call: Call) -> Answer:
    """``GET search/jql``."""
    call.flag("failFast")
    reconcile = [read_id(number) for number in call.names("reconcileIssues")]
    if None in reconcile:
        raise invalid_payload()
    request = SearchRequest(
        jql=call.query.get("jql"),
        next_page_token=call.query.get("nextPageToken"),
        max_results=call.number("maxResults", call.limits.search_default),
        fields=call.names("fields"),
        expand=",".join(call.names("expand")),
        properties=call.names("properties"),
        fields_by_keys=call.flag("fieldsByKeys"),
        reconcile_issues=[number for number in reconcile if number is not None],
        include_archived_projects=call.flag("includeArchivedProjects"),
    )
    return _search(call, request)


@operation("searchAndReconsileIssuesUsingJqlPost")
def search_by_post(call: Call) -> Answer:
    """``POST search/jql``."""
    return _search(call, call.body(SearchRequest))


@operation("countIssues")
def count(call: Call) -> Answer:
    """``POST search/approximate-count``; the emulator's estimate is exact."""
    found = _prepare(call, call.body(CountRequest).jql)
    return ok({"count": found[0].count() if found else 0})


@operation("searchForIssuesUsingJql")
def removed_search_by_get(_call: Call) -> Answer:
    """``GET search``, removed from Jira Cloud."""
    raise _removed()


@operation("searchForIssuesUsingJqlPost")
def removed_search_by_post(_call: Call) -> Answer:
    """``POST search``, removed from Jira Cloud."""
    raise _removed()


def _removed() -> JiraError:
    return JiraError(
        410,
        "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration "
        "guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046",
    )


def _search(call: Call, request: SearchRequest) -> Answer:
    limits = call.limits
    size = limits.search_default if request.max_results is None else request.max_results
    if not 1 <= size <= limits.search_max:
        raise JiraError(400, f"The max results parameter has to be between 1 and {limits.search_max:,}.")
    if len(request.reconcile_issues or ()) > limits.reconcile_ids or len(request.properties or ()) > limits.properties:
        raise invalid_payload()
    selection = select_fields(split_names(request.fields or []), _ID_ONLY)
    expand = set(split_names([request.expand or ""]))
    view = View(call.site, limits, selection, limits.search_histories if "changelog" in expand else 0)
    found = _prepare(call, request.jql, archived=bool(request.include_archived_projects))
    digest = query_digest(request.jql, request.reconcile_issues or [], bool(request.include_archived_projects))
    after = _position(call, request.next_page_token, digest)
    if found is None:
        return ok({"issues": [], "isLast": True})
    match, order = found
    issues, position = order.page(match, after, min(size, _page_cap(view)))
    page: Json = {"issues": [msgspec.Raw(view.render(issue)) for issue in issues]}
    if position is not None:
        page["nextPageToken"] = PageToken(digest, call.site.now(), position).encode()
    page["isLast"] = position is None
    if "names" in expand:
        page["names"] = view.names()
    if "schema" in expand:
        page["schema"] = view.schema()
    return ok(page)


def _page_cap(view: View) -> int:
    """How many issues a page holds at most, whatever was asked: the wider the issues, the fewer."""
    limits = view.limits
    if view.histories:
        return limits.search_wide_page
    if view.selection.identity:
        return limits.search_max
    return limits.search_plain_page if view.selection.plain(limits.plain_fields) else limits.search_wide_page


def _position(call: Call, token: str | None, digest: str) -> Position | None:
    if not token:
        return None
    page = decode_token(token)
    if page is None or page.query != digest or call.site.now() - page.issued > call.limits.token_age:
        raise JiraError(400, "The provided next page token is invalid or expired.")
    return page.position


def _prepare(call: Call, jql: str | None, *, archived: bool = False) -> tuple[Match, Order] | None:
    """Parse and compile a bounded query.

    Anonymous callers are not told what does not exist: theirs is an empty answer (``None``).
    """
    try:
        query = parse(jql or "")
        if query.where is None:
            message = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
            raise JiraError(400, message)
        if len(query.order) > call.limits.search_order_fields:
            raise invalid_payload()
        reader = Reader(call.site, call.zone(), call.site.now())
        return evaluate(query.where, reader, archived=archived), compile_order(query.order, call.site)
    except JqlSyntaxError as error:
        raise JiraError(400, str(error)) from error
    except JqlError as error:
        if call.caller is None:
            return None
        raise JiraError(400, str(error)) from error
