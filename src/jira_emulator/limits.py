"""The limits Jira Cloud puts on its answers, in one place, each with where the figure comes from.

Sources: (S) Atlassian's OpenAPI documents of September 2026; (F) field reports; (K) common knowledge that was not
verified, the reason all of them can be changed.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Page sizes and truncations. Ages are in milliseconds, everything else counts items."""

    search_default: int = 50
    """``search/jql`` without ``maxResults`` (S)."""
    search_max: int = 5_000
    """Largest ``maxResults`` of ``search/jql``, reached when only ids or keys are asked (S)."""
    search_plain_page: int = 1_000
    """Issues per page for up to ``plain_fields`` single-valued fields (K)."""
    search_wide_page: int = 100
    """Issues per page for anything wider (F)."""
    plain_fields: int = 10
    """How many single-valued fields still make a plain request (K)."""
    search_order_fields: int = 7
    """ORDER BY fields of ``search/jql`` (S)."""
    reconcile_ids: int = 50
    """``reconcileIssues`` of ``search/jql`` (S)."""
    properties: int = 5
    """Issue properties of one request (S)."""
    token_age: int = 7 * 24 * 3_600_000
    """How long a page token of ``search/jql`` lives (F)."""
    bulk_ids: int = 100
    """Issues of one ``issue/bulkfetch`` (S)."""
    bulk_plain_ids: int = 1_000
    """Issues of one ``issue/bulkfetch`` that names up to ``bulk_plain_fields`` single-valued fields (S)."""
    bulk_plain_fields: int = 100
    """See ``bulk_plain_ids`` (S)."""
    changelog_ids: int = 1_000
    """Issues of one ``changelog/bulkfetch`` (S)."""
    changelog_fields: int = 10
    """``fieldIds`` of one ``changelog/bulkfetch`` (S)."""
    changelog_default: int = 1_000
    """Histories per page of ``changelog/bulkfetch`` (S)."""
    changelog_max: int = 10_000
    """Largest ``maxResults`` of ``changelog/bulkfetch`` (S)."""
    issue_changelog_page: int = 100
    """Histories per page of one issue's changelog; default and cap (S for the default, K for the cap)."""
    embedded_comments: int = 20
    """Comments inside an issue, oldest first (K)."""
    embedded_worklogs: int = 20
    """Worklogs inside an issue, oldest first (S)."""
    search_histories: int = 40
    """Newest histories inside an issue of a search or bulk answer (F)."""
    issue_histories: int = 100
    """Newest histories inside a single issue (S)."""
    comment_default: int = 100
    """Comments per page (S)."""
    comment_max: int = 5_000
    """Largest page of comments (F: also the most an issue holds)."""
    worklog_default: int = 5_000
    """Worklogs of one issue per page; default and cap (S)."""
    worklog_feed_page: int = 1_000
    """Entries per page of ``worklog/updated`` and ``worklog/deleted`` (S)."""
    worklog_feed_lag: int = 60_000
    """The feeds leave out what happened in this time before the request (S)."""
    list_ids: int = 1_000
    """Ids of one ``comment/list`` or ``worklog/list`` (S)."""
    project_page: int = 100
    """Cap of ``project/search``; a larger ``maxResults`` is lowered without a word (F)."""
    page_default: int = 50
    """Other paged lists (S)."""
    page_max: int = 100
    """Cap of other paged lists (K)."""
    users_max: int = 1_000
    """Largest page of ``users/search`` (S)."""
    sprint_page: int = 50
    """Sprints per page of a board; default and cap (F)."""
    agile_issue_page: int = 100
    """Cap of the agile issue lists (K)."""
